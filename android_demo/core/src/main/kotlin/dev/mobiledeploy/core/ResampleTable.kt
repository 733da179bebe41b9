package dev.mobiledeploy.core

/**
 * Which pixels of a line of [inLength], and how much of each, make each pixel of a line of [outLength].
 *
 * The filter is the antialiased bilinear one: a triangle of one output pixel to either side, never narrower than one
 * input pixel, so that pixels beyond its reach weigh nothing. Weights are computed in double precision, made to sum
 * to 1, and rounded to integers of [WEIGHT_BITS] fractional bits.
 *
 * Source: the arithmetic of Pillow's 8-bit `Image.resize(..., BILINEAR)`, which the golden pictures hold this to.
 */
internal class ResampleTable(private val inLength: Int, val outLength: Int) {
    private val scale = inLength.toDouble() / outLength
    private val reach = maxOf(scale, 1.0)

    /** Room for the weights of one output pixel in [weights]. */
    val taps: Int = 2 * Math.ceil(reach).toInt() + 1

    /** First input pixel of each output pixel. */
    val first = IntArray(outLength)

    /** Count of input pixels of each output pixel. */
    val counts = IntArray(outLength)

    /** Weights of each output pixel, from its multiple of [taps] on. */
    val weights = IntArray(outLength * taps)

    init {
        val shares = DoubleArray(taps)
        for (out in 0 until outLength) weigh(out, shares)
    }

    /** This table, or one for other lengths where these are not its own. */
    fun orFor(inLength: Int, outLength: Int): ResampleTable =
        if (inLength == this.inLength && outLength == this.outLength) this else ResampleTable(inLength, outLength)

    private fun weigh(out: Int, shares: DoubleArray) {
        val center = (out + 0.5) * scale
        val start = maxOf(0, (center - reach + 0.5).toInt())
        val count = minOf(inLength, (center + reach + 0.5).toInt()) - start
        var sum = 0.0
        for (tap in 0 until count) {
            val distance = Math.abs((tap + start - center + 0.5) * (1.0 / reach))
            shares[tap] = maxOf(0.0, 1.0 - distance)
            sum += shares[tap]
        }
        first[out] = start
        counts[out] = count
        for (tap in 0 until count) {
            weights[out * taps + tap] = (0.5 + shares[tap] / sum * (1 shl WEIGHT_BITS)).toInt()
        }
    }

    companion object {
        /** Eight bits hold the pixel, two keep the sum of weighted pixels from overflowing. */
        const val WEIGHT_BITS = Int.SIZE_BITS - Byte.SIZE_BITS - 2

        /** One half, with which a sum of weighted pixels starts so that cutting its fraction off rounds it. */
        const val HALF = 1 shl (WEIGHT_BITS - 1)
    }
}
