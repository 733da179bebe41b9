package dev.mobiledeploy.core

/** A rectangle of a picture, in pixels. */
data class Box(val left: Int, val top: Int, val width: Int, val height: Int) {
    /** The same rectangle where rows and columns are exchanged. */
    internal fun transposed() = Box(top, left, height, width)
}

/** The part of an upright picture of [width] x [height] pixels that [fit] keeps. */
fun keptBox(width: Int, height: Int, fit: Fit): Box {
    if (fit !is Fit.CenterCrop) return Box(0, 0, width, height)
    val square = maxOf(1, Math.floor(minOf(width, height) * fit.fraction + 0.5).toInt())
    return Box((width - square) / 2, (height - square) / 2, square, square)
}

/** Where in a square of [side] pixels the kept [box] ends up; what is left of the square is black. */
fun placeInSquare(box: Box, side: Int, fit: Fit): Box {
    if (fit !is Fit.Letterbox) return Box(0, 0, side, side)
    val longer = maxOf(box.width, box.height)
    val width = letterboxLength(box.width, longer, side)
    val height = letterboxLength(box.height, longer, side)
    return Box((side - width) / 2, (side - height) / 2, width, height)
}

private fun letterboxLength(length: Int, longer: Int, side: Int): Int =
    maxOf(1L, (2L * length * side + longer) / (2L * longer)).toInt()
