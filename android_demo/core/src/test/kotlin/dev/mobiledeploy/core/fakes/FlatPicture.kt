package dev.mobiledeploy.core.fakes

import dev.mobiledeploy.core.PixelSource

/** A picture of one colour. */
class FlatPicture(override val width: Int = 3, override val height: Int = 2, private val argb: Int = -1) : PixelSource {
    override fun readRow(y: Int, left: Int, pixels: IntArray) = pixels.fill(argb)
}
