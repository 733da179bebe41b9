package dev.mobiledeploy.core

import kotlin.test.Test
import kotlin.test.assertEquals

class FitBoxTest {
    @Test
    fun `a center crop keeps the central square and rounds its side half up`() {
        assertEquals(Box(22, 4, 56, 56), keptBox(101, 64, Fit.CenterCrop(0.875)))
        assertEquals(Box(1, 0, 3, 3), keptBox(5, 3, Fit.CenterCrop(1.0)))
        assertEquals(Box(1, 1, 3, 3), keptBox(5, 5, Fit.CenterCrop(0.5)))
        assertEquals(Box(49, 1, 1, 1), keptBox(100, 3, Fit.CenterCrop(0.001)))
    }

    @Test
    fun `stretch and letterbox keep everything`() {
        for (fit in listOf(Fit.Stretch, Fit.Letterbox)) assertEquals(Box(0, 0, 7, 4), keptBox(7, 4, fit))
    }

    @Test
    fun `a letterbox is centred, the odd row left over below`() {
        assertEquals(Box(0, 28, 225, 169), placeInSquare(Box(0, 0, 400, 300), 225, Fit.Letterbox))
        assertEquals(Box(3, 0, 2, 9), placeInSquare(Box(0, 0, 2, 10), 9, Fit.Letterbox))
        assertEquals(Box(0, 4, 10, 1), placeInSquare(Box(0, 0, 900, 1), 10, Fit.Letterbox))
    }

    @Test
    fun `half a pixel of a letterbox rounds up`() {
        assertEquals(Box(1, 0, 3, 5), placeInSquare(Box(0, 0, 1, 2), 5, Fit.Letterbox))
    }

    @Test
    fun `the largest pictures do not overflow`() {
        assertEquals(Box(0, 1024, 4096, 2048), placeInSquare(Box(0, 0, 2_000_000, 1_000_000), 4096, Fit.Letterbox))
    }
}
