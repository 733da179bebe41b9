package dev.mobiledeploy.core

import java.nio.ByteBuffer
import kotlin.test.Test
import kotlin.test.assertContains
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith

class YuvFrameTest {
    private fun bytes(vararg values: Int) = ByteBuffer.wrap(ByteArray(values.size) { values[it].toByte() })

    private fun plane(vararg values: Int, rowStride: Int = values.size) = YuvPlane(bytes(*values), rowStride, 1)

    private fun onePixel(y: Int, u: Int, v: Int) = row(YuvFrame(1, 1, plane(y), plane(u), plane(v)), 0)[0]

    private fun row(frame: YuvFrame, y: Int, left: Int = 0) = IntArray(frame.width - left).also { frame.readRow(y, left, it) }

    private fun red(pixel: Int) = pixel shr 16 and 0xFF

    private fun blue(pixel: Int) = pixel and 0xFF

    @Test
    fun `colours are those of full-range JPEG`() {
        assertEquals(0xFF000000.toInt(), onePixel(0, 128, 128))
        assertEquals(0xFFFFFFFF.toInt(), onePixel(255, 128, 128))
        assertEquals(0xFFFE0000.toInt(), onePixel(76, 85, 255))
        assertEquals(0xFF00FF01.toInt(), onePixel(150, 44, 21))
        assertEquals(0xFF0000FE.toInt(), onePixel(29, 255, 107))
    }

    @Test
    fun `results beyond a byte are cut off, not wrapped around`() {
        assertEquals(0xFFFF79FF.toInt(), onePixel(255, 255, 255))
        assertEquals(0xFF008700.toInt(), onePixel(0, 0, 0))
    }

    @Test
    fun `halves below zero round up as the formula says`() {
        // 128 + (-91881 * 1 + 32768 >> 16) is 127; rounding to zero would give 128.
        assertEquals(127, red(onePixel(128, 128, 127)))
    }

    @Test
    fun `a chroma sample holds for two by two pixels, at odd sizes and from an odd column on`() {
        val luma = plane(*IntArray(9) { 100 }, rowStride = 3)
        val (u, v) = plane(128, 138, 148, 158, rowStride = 2) to plane(128, 128, 128, 128, rowStride = 2)
        val frame = YuvFrame(3, 3, luma, u, v)
        val blues = (0..2).map { y -> row(frame, y).map { blue(it) } }
        assertEquals(listOf(100, 100, 118), blues[0])
        assertEquals(blues[0], blues[1])
        assertEquals(listOf(135, 135, 153), blues[2])
        assertEquals(listOf(100, 118), row(frame, 0, left = 1).map { blue(it) })
    }

    @Test
    fun `interleaved planes are read from views that end with their last sample`() {
        val vu = bytes(11, 128, 12, 129, 99, 13, 130, 14, 131)
        val u = vu.duplicate().apply { position(1) }
        val v = vu.duplicate().apply { limit(8) }
        val frame = YuvFrame(4, 4, plane(*IntArray(16) { 200 }, rowStride = 4), YuvPlane(u, 5, 2), YuvPlane(v, 5, 2))
        // 200 + (91881 * (14 - 128) + 32768 >> 16), and 131 adds 1.772 * 3 to blue.
        assertEquals(listOf(40, 205), listOf(red(row(frame, 3)[3]), blue(row(frame, 3)[3])))
        assertEquals(listOf(36, 200), listOf(red(row(frame, 0)[0]), blue(row(frame, 0)[0])))
    }

    @Test
    fun `a plane that is too short is refused by name`() {
        val luma = plane(1, 2, 3, 4, 5, rowStride = 3)
        val wrong = assertFailsWith<IllegalArgumentException> { YuvFrame(3, 2, luma, plane(1, 2), plane(1, 2)) }
        assertContains(wrong.message.orEmpty(), "plane y has 5 bytes")
        val whole = plane(1, 2, 3, 4, rowStride = 2)
        val chroma = assertFailsWith<IllegalArgumentException> { YuvFrame(2, 2, whole, plane(), plane(1)) }
        assertContains(chroma.message.orEmpty(), "plane u has 0 bytes")
    }
}
