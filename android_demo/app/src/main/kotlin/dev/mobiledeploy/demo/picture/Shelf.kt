package dev.mobiledeploy.demo.picture

import android.content.Context
import android.graphics.Bitmap
import dev.mobiledeploy.core.BundleReader
import dev.mobiledeploy.core.LoadedBundle
import dev.mobiledeploy.demo.model.ModelStore

/** A sample picture: its [source], and a [preview] of it. */
class Sample(val source: String, val preview: Bitmap)

/** What is looked up and decoded beside the models' thread. */
class Shelf(context: Context, private val store: ModelStore) : AutoCloseable {
    private val opener = PictureOpener(context.assets, context.contentResolver)
    private val decoder = PictureDecoder(context.resources.displayMetrics.run { maxOf(widthPixels, heightPixels) } / 2)

    /** Lists the models by name. */
    fun modelNames(): List<String> = store.names()

    /**
     * Reads a bundle and checks it.
     *
     * @throws dev.mobiledeploy.core.FailureException A file of it is missing or damaged.
     */
    fun bundle(name: String): LoadedBundle = BundleReader.read(store.files(name))

    /**
     * Decodes a picture.
     *
     * @throws dev.mobiledeploy.core.FailureException It is gone, is none, or is too large.
     */
    fun picture(source: String): DecodedPicture = decoder.decode(opener.read(source))

    /**
     * Gives small versions of the sample pictures.
     *
     * @throws dev.mobiledeploy.core.FailureException One is damaged.
     */
    fun samples(): List<Sample> = opener.samples().map { Sample(it, decoder.preview(opener.read(it))) }

    override fun close() = Unit
}
