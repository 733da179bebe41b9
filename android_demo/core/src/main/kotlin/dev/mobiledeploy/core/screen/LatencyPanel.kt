package dev.mobiledeploy.core.screen

import dev.mobiledeploy.core.LatencySummary
import dev.mobiledeploy.core.LatencyWindow
import dev.mobiledeploy.core.Timing

/** Latency by part: making the input tensor, the inference, reading the answer, and all three together. */
data class LatencyFigures(
    val pre: LatencySummary,
    val run: LatencySummary,
    val post: LatencySummary,
    val whole: LatencySummary,
)

/**
 * The latest timings of one opened model. The first inference warms the runtime up and is not counted.
 *
 * @property timings The counted ones, oldest first.
 * @property isWarm Whether the first inference is over.
 */
data class LatencyPanel(val timings: List<Timing> = emptyList(), val isWarm: Boolean = false) {
    /** Takes one more; the oldest go when there are too many. */
    fun add(timing: Timing): LatencyPanel =
        if (isWarm) copy(timings = (timings + timing).takeLast(WINDOW)) else copy(isWarm = true)

    /** What is left when the model is opened anew in the same way: it must get warm again. */
    fun cooled(): LatencyPanel = copy(isWarm = false)

    /** Sums the counted timings up; null before the first. */
    fun figures(): LatencyFigures? = if (timings.isEmpty()) {
        null
    } else {
        LatencyFigures(
            pre = summary(Timing::preMs),
            run = summary(Timing::runMs),
            post = summary(Timing::postMs),
            whole = summary { it.preMs + it.runMs + it.postMs },
        )
    }

    private fun summary(part: (Timing) -> Double): LatencySummary {
        val window = LatencyWindow(timings.size)
        timings.forEach { window.add(part(it)) }
        return checkNotNull(window.summary())
    }

    private companion object {
        const val WINDOW = 100
    }
}
