package dev.mobiledeploy.core

import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertSame

class PictureFitterTest {
    private fun fitted(side: Int, fit: Fit, source: PixelSource, turn: Turn = Turn.UPRIGHT) =
        PictureFitter(side, fit).toSquare(source, turn).reds()

    @Test
    fun `the mean of two pixels rounds half up, after the rows and after the columns`() {
        assertEquals(listOf(1), fitted(1, Fit.Stretch, StoredPixels.grey(width = 2, 0, 1)))
        assertEquals(listOf(1), fitted(1, Fit.Stretch, StoredPixels.grey(width = 2, 0, 1, 0, 0)))
        assertEquals(listOf(2), fitted(1, Fit.Stretch, StoredPixels.grey(width = 2, 1, 2, 1, 1)))
    }

    @Test
    fun `enlarging mixes a quarter and three quarters`() {
        val source = StoredPixels.grey(width = 2, 0, 100, 0, 100)
        assertEquals(listOf(0, 25, 75, 100), fitted(4, Fit.Stretch, source).take(4))
    }

    @Test
    fun `shrinking weighs pixels by a triangle of two output pixels`() {
        // 4 to 2: weights 3, 3, 1 of 7 around the first centre.
        val source = StoredPixels.grey(width = 4, *IntArray(16) { if (it % 4 == 2) 70 else 0 })
        assertEquals(listOf(10, 30), fitted(2, Fit.Stretch, source).take(2))
    }

    @Test
    fun `a picture of the network's own size passes unchanged`() {
        val values = IntArray(25) { it * 10 }
        assertEquals(values.toList(), fitted(5, Fit.Stretch, StoredPixels.grey(width = 5, *values)))
    }

    @Test
    fun `a letterbox is black around the picture, whatever was there before`() {
        val fitter = PictureFitter(4, Fit.Letterbox)
        fitter.toSquare(StoredPixels.grey(width = 2, 9, 9, 9, 9), Turn.UPRIGHT)
        val wide = fitter.toSquare(StoredPixels.grey(width = 4, 7, 7, 7, 7), Turn.UPRIGHT)
        assertEquals(listOf(0, 0, 0, 0, 7, 7, 7, 7, 0, 0, 0, 0, 0, 0, 0, 0), wide.reds())
        val tall = fitter.toSquare(StoredPixels.grey(width = 4, 7, 7, 7, 7), Turn.QUARTER_CLOCKWISE)
        assertEquals(List(4) { listOf(0, 7, 0, 0) }.flatten(), tall.reds())
    }

    @Test
    fun `a large picture gives the same as its crop alone, though it passes in bands`() {
        val (width, height) = 1200 to 900
        val values = IntArray(width * height) { (it * 31 + it / width * 7) % 256 }
        val large = StoredPixels.grey(width, *values)
        val whole = readUpright(large, Turn.TRANSVERSED, Fit.CenterCrop(0.9))
        val alone = StoredPixels.grey(whole.width, *whole.reds().toIntArray())
        val expected = fitted(33, Fit.Stretch, alone)
        assertEquals(expected, fitted(33, Fit.CenterCrop(0.9), large, Turn.TRANSVERSED))
        assertEquals(expected, PictureFitter(33, Fit.Stretch).fit(whole).reds())
    }

    @Test
    fun `one square is written again and again, pictures of other shapes between`() {
        val fitter = PictureFitter(3, Fit.CenterCrop(1.0))
        val small = StoredPixels.grey(width = 2, 1, 2, 3, 4)
        val first = fitter.toSquare(small, Turn.UPRIGHT)
        val expected = first.reds()
        fitter.toSquare(StoredPixels.grey(width = 5, *IntArray(35) { 200 - it }), Turn.UPRIGHT)
        assertSame(first, fitter.toSquare(small, Turn.UPRIGHT))
        assertEquals(expected, first.reds())
    }

    @Test
    fun `rows are resized first, whatever the shape`() {
        // Rounding after each pass makes the order show.
        assertEquals(listOf(0), fitted(1, Fit.Stretch, StoredPixels.grey(width = 2, 0, 0, 2, 0, 0, 0, 0, 0)))
        assertEquals(listOf(1), fitted(1, Fit.Stretch, StoredPixels.grey(width = 4, 0, 2, 0, 0, 0, 0, 0, 0)))
    }

    @Test
    fun `a picture too large to be held half resized is refused with its size`() {
        val huge = object : PixelSource {
            override val width = 120_000
            override val height = 200_000
            override fun readRow(y: Int, left: Int, pixels: IntArray) = error("nothing is to be read")
        }
        val refused = assertFailsWith<FailureException> { PictureFitter(4096, Fit.Stretch).toSquare(huge, Turn.UPRIGHT) }
        assertEquals(Failure.PictureTooLarge(120_000, 200_000, 20_971_440_000), refused.failure)
    }
}
