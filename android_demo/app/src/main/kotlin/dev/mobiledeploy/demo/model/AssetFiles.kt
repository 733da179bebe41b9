package dev.mobiledeploy.demo.model

import android.content.res.AssetManager
import dev.mobiledeploy.core.BundleFiles
import java.io.FileInputStream
import java.io.FileNotFoundException
import java.io.IOException
import java.io.InputStream
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.channels.FileChannel

/** A bundle that lies in a [folder] of the app's assets. */
class AssetFiles(private val assets: AssetManager, private val folder: String) : BundleFiles {
    override val name: String get() = folder.substringAfterLast('/')

    override fun open(file: String): InputStream? = try {
        assets.open("$folder/$file")
    } catch (_: FileNotFoundException) {
        null
    }

    override fun map(file: String): ByteBuffer = try {
        assets.openFd("$folder/$file").use { asset ->
            FileInputStream(asset.fileDescriptor).channel
                .map(FileChannel.MapMode.READ_ONLY, asset.startOffset, asset.declaredLength)
                .order(ByteOrder.LITTLE_ENDIAN)
        }
    } catch (error: FileNotFoundException) {
        // Android says the same of a file that is missing and of one that is compressed.
        open(file)?.close() ?: throw error
        throw IOException("it is compressed in the app", error)
    }
}
