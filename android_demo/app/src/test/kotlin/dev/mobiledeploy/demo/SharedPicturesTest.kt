package dev.mobiledeploy.demo

import android.app.Activity
import android.content.Intent
import android.net.Uri
import org.junit.Assert.assertEquals
import org.junit.Test
import org.robolectric.Shadows.shadowOf
import java.io.ByteArrayOutputStream
import java.io.DataOutputStream
import java.io.InputStream
import java.nio.ByteBuffer
import java.util.zip.CRC32

private const val PNG_MAGIC = -0x76afb1b8f2f5e5f6L

class SharedPicturesTest : ScreenTest() {
    @Test
    fun `a picture that another app shares is answered as the same sample`() {
        val expected = Given.answer(Given.models.first(), 0)
        val screen = share("content://other/one", app.assets.open(expected.picture))
        awaitAnswer(screen, R.id.first_slot)
        assertEquals(expected.label, shownGuesses(screen, R.id.first_slot).first().label)
    }

    @Test
    fun `a picture of 100 megapixels is refused by its size before it takes memory`() {
        awaitText(share("content://other/huge", png(10_000, 10_000).inputStream()), "too large: 10000 x 10000 pixels")
    }

    @Test
    fun `a text is no picture`() {
        awaitText(share("content://other/text", "hello".byteInputStream()), "knows no picture of this form")
    }

    @Test
    fun `a picture that ends after its first bytes cannot be read`() {
        val sample = app.assets.open(Given.answers.first().picture).use { it.readBytes() }
        awaitText(share("content://other/start", sample.copyOf(40).inputStream()), "The picture cannot be read")
    }

    @Test
    fun `a stream without end does not take all memory`() {
        awaitText(share("content://other/endless", Endless()), "larger than 100 MB")
    }

    @Test
    fun `a file of this app is not shown to who names it`() {
        awaitText(share("file:///data/data/dev.mobiledeploy.demo/files/x", null), "it is no content of another app")
    }

    @Test
    fun `a picture that is gone is told to be gone`() {
        awaitText(share("content://nobody/here", null), "The picture cannot be read")
    }

    @Test
    fun `another picture can be touched after a bad one`() {
        val screen = share("content://other/text", "hello".byteInputStream())
        awaitText(screen, "cannot be read")
        touchSample(screen, 0)
        assertEquals(5, shownGuesses(screen, R.id.first_slot).size)
    }

    private fun share(source: String, content: InputStream?): Activity {
        val uri = Uri.parse(source)
        if (content != null) shadowOf(app.contentResolver).registerInputStream(uri, content)
        return openPictures(Intent(Intent.ACTION_SEND).setType("image/png").putExtra(Intent.EXTRA_STREAM, uri))
    }

    /** The beginning of a PNG that says how large it is. */
    private fun png(width: Int, height: Int): ByteArray {
        val bytes = ByteArrayOutputStream()
        val out = DataOutputStream(bytes)
        out.writeLong(PNG_MAGIC)
        val size = ByteBuffer.allocate(13).putInt(width).putInt(height).put(8).put(2)
        for ((kind, data) in listOf("IHDR" to size.array(), "IDAT" to ByteArray(9), "IEND" to ByteArray(0))) {
            val named = kind.toByteArray() + data
            out.writeInt(data.size)
            out.write(named)
            out.writeInt(CRC32().apply { update(named) }.value.toInt())
        }
        return bytes.toByteArray()
    }

    private class Endless : InputStream() {
        override fun read() = 1

        override fun read(target: ByteArray, offset: Int, length: Int) = length
    }
}
