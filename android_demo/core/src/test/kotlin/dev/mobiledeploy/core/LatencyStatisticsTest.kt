package dev.mobiledeploy.core

import kotlin.math.sqrt
import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith

class LatencyStatisticsTest {
    private fun upTo(count: Int) = DoubleArray(count) { it + 1.0 }

    private fun ranks(count: Int) = LatencyStatistics.of(upTo(count)).let { Triple(it.p5Ms, it.centreMs, it.p95Ms) }

    @Test
    fun `mean, extremes and the deviation of the population`() {
        val times = doubleArrayOf(4.0, 2.0, 5.0, 4.0, 4.0, 7.0, 9.0, 5.0)
        val found = LatencyStatistics.of(times)
        assertEquals(LatencyStatistics(8, 5.0, 2.0, 9.0, 2.0, 2.0, 5.0, 9.0), found)
        assertContentEquals(doubleArrayOf(4.0, 2.0, 5.0, 4.0, 4.0, 7.0, 9.0, 5.0), times)
    }

    // The tool of TensorFlow sorts and takes the sample at count x percent / 100, rounded down, never one between two.
    @Test
    fun `percentiles are samples`() {
        assertEquals(Triple(6.0, 51.0, 96.0), ranks(100))
        assertEquals(Triple(1.0, 6.0, 11.0), ranks(11))
        assertEquals(Triple(1.0, 2.0, 2.0), ranks(2))
        assertEquals(Triple(2.0, 11.0, 20.0), ranks(20))
        assertEquals(Triple(1.0, 10.0, 19.0), ranks(19))
    }

    @Test
    fun `one time is all there is, and none is refused`() {
        assertEquals(LatencyStatistics(1, 3.5, 3.5, 3.5, 0.0, 3.5, 3.5, 3.5), LatencyStatistics.of(doubleArrayOf(3.5)))
        assertFailsWith<IllegalArgumentException> { LatencyStatistics.of(doubleArrayOf()) }
    }

    @Test
    fun `the order of the times does not matter`() {
        val times = upTo(50).apply { reverse() }
        assertEquals(LatencyStatistics.of(upTo(50)), LatencyStatistics.of(times))
        assertEquals(sqrt((50.0 * 50 - 1) / 12), LatencyStatistics.of(times).stdMs, 1e-9)
    }
}

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
