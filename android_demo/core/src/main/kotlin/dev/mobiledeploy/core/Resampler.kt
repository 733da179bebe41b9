package dev.mobiledeploy.core

// Pixels that are upright in memory at once: what a crop of a camera frame has, so that each of its rows is read once.
private const val BAND_PIXELS = 1 shl 18

/**
 * Resizes pictures in two passes, rounded to 8 bits after each: first all rows, then all columns.
 *
 * Tables and scratch memory stay for the next picture of the same size. A large picture passes in bands, so that
 * beside its source only what the first pass makes of it is in memory. It belongs to one thread.
 */
internal class Resampler {
    private var across = ResampleTable(1, 1)
    private var down = ResampleTable(1, 1)
    private var band = IntArray(0)
    private var rows = ByteArray(0)
    private var sums = IntArray(0)

    /**
     * Resizes a part of a picture.
     *
     * @param reader Gives the picture.
     * @param from The part, in upright pixels.
     * @param onto Gets the result within [place]; the rest stays as it is.
     * @throws FailureException The picture is too large to be held even when half resized.
     */
    fun resample(reader: UprightReader, from: Box, onto: Picture, place: Box) {
        prepare(from, place)
        val bandRows = maxOf(1, BAND_PIXELS / from.width)
        for (top in 0 until from.height step bandRows) {
            val part = Box(from.left, from.top + top, from.width, minOf(bandRows, from.height - top))
            if (band.size < part.width * part.height) band = IntArray(part.width * part.height)
            reader.read(part, band)
            for (row in 0 until part.height) narrow(row * part.width, (top + row) * CHANNELS * place.width)
        }
        for (row in 0 until place.height) {
            sumColumns(row)
            writeRow(onto.rgb, CHANNELS * ((place.top + row) * onto.width + place.left))
        }
    }

    private fun prepare(from: Box, place: Box) {
        val lineBytes = CHANNELS * place.width
        if (from.height > Int.MAX_VALUE / lineBytes) {
            val mostPixels = Int.MAX_VALUE / lineBytes * from.width.toLong()
            throw FailureException(Failure.PictureTooLarge(from.width, from.height, mostPixels))
        }
        across = across.orFor(from.width, place.width)
        down = down.orFor(from.height, place.height)
        if (rows.size < from.height * lineBytes) rows = ByteArray(from.height * lineBytes)
        if (sums.size != lineBytes) sums = IntArray(lineBytes)
    }

    // Here and in addRow fields become locals, since a virtual machine may not keep fields in registers.

    /** Makes one row of the band one of [rows]. */
    private fun narrow(source: Int, target: Int) {
        val band = band
        val rows = rows
        val weights = across.weights
        var byte = target
        for (column in 0 until across.outLength) {
            var red = ResampleTable.HALF
            var green = ResampleTable.HALF
            var blue = ResampleTable.HALF
            val start = source + across.first[column]
            val firstWeight = column * across.taps
            for (tap in 0 until across.counts[column]) {
                val pixel = band[start + tap]
                val weight = weights[firstWeight + tap]
                red += red(pixel) * weight
                green += green(pixel) * weight
                blue += blue(pixel) * weight
            }
            rows[byte++] = rounded(red)
            rows[byte++] = rounded(green)
            rows[byte++] = rounded(blue)
        }
    }

    private fun sumColumns(row: Int) {
        sums.fill(ResampleTable.HALF)
        for (tap in 0 until down.counts[row]) {
            addRow((down.first[row] + tap) * sums.size, down.weights[row * down.taps + tap])
        }
    }

    private fun addRow(source: Int, weight: Int) {
        val sums = sums
        val rows = rows
        for (i in sums.indices) sums[i] += rows[source + i].unsigned() * weight
    }

    private fun writeRow(rgb: ByteArray, start: Int) {
        for (i in sums.indices) rgb[start + i] = rounded(sums[i])
    }

    // Nothing to cut off: no weight is negative, and their sum is 1 but for rounding, far less than half a pixel value.
    private fun rounded(sum: Int): Byte = (sum ushr ResampleTable.WEIGHT_BITS).toByte()
}
