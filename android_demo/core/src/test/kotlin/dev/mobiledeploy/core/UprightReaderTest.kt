package dev.mobiledeploy.core

import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith

class UprightReaderTest {
    // 1 2 3
    // 4 5 6
    private fun sixPixels() = StoredPixels.grey(width = 3, 1, 2, 3, 4, 5, 6)

    @Test
    fun `every EXIF value puts the pixels where EXIF says`() {
        val upright = mapOf(
            1 to listOf(1, 2, 3, 4, 5, 6),
            2 to listOf(3, 2, 1, 6, 5, 4),
            3 to listOf(6, 5, 4, 3, 2, 1),
            4 to listOf(4, 5, 6, 1, 2, 3),
            5 to listOf(1, 4, 2, 5, 3, 6),
            6 to listOf(4, 1, 5, 2, 6, 3),
            7 to listOf(6, 3, 5, 2, 4, 1),
            8 to listOf(3, 6, 2, 5, 1, 4),
        )
        for ((tag, expected) in upright) {
            val picture = readUpright(sixPixels(), Turn.ofExif(tag), Fit.Stretch)
            assertEquals(expected, picture.reds(), "EXIF $tag")
            assertEquals(if (tag < 5) 3 to 2 else 2 to 3, picture.width to picture.height, "EXIF $tag")
        }
    }

    @Test
    fun `degrees turn clockwise and wrap around`() {
        val turns = listOf(0, 90, 180, 270, 360, -90, 450).map { Turn.ofDegrees(it).exif }
        assertEquals(listOf(1, 6, 3, 8, 1, 8, 6), turns)
        assertFailsWith<IllegalArgumentException> { Turn.ofDegrees(45) }
    }

    @Test
    fun `a value that EXIF does not know leaves the picture as it is`() {
        assertEquals(listOf(Turn.UPRIGHT, Turn.UPRIGHT, Turn.UPRIGHT), listOf(0, 9, -1).map(Turn::ofExif))
    }

    @Test
    fun `a crop reads nothing outside of it`() {
        val source = StoredPixels.grey(width = 10, *IntArray(10 * 7) { it })
        val picture = readUpright(source, Turn.QUARTER_CLOCKWISE, Fit.CenterCrop(0.5))
        assertEquals(4 to 4, picture.width to picture.height)
        // Of the upright 7 x 10 pixels columns 1 to 4 and rows 3 to 6: stored rows 2 to 5, columns 3 to 6.
        assertEquals((2..5).map { Triple(it, 3, 4) }, source.rowsRead)
        assertEquals(listOf(53, 43, 33, 23), picture.reds().take(4))
    }

    @Test
    fun `transparency is laid over white with rounding`() {
        val pixels = intArrayOf(0x00123456, 0x80643200.toInt(), 0x01FF0001, 0xFE0000FF.toInt())
        val picture = readUpright(StoredPixels(4, 1, pixels), Turn.UPRIGHT, Fit.Stretch)
        val expected = listOf(255, 255, 255, 177, 152, 127, 255, 254, 254, 1, 1, 255)
        assertContentEquals(expected.map { it.toByte() }.toByteArray(), picture.rgb)
    }
}
