package dev.mobiledeploy.demo.model

import android.content.Context
import dev.mobiledeploy.core.BundleFiles
import dev.mobiledeploy.core.BundleStore
import dev.mobiledeploy.core.readIndex
import java.io.FileNotFoundException

/** The bundles that the app has: those it was built with, and those that came over the cable since. */
class ModelStore(context: Context) {
    private val assets = context.assets

    /** Those that came over the cable. */
    val brought = BundleStore(context.filesDir)

    /**
     * Lists the bundles by name: those of the app in its own order, then the others.
     *
     * @throws dev.mobiledeploy.core.FailureException The app's own list cannot be read.
     */
    fun names(): List<String> = (builtIn() + brought.names()).distinct()

    /** Gives a bundle's files; one that came over the cable stands before one of the same name in the app. */
    fun files(name: String): BundleFiles = brought.files(name) ?: AssetFiles(assets, "$FOLDER/$name")

    private fun builtIn(): List<String> = try {
        readIndex(assets.open("$FOLDER/$INDEX").use { it.readBytes() }.toString(Charsets.UTF_8))
    } catch (_: FileNotFoundException) {
        emptyList()
    }

    private companion object {
        const val FOLDER = "models"
        const val INDEX = "index.json"
    }
}
