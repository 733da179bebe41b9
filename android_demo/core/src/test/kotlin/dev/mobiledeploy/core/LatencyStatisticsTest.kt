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
