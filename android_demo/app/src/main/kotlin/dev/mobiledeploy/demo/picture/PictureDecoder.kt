package dev.mobiledeploy.demo.picture

import android.graphics.Bitmap
import android.graphics.BitmapFactory
import android.graphics.ColorSpace
import android.graphics.Matrix
import android.media.ExifInterface
import dev.mobiledeploy.core.Failure
import dev.mobiledeploy.core.FailureException
import dev.mobiledeploy.core.PixelSource
import dev.mobiledeploy.core.Turn
import dev.mobiledeploy.core.requirePictureFits
import java.io.ByteArrayInputStream
import java.io.IOException

/** A decoded picture: its stored [pixels], how they lie, and a small upright [preview] to look at. */
class DecodedPicture(private val bitmap: Bitmap, val turn: Turn, val preview: Bitmap) : AutoCloseable {
    /** The picture in its full size; not to be read after [close]. */
    val pixels: PixelSource = BitmapPixels(bitmap)

    /** Frees the full picture; the preview stays. */
    override fun close() = bitmap.recycle()
}

/**
 * Decodes pictures as Android does: what has a colour profile becomes sRGB.
 *
 * @param previewPixels What the longer side of a preview should have, in pixels; it has up to twice as many.
 */
class PictureDecoder(private val previewPixels: Int) {
    /**
     * Decodes an encoded picture. It takes 4 bytes of memory for each pixel: not for the main thread.
     *
     * @throws FailureException It is none, is damaged, or has too many pixels.
     */
    fun decode(bytes: ByteArray): DecodedPicture {
        val preview = preview(bytes)
        return DecodedPicture(decode(bytes, exact()), turnOf(bytes), preview)
    }

    /**
     * Decodes a small upright version to look at.
     *
     * @throws FailureException The picture is none, is damaged, or has too many pixels.
     */
    fun preview(bytes: ByteArray): Bitmap {
        val (width, height) = measure(bytes)
        requirePictureFits(width, height)
        return upright(decode(bytes, small(width, height)), turnOf(bytes))
    }

    private fun measure(bytes: ByteArray): Pair<Int, Int> {
        val bounds = BitmapFactory.Options().apply { inJustDecodeBounds = true }
        BitmapFactory.decodeByteArray(bytes, 0, bytes.size, bounds)
        if (bounds.outWidth <= 0 || bounds.outHeight <= 0) throw unreadable("this phone knows no picture of this form")
        return bounds.outWidth to bounds.outHeight
    }

    private fun decode(bytes: ByteArray, options: BitmapFactory.Options): Bitmap =
        BitmapFactory.decodeByteArray(bytes, 0, bytes.size, options) ?: throw unreadable("it is damaged")

    private fun exact() = colours().apply { inPremultiplied = false }

    private fun small(width: Int, height: Int) = colours().apply {
        inSampleSize = maxOf(1, maxOf(width, height) / previewPixels)
    }

    private fun colours() = BitmapFactory.Options().apply {
        inPreferredConfig = Bitmap.Config.ARGB_8888
        inPreferredColorSpace = ColorSpace.get(ColorSpace.Named.SRGB)
        inScaled = false
    }
}

private fun turnOf(bytes: ByteArray): Turn = try {
    val exif = ExifInterface(ByteArrayInputStream(bytes))
    Turn.ofExif(exif.getAttributeInt(ExifInterface.TAG_ORIENTATION, Turn.UPRIGHT.exif))
} catch (_: IOException) {
    // A damaged EXIF block says nothing about how an intact picture stands.
    Turn.UPRIGHT
}

private fun upright(stored: Bitmap, turn: Turn): Bitmap {
    if (turn == Turn.UPRIGHT) return stored
    return Bitmap.createBitmap(stored, 0, 0, stored.width, stored.height, matrixOf(turn), true)
}

/** Maps stored places, of which only the direction counts, to upright ones. */
private fun matrixOf(turn: Turn): Matrix {
    val across = if (turn.fromRight) -1f else 1f
    val down = if (turn.fromBottom) -1f else 1f
    val values = if (turn.swapsAxes) {
        floatArrayOf(0f, across, 0f, down, 0f, 0f, 0f, 0f, 1f)
    } else {
        floatArrayOf(across, 0f, 0f, 0f, down, 0f, 0f, 0f, 1f)
    }
    return Matrix().apply { setValues(values) }
}

private fun unreadable(problem: String) = FailureException(Failure.PictureUnreadable(problem))
