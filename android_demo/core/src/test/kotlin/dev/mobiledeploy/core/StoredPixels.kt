package dev.mobiledeploy.core

/** A stored picture in memory, 0xAARRGGBB row by row; [rowsRead] tells which parts were asked for. */
class StoredPixels(override val width: Int, override val height: Int, private val argb: IntArray) : PixelSource {
    /** Row, first column and count of every reading. */
    val rowsRead = mutableListOf<Triple<Int, Int, Int>>()

    override fun readRow(y: Int, left: Int, pixels: IntArray) {
        require(y in 0 until height && left >= 0 && left + pixels.size <= width) {
            "row $y from $left on, ${pixels.size} pixels, is not in $width x $height"
        }
        rowsRead += Triple(y, left, pixels.size)
        argb.copyInto(pixels, 0, y * width + left, y * width + left + pixels.size)
    }

    companion object {
        /** Opaque grey pixels. */
        fun grey(width: Int, vararg values: Int) =
            StoredPixels(width, values.size / width, IntArray(values.size) { OPAQUE_BLACK + values[it] * GREY })

        private const val OPAQUE_BLACK = 0xFF shl 24
        private const val GREY = 0x010101
    }
}

/** The red of each pixel, 0 to 255. */
fun Picture.reds(): List<Int> = rgb.indices.step(3).map { rgb[it].toInt() and 0xFF }
