package dev.mobiledeploy.core

import dev.mobiledeploy.core.fakes.SmallBundle
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.io.File
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertNotNull
import kotlin.test.assertNull

class BundleStoreTest {
    @TempDir
    lateinit var root: File

    @TempDir
    lateinit var cable: File

    private val store by lazy { BundleStore(root) }

    private fun failureOf(name: String = "small-int8", files: Map<String, String>) =
        assertFailsWith<FailureException> { store.take(name, cable, files) }.failure

    private fun model() = assertNotNull(store.files("small-int8")?.open("small-int8.tflite")).use { it.readBytes() }

    @Test
    fun `a bundle that arrives is listed and can be read`() {
        val bundle = SmallBundle()
        val loaded = store.take(bundle.name, cable, bundle.send(cable))
        assertEquals(bundle.sha256, loaded.card.sha256)
        assertEquals(listOf("small-int8"), store.names())
        assertEquals(listOf("ant", "bee", "cat"), BundleReader.read(assertNotNull(store.files("small-int8"))).contract.labels)
        assertEquals(setOf("models", "replaced"), root.list()?.toSet())
        assertNull(store.files("another"))
        assertNull(store.files("../models/small-int8"))
    }

    @Test
    fun `a newer bundle takes the place of the older with all its files`() {
        val older = SmallBundle().apply { files["golden_inputs.bin"] = byteArrayOf(7) }
        store.take(older.name, cable, older.send(cable))
        val newer = SmallBundle(tflite = byteArrayOf(9))
        store.take(newer.name, cable, newer.send(cable))
        assertContentEquals(byteArrayOf(9), model())
        assertNull(store.files("small-int8")?.open("golden_inputs.bin"))
        assertEquals(0, File(root, "replaced").list()?.size)
    }

    @Test
    fun `what is no whole sound bundle leaves the older one as it was`() {
        val older = SmallBundle()
        store.take(older.name, cable, older.send(cable))
        val newer = SmallBundle(tflite = byteArrayOf(9))
        val sent = newer.send(cable)
        val other = SmallBundle("other-int8", byteArrayOf(4))
        val wrongs = listOf(
            failureOf(files = sent - "labels.txt") to Failure.FileMissing("small-int8", "labels.txt"),
            failureOf(files = sent + ("labels.txt" to "0".repeat(64))) to Failure.FileMissing("small-int8", "labels.txt"),
            failureOf(files = sent + ("../x" to sent.getValue("labels.txt"))) to
                CopyFailed("small-int8", "\"../x\" is no file name"),
            failureOf(files = other.send(cable)) to CopyFailed("small-int8", "its model.json says other-int8"),
        )
        for ((found, expected) in wrongs) assertEquals(expected, found)
        assertContentEquals(byteArrayOf(1, 2, 3), model())
        assertEquals(listOf("small-int8"), store.names())
    }

    @Test
    fun `a file that was damaged on its way is refused by its hash`() {
        val sent = SmallBundle().send(cable)
        File(cable, sent.getValue("small-int8.tflite")).writeBytes(byteArrayOf(1, 2))
        val failure = failureOf(files = sent) as Failure.HashMismatch
        assertEquals("small-int8.tflite", failure.file)
        assertEquals(emptyList(), store.names())
    }

    @Test
    fun `a file that the bundle does not need is held against its hash too`() {
        val sent = SmallBundle().apply { files["golden_inputs.bin"] = byteArrayOf(7) }.send(cable)
        File(cable, sent.getValue("golden_inputs.bin")).writeBytes(byteArrayOf(8))
        assertEquals("golden_inputs.bin", (failureOf(files = sent) as Failure.HashMismatch).file)
    }

    @Test
    fun `a bundle that is sound by the wire and unsound in itself is refused`() {
        val bundle = SmallBundle().apply { files["small-int8.tflite"] = byteArrayOf(1) }
        assertEquals("small-int8.tflite", (failureOf(files = bundle.send(cable)) as Failure.HashMismatch).file)
    }

    @Test
    fun `a process that ended between the two moves leaves the older bundle`() {
        val bundle = SmallBundle()
        store.take(bundle.name, cable, bundle.send(cable))
        File(root, "models/small-int8").renameTo(File(root, "replaced/small-int8"))
        File(root, "incoming/small-int8").mkdirs()
        assertEquals(listOf("small-int8"), store.names())
        assertContentEquals(byteArrayOf(1, 2, 3), model())
        assertEquals(setOf("models", "replaced"), root.list()?.toSet())
    }

    @Test
    fun `a process that ended after both moves leaves the newer bundle`() {
        val bundle = SmallBundle(tflite = byteArrayOf(9))
        store.take(bundle.name, cable, bundle.send(cable))
        File(root, "replaced/small-int8").mkdirs()
        File(root, "replaced/small-int8/small-int8.tflite").writeBytes(byteArrayOf(1))
        assertContentEquals(byteArrayOf(9), model())
    }

    @Test
    fun `a folder that cannot be written is said in words`() {
        File(root, "incoming").writeText("in the way")
        val failure = store.run { File(root, "models").writeText("in the way"); failureOf(files = SmallBundle().send(cable)) }
        assertEquals(CopyFailed("small-int8", "models cannot be made"), failure)
    }
}
