package dev.mobiledeploy.host

import dev.mobiledeploy.core.Failure
import dev.mobiledeploy.core.FailureException
import java.awt.image.BufferedImage
import java.io.File
import javax.imageio.ImageIO
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertIs
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

class PngPictureTest {
    @TempDir
    lateinit var folder: File

    @Test
    fun `pixels come as they are stored, colour not multiplied by alpha`() {
        val image = BufferedImage(3, 2, BufferedImage.TYPE_INT_ARGB)
        for (y in 0 until 2) for (x in 0 until 3) image.setRGB(x, y, (0x40 shl 24) or (0xF0 shl 16) or (x shl 8) or y)
        val picture = PngPicture.read(write(image, "png"))
        val pixels = IntArray(2).also { picture.readRow(1, 1, it) }
        assertEquals(3 to 2, picture.width to picture.height)
        assertContentEquals(intArrayOf(0x40F00101, 0x40F00201), pixels)
    }

    @Test
    fun `what is grey, no PNG, damaged or missing is refused in words`() {
        val grey = write(BufferedImage(3, 2, BufferedImage.TYPE_BYTE_GRAY), "png")
        val jpeg = write(BufferedImage(3, 2, BufferedImage.TYPE_INT_RGB), "jpg")
        val whole = write(BufferedImage(300, 200, BufferedImage.TYPE_INT_RGB), "png").readBytes()
        val cut = File(folder, "cut.png").apply { writeBytes(whole.copyOf(whole.size / 2)) }
        for (file in listOf(grey, jpeg, cut, File(folder, "none.png"))) {
            val failure = assertFailsWith<FailureException> { PngPicture.read(file) }.failure
            assertEquals(true, file.name in assertIs<Failure.PictureUnreadable>(failure).problem)
        }
    }

    private fun write(image: BufferedImage, format: String): File =
        File(folder, "${image.width}-${image.type}.$format").also { ImageIO.write(image, format, it) }
}
