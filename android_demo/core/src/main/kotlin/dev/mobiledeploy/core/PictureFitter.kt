package dev.mobiledeploy.core

/**
 * Makes pictures of any shape the network's square, as the Python side does, byte for byte:
 *
 * 1. The stored picture is turned upright and laid over white.
 * 2. [fit] says which part is kept.
 * 3. That part is resized with the antialiased bilinear filter; a letterbox keeps its shape.
 * 4. A letterbox alone leaves black at two edges.
 *
 * It belongs to one thread and keeps its memory for the next picture.
 *
 * @param side Height and width of the square in pixels.
 */
class PictureFitter(private val side: Int, private val fit: Fit) {
    private val square = Picture(side, side, ByteArray(CHANNELS * side * side))
    private val resampler = Resampler()

    /**
     * Fits an upright picture.
     *
     * @return The square, which the next call overwrites.
     */
    fun fit(picture: Picture): Picture = toSquare(PictureSource(picture), Turn.UPRIGHT)

    /**
     * Fits a stored picture; only the part that is kept is read.
     *
     * @param turn How the picture is stored.
     * @return The square, which the next call overwrites.
     * @throws FailureException The picture is too large.
     */
    fun toSquare(source: PixelSource, turn: Turn): Picture {
        val reader = UprightReader(source, turn)
        val kept = keptBox(reader.width, reader.height, fit)
        val place = placeInSquare(kept, side, fit)
        if (place.width < side || place.height < side) square.rgb.fill(0)
        resampler.resample(reader, kept, square, place)
        return square
    }
}
