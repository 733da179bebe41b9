package dev.mobiledeploy.demo.picture

import android.graphics.Bitmap
import dev.mobiledeploy.core.PixelSource

/** A decoded [bitmap], whose colours are not multiplied by alpha, as core reads pictures. */
class BitmapPixels(private val bitmap: Bitmap) : PixelSource {
    override val width: Int get() = bitmap.width
    override val height: Int get() = bitmap.height

    override fun readRow(y: Int, left: Int, pixels: IntArray) {
        bitmap.getPixels(pixels, 0, pixels.size, left, y, pixels.size, 1)
    }
}
