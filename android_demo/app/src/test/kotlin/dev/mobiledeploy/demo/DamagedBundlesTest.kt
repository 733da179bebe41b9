package dev.mobiledeploy.demo

import dev.mobiledeploy.core.sha256Of
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import java.io.File
import java.io.RandomAccessFile

class DamagedBundlesTest : ScreenTest() {
    private val name = Given.models.first()
    private val tflite get() = File(models, "$name/$name.tflite")
    private val labels get() = File(models, "$name/labels.txt")
    private val manifest get() = File(models, "$name/model.json")

    @Test
    fun `a model with one other byte is told to be changed`() {
        RandomAccessFile(tflite, "rw").use { file ->
            file.seek(file.length() / 2)
            val byte = file.read()
            file.seek(file.length() / 2)
            file.write(byte xor 1)
        }
        showsInFirstSlot("$name.tflite was changed or damaged: its sha256 is ${hashOf(tflite).take(12)}")
    }

    @Test
    fun `a model that ends too early is refused by the runtime`() = changed(tflite, {
        writeBytes(readBytes().copyOf(length().toInt() / 2))
    }) { showsInFirstSlot("The runtime does not open $name: it is damaged or no TensorFlow Lite file") }

    @Test
    fun `a label too few is counted`() = changed(labels, {
        writeText(readLines().drop(1).joinToString("\n", postfix = "\n"))
    }) { showsInFirstSlot("$name promises 10 labels, labels.txt holds 9") }

    @Test
    fun `a shape that is not the file's is told with both`() {
        val promised = manifest.readText().replaceFirst("\"side\": 96", "\"side\": 128")
        manifest.writeText(promised)
        showsInFirstSlot("The input of $name is uint8 [1, 96, 96, 3]", "model.json promises uint8 [1, 128, 128, 3]")
    }

    @Test
    fun `a missing file is named`() {
        labels.delete()
        showsInFirstSlot("$name has no labels.txt")
    }

    @Test
    fun `a bundle that was mended is opened when it is tried again`() {
        labels.delete()
        val screen = openPictures()
        awaitText(screen, "has no labels.txt")
        Given.bundles.copyRecursively(models, overwrite = true)
        press(screen, R.id.try_again)
        touchSample(screen, 0)
        assertEquals(Given.answer(name, 0).label, shownGuesses(screen, R.id.first_slot).first().label)
    }

    /** Damages a file and records its new hash, as one who tampers would. */
    private fun changed(file: File, damage: File.() -> Unit, check: () -> Unit) {
        val before = hashOf(file)
        file.damage()
        val told = manifest.readText()
        assertTrue(before in told)
        manifest.writeText(told.replace(before, hashOf(file)))
        check()
    }

    private fun hashOf(file: File) = file.inputStream().use(::sha256Of)

    private fun showsInFirstSlot(vararg parts: String) {
        val screen = openPictures()
        await(screen, parts.joinToString()) {
            slotTexts(screen, R.id.first_slot).any { text -> parts.all { it in text } }
        }
        assertTrue("Try again" in texts(screen.window.decorView))
        assertEquals(emptyList<ShownGuess>(), shownGuesses(screen, R.id.first_slot))
    }
}
