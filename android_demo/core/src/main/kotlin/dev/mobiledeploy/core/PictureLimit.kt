package dev.mobiledeploy.core

// Decoding costs 4 bytes a pixel. Above every common camera; the Python side has the same limit.
private const val MOST_PIXELS = 80_000_000L

/**
 * Refuses a picture that would not fit into memory, before it is decoded.
 *
 * @param width In pixels.
 * @param height In pixels.
 * @throws FailureException It has too many pixels.
 */
fun requirePictureFits(width: Int, height: Int) {
    val pixels = width.toLong() * height
    if (pixels > MOST_PIXELS) throw FailureException(Failure.PictureTooLarge(width, height, MOST_PIXELS))
}
