package dev.mobiledeploy.core

/** An upright 8-bit picture: [rgb] holds [height] rows of [width] pixels of red, green, blue. */
class Picture(val width: Int, val height: Int, val rgb: ByteArray) {
    init {
        require(width > 0 && height > 0 && rgb.size.toLong() == 3L * width * height) {
            "$width x $height pixels do not take ${rgb.size} bytes"
        }
    }
}

/** A picture as it is stored, which may lie on its side, read in pieces so that it need not be in memory twice. */
interface PixelSource {
    /** Stored width in pixels. */
    val width: Int

    /** Stored height in pixels. */
    val height: Int

    /**
     * Reads a part of a row.
     *
     * @param y Stored row.
     * @param left First stored column.
     * @param pixels Gets as many pixels as it has room for: 0xAARRGGBB, colour not multiplied by alpha.
     */
    fun readRow(y: Int, left: Int, pixels: IntArray)
}
