package dev.mobiledeploy.core

import java.nio.ByteBuffer

/**
 * One plane of a [YuvFrame].
 *
 * @property bytes The plane from its position on. It may end with the last sample, before its last row is full.
 * @property rowStride Bytes from one row to the next.
 * @property pixelStride Bytes from one sample to the next: 1, or 2 where two planes interleave as in NV12 and NV21.
 */
class YuvPlane(val bytes: ByteBuffer, val rowStride: Int, val pixelStride: Int)

/**
 * A camera frame in the format that Android calls YUV_420_888: full-range BT.601, as in JPEG.
 *
 * The chroma planes have half the size, odd ones rounded up, and each of their samples holds for a block of 2 x 2
 * pixels. With u and v less 128, `>>` rounding down, and results cut to 0..255:
 *
 *     red   = y + ((91881 * v + 32768) >> 16)
 *     green = y + ((-22554 * u - 46802 * v + 32768) >> 16)
 *     blue  = y + ((116130 * u + 32768) >> 16)
 *
 * Source: JFIF 1.02, conversion to and from RGB: 1.402, 0.34414, 0.71414 and 1.772 in units of 2^-16.
 */
class YuvFrame(
    override val width: Int,
    override val height: Int,
    y: YuvPlane,
    u: YuvPlane,
    v: YuvPlane,
) : PixelSource {
    private val luma = PlaneRows("y", y, width, height)
    private val blueness = PlaneRows("u", u, (width + 1) / 2, (height + 1) / 2)
    private val redness = PlaneRows("v", v, (width + 1) / 2, (height + 1) / 2)

    override fun readRow(y: Int, left: Int, pixels: IntArray) {
        val firstChroma = left / 2
        val chromas = (left + pixels.size + 1) / 2 - firstChroma
        val lights = luma.read(y, left, pixels.size)
        val blues = blueness.read(y / 2, firstChroma, chromas)
        val reds = redness.read(y / 2, firstChroma, chromas)
        for (i in pixels.indices) {
            val chroma = (left + i) / 2 - firstChroma
            pixels[i] = toRgb(
                lights[i * luma.step].unsigned(),
                blues[chroma * blueness.step].unsigned() - CHROMA_ZERO,
                reds[chroma * redness.step].unsigned() - CHROMA_ZERO,
            )
        }
    }

    private fun toRgb(y: Int, u: Int, v: Int): Int = packRgb(
        (y + ((RED_OF_V * v + HALF) shr SHIFT)).clippedToByte(),
        (y + ((HALF - GREEN_OF_U * u - GREEN_OF_V * v) shr SHIFT)).clippedToByte(),
        (y + ((BLUE_OF_U * u + HALF) shr SHIFT)).clippedToByte(),
    )

    private companion object {
        const val CHROMA_ZERO = 128
        const val SHIFT = 16
        const val HALF = 1 shl (SHIFT - 1)
        const val RED_OF_V = 91881
        const val GREEN_OF_U = 22554
        const val GREEN_OF_V = 46802
        const val BLUE_OF_U = 116130
    }
}

/** Copies rows out of a plane, since single reads from a camera's buffer are slow. */
private class PlaneRows(name: String, plane: YuvPlane, width: Int, height: Int) {
    private val bytes = plane.bytes.duplicate()
    private val base = bytes.position()
    private val rowStride = plane.rowStride
    private var row = ByteArray(0)
    val step = plane.pixelStride

    init {
        val needed = (height - 1L) * rowStride + (width - 1L) * step + 1
        require(width > 0 && height > 0 && rowStride > 0 && step > 0 && bytes.remaining() >= needed) {
            "plane $name has ${bytes.remaining()} bytes, $width x $height samples of $rowStride and $step need $needed"
        }
    }

    /** Gives samples of a row, each [step] bytes from the one before; the next call overwrites them. */
    fun read(y: Int, left: Int, count: Int): ByteArray {
        val length = (count - 1) * step + 1
        if (row.size < length) row = ByteArray(length)
        bytes.moveTo(base + y * rowStride + left * step)
        bytes.get(row, 0, length)
        return row
    }
}
