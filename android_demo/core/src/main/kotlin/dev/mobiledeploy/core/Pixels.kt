package dev.mobiledeploy.core

/** Colours of a pixel in a [Picture]. */
internal const val CHANNELS = 3

internal const val ALPHA_SHIFT = 24
private const val RED_SHIFT = 16
private const val GREEN_SHIFT = 8
private const val BYTE = 0xFF

internal fun red(pixel: Int) = pixel ushr RED_SHIFT and BYTE

internal fun green(pixel: Int) = pixel ushr GREEN_SHIFT and BYTE

internal fun blue(pixel: Int) = pixel and BYTE

/** An opaque pixel 0xFFRRGGBB of colours from 0 to 255. */
internal fun packRgb(red: Int, green: Int, blue: Int): Int =
    (BYTE shl ALPHA_SHIFT) or (red shl RED_SHIFT) or (green shl GREEN_SHIFT) or blue

/** The value from 0 to 255 that is nearest to this one. */
internal fun Int.clippedToByte(): Int = minOf(BYTE, maxOf(0, this))

/** The stored byte as 0 to 255. */
internal fun Byte.unsigned(): Int = toInt() and BYTE

/** An upright [picture] where a stored one is asked for. */
internal class PictureSource(private val picture: Picture) : PixelSource {
    override val width get() = picture.width
    override val height get() = picture.height

    override fun readRow(y: Int, left: Int, pixels: IntArray) {
        val rgb = picture.rgb
        var from = CHANNELS * (y * picture.width + left)
        for (i in pixels.indices) {
            pixels[i] = packRgb(rgb[from].unsigned(), rgb[from + 1].unsigned(), rgb[from + 2].unsigned())
            from += CHANNELS
        }
    }
}
