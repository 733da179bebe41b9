package dev.mobiledeploy.core

private const val OPAQUE = 255
private const val HALF_OF_OPAQUE = 127

/**
 * Reads a stored picture as if it stood upright and were laid over white.
 *
 * Each colour becomes `(colour * alpha + 255 * (255 - alpha) + 127) / 255`, in integers.
 */
internal class UprightReader(private val source: PixelSource, private val turn: Turn) {
    private var row = IntArray(0)

    /** Upright width in pixels. */
    val width: Int = if (turn.swapsAxes) source.height else source.width

    /** Upright height in pixels. */
    val height: Int = if (turn.swapsAxes) source.width else source.height

    /**
     * Reads a rectangle.
     *
     * @param box In upright pixels.
     * @param into Gets 0x..RRGGBB of its pixels from the first on, row by row; the highest byte means nothing.
     */
    fun read(box: Box, into: IntArray) {
        val stored = storedBox(box)
        val step = if (!turn.swapsAxes) sign(turn.fromRight) else box.width * sign(turn.fromBottom)
        if (row.size != stored.width) row = IntArray(stored.width)
        for (line in 0 until stored.height) {
            source.readRow(stored.top + line, stored.left, row)
            layOverWhite(row)
            var target = firstTarget(line, box)
            for (pixel in row) {
                into[target] = pixel
                target += step
            }
        }
    }

    private fun storedBox(box: Box): Box {
        val across = if (turn.fromRight) width - box.left - box.width else box.left
        val down = if (turn.fromBottom) height - box.top - box.height else box.top
        val upright = Box(across, down, box.width, box.height)
        return if (turn.swapsAxes) upright.transposed() else upright
    }

    /** Where the first pixel of a stored line of [box] belongs. */
    private fun firstTarget(line: Int, box: Box): Int {
        val across = if (turn.swapsAxes) line else 0
        val down = if (turn.swapsAxes) 0 else line
        val column = if (turn.fromRight) box.width - 1 - across else across
        val row = if (turn.fromBottom) box.height - 1 - down else down
        return row * box.width + column
    }
}

/**
 * Makes a stored picture an upright one of its own size.
 *
 * @return Only the part that [fit] keeps: for a center crop the square.
 */
fun readUpright(source: PixelSource, turn: Turn, fit: Fit): Picture {
    val reader = UprightReader(source, turn)
    val box = keptBox(reader.width, reader.height, fit)
    val pixels = IntArray(Math.multiplyExact(box.width, box.height))
    reader.read(box, pixels)
    val rgb = ByteArray(Math.multiplyExact(pixels.size, CHANNELS))
    for (i in pixels.indices) {
        rgb[CHANNELS * i] = red(pixels[i]).toByte()
        rgb[CHANNELS * i + 1] = green(pixels[i]).toByte()
        rgb[CHANNELS * i + 2] = blue(pixels[i]).toByte()
    }
    return Picture(box.width, box.height, rgb)
}

private fun sign(backwards: Boolean) = if (backwards) -1 else 1

private fun layOverWhite(pixels: IntArray) {
    for (i in pixels.indices) {
        val pixel = pixels[i]
        val alpha = pixel ushr ALPHA_SHIFT
        if (alpha != OPAQUE) {
            val white = OPAQUE * (OPAQUE - alpha) + HALF_OF_OPAQUE
            pixels[i] = packRgb(
                (red(pixel) * alpha + white) / OPAQUE,
                (green(pixel) * alpha + white) / OPAQUE,
                (blue(pixel) * alpha + white) / OPAQUE,
            )
        }
    }
}
