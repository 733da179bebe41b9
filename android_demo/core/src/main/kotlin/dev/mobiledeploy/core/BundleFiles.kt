package dev.mobiledeploy.core

import java.io.File
import java.io.FileInputStream
import java.io.FileNotFoundException
import java.io.IOException
import java.io.InputStream
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.channels.FileChannel

/** The files of one bundle, wherever they lie: in the app's assets or in a folder. */
interface BundleFiles {
    /** What people call the bundle; named in failures. */
    val name: String

    /**
     * Opens a file.
     *
     * @return Its content from the start, which the caller closes; null if there is no such file.
     * @throws IOException It cannot be opened.
     */
    fun open(file: String): InputStream?

    /**
     * Maps a file into memory without a copy of it.
     *
     * @return Its whole content, direct, little endian.
     * @throws FileNotFoundException There is no such file.
     * @throws IOException It cannot be mapped.
     */
    fun map(file: String): ByteBuffer
}

/** A bundle that lies in a [folder]. */
class FolderFiles(private val folder: File) : BundleFiles {
    override val name: String get() = folder.name

    override fun open(file: String): InputStream? = File(folder, file).takeIf(File::isFile)?.let(::FileInputStream)

    override fun map(file: String): ByteBuffer = FileInputStream(File(folder, file)).use { stream ->
        val channel = stream.channel
        channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size()).order(ByteOrder.LITTLE_ENDIAN)
    }
}

private const val LONGEST_FILE_NAME = 200

/** Whether a text from a stranger names one file, and nothing in another folder. */
fun isFileName(text: String): Boolean = text.isNotBlank() &&
    text.length <= LONGEST_FILE_NAME &&
    text != "." &&
    text != ".." &&
    text.none { it == '/' || it == '\\' || it.isISOControl() }
