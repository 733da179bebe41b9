package dev.mobiledeploy.core

/** Median and ninetieth percentile of the last [count] times, in milliseconds. */
data class LatencySummary(val medianMs: Double, val p90Ms: Double, val count: Int)

/** The last [size] times of something that goes on; older ones are forgotten. It belongs to one thread. */
class LatencyWindow(private val size: Int) {
    init {
        require(size > 0) { "a window of $size times holds none" }
    }

    private val timesMs = DoubleArray(size)
    private var added = 0L

    /** Takes one more time in milliseconds. */
    fun add(ms: Double) {
        timesMs[(added++ % size).toInt()] = ms
    }

    /** Forgets all times, as when a setting changes that they depend on. */
    fun reset() {
        added = 0
    }

    /** Sums up what the window holds; null before the first time. */
    fun summary(): LatencySummary? {
        if (added == 0L) return null
        val ordered = timesMs.copyOf(minOf(added, size.toLong()).toInt()).apply { sort() }
        return LatencySummary(percentile(ordered, 50), percentile(ordered, 90), ordered.size)
    }
}
