package dev.mobiledeploy.core

import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith

class LatencyWindowTest {
    private fun window(size: Int, vararg times: Double) = LatencyWindow(size).apply { times.forEach(::add) }

    @Test
    fun `nothing is summed up before the first time`() {
        assertEquals(null, window(3).summary())
        assertEquals(LatencySummary(7.0, 7.0, 1), window(3, 7.0).summary())
    }

    @Test
    fun `median and ninetieth percentile are samples as in the statistics`() {
        val hundred = window(100, *DoubleArray(100) { 100.0 - it }).summary()
        assertEquals(LatencySummary(51.0, 91.0, 100), hundred)
        assertEquals(LatencySummary(3.0, 5.0, 5), window(10, 5.0, 1.0, 4.0, 2.0, 3.0).summary())
    }

    @Test
    fun `the oldest times are forgotten one by one`() {
        val window = window(3, 100.0, 1.0, 2.0)
        assertEquals(LatencySummary(2.0, 100.0, 3), window.summary())
        window.add(3.0)
        assertEquals(LatencySummary(2.0, 3.0, 3), window.summary())
        for (ms in listOf(9.0, 8.0, 7.0, 6.0)) window.add(ms)
        assertEquals(LatencySummary(7.0, 8.0, 3), window.summary())
    }

    @Test
    fun `after a reset older times do not count`() {
        val window = window(4, 9.0, 9.0, 9.0, 9.0, 9.0)
        window.reset()
        assertEquals(null, window.summary())
        window.add(1.0)
        assertEquals(LatencySummary(1.0, 1.0, 1), window.summary())
    }

    @Test
    fun `a window of no times is refused`() {
        for (size in listOf(0, -1)) assertFailsWith<IllegalArgumentException> { LatencyWindow(size) }
    }
}
