package dev.mobiledeploy.demo.picture

import android.content.ContentResolver
import android.content.res.AssetManager
import android.net.Uri
import dev.mobiledeploy.core.Failure
import dev.mobiledeploy.core.FailureException
import dev.mobiledeploy.core.reasonOf
import java.io.ByteArrayOutputStream
import java.io.FileNotFoundException
import java.io.IOException
import java.io.InputStream

/** Finds a picture by its source: the path of an asset such as "samples/x.png", or a content URI of another app. */
class PictureOpener(private val assets: AssetManager, private val resolver: ContentResolver) {
    /** Lists the sources of the sample pictures that the app was built with. */
    fun samples(): List<String> = assets.list(SAMPLES).orEmpty().sorted().map { "$SAMPLES/$it" }

    /**
     * Reads a picture's file whole, still encoded.
     *
     * @throws FailureException It is gone, may not be read, or is too large a file.
     */
    fun read(source: String): ByteArray = try {
        open(source).use { it.readAtMost(MOST_BYTES) }
    } catch (error: FileNotFoundException) {
        throw unreadable("it is not there any more", error)
    } catch (error: IOException) {
        throw unreadable(reasonOf(error), error)
    } catch (error: SecurityException) {
        throw unreadable("the other app does not let this one read it any more", error)
    } catch (error: RuntimeException) {
        // Another app's code answers here, and its exceptions arrive as they are.
        throw unreadable("the other app fails to give it (${reasonOf(error)})", error)
    }

    private fun open(source: String): InputStream {
        if (source.startsWith("$SAMPLES/")) return assets.open(source)
        val uri = Uri.parse(source)
        // A file: URI could name this app's own files.
        if (uri.scheme != ContentResolver.SCHEME_CONTENT) throw IOException("it is no content of another app")
        return resolver.openInputStream(uri) ?: throw FileNotFoundException(source)
    }

    private companion object {
        const val SAMPLES = "samples"

        /** More than any camera's file; a stream that never ends shall not take all memory. */
        const val MOST_BYTES = 100_000_000
    }
}

private fun InputStream.readAtMost(mostBytes: Int): ByteArray {
    val bytes = ByteArrayOutputStream()
    val piece = ByteArray(DEFAULT_BUFFER_SIZE)
    while (true) {
        val count = read(piece)
        if (count < 0) return bytes.toByteArray()
        bytes.write(piece, 0, count)
        if (bytes.size() > mostBytes) throw IOException("its file is larger than ${mostBytes / 1_000_000} MB")
    }
}

private fun unreadable(problem: String, cause: Exception) = FailureException(Failure.PictureUnreadable(problem), cause)
