package dev.mobiledeploy.core

import dev.mobiledeploy.core.fakes.SmallBundle
import java.io.File
import java.io.FileNotFoundException
import java.nio.ByteOrder
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertNull
import kotlin.test.assertTrue
import org.junit.jupiter.api.io.TempDir

class BundleFilesTest {
    @TempDir
    lateinit var folder: File

    @Test
    fun `a folder is a bundle, too`() {
        val bundle = SmallBundle()
        val place = File(folder, "kleines Bündel").apply { mkdir() }
        for ((name, bytes) in bundle.files) File(place, name).writeBytes(bytes)
        File(place, "golden").mkdir()
        val files = FolderFiles(place)
        val loaded = BundleReader.read(files)
        assertEquals("kleines Bündel" to bundle.sha256, files.name to loaded.card.sha256)
        assertEquals(ByteOrder.LITTLE_ENDIAN to true, loaded.model.order() to loaded.model.isDirect)
        assertNull(files.open("golden"))
        assertFailsWith<FileNotFoundException> { files.map("none.tflite") }
        File(place, "labels.txt").delete()
        assertEquals(Failure.FileMissing("kleines Bündel", "labels.txt"), assertFailsWith<FailureException> { BundleReader.read(files) }.failure)
    }

    @Test
    fun `a file name is one part of a path that people can read`() {
        for (name in listOf("a", "model.json", "..a", "ä ö", "a".repeat(200))) assertTrue(isFileName(name), name)
        for (name in listOf("", " ", ".", "..", "a/b", "/a", "a\\b", "a\u0000", "a\nb", "a".repeat(201))) assertFalse(isFileName(name), name)
    }
}
