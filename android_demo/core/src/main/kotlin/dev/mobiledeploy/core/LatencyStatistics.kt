package dev.mobiledeploy.core

import kotlin.math.sqrt

private const val WHOLE_PERCENT = 100

/**
 * What many times of one thing come to, in milliseconds, by the definitions of the Python side's report.
 *
 * @property centreMs Median.
 * @property stdMs Standard deviation of the population.
 * @property p5Ms Fifth percentile.
 * @property p95Ms Ninety-fifth percentile.
 */
data class LatencyStatistics(
    val runs: Int,
    val meanMs: Double,
    val minMs: Double,
    val maxMs: Double,
    val stdMs: Double,
    val p5Ms: Double,
    val centreMs: Double,
    val p95Ms: Double,
) {
    companion object {
        /** Sums [timesMs] up, of which there is at least one. */
        fun of(timesMs: DoubleArray): LatencyStatistics {
            require(timesMs.isNotEmpty()) { "no time was measured" }
            val ordered = timesMs.sortedArray()
            val mean = ordered.average()
            return LatencyStatistics(
                runs = ordered.size,
                meanMs = mean,
                minMs = ordered.first(),
                maxMs = ordered.last(),
                stdMs = sqrt(ordered.sumOf { (it - mean) * (it - mean) } / ordered.size),
                p5Ms = percentile(ordered, 5),
                centreMs = percentile(ordered, 50),
                p95Ms = percentile(ordered, 95),
            )
        }
    }
}

/**
 * The sample at position count x percent / 100, rounded down.
 *
 * Source: TensorFlow, stats_calculator.
 */
internal fun percentile(ordered: DoubleArray, percent: Int): Double =
    ordered[(ordered.size.toLong() * percent / WHOLE_PERCENT).toInt()]
