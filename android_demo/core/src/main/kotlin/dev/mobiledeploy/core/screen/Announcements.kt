package dev.mobiledeploy.core.screen

/**
 * What is said aloud about a stream of answers: not each frame, but a best class that changed, and seldom.
 *
 * @property label What was said last; null before the first time.
 * @property saidMs When, by a clock that only goes forward.
 */
data class Announcements(val label: String? = null, val saidMs: Long = 0) {
    /** Takes the best class of a frame at [nowMs]; gives itself when nothing shall be said. */
    fun see(best: String, nowMs: Long): Announcements {
        val isNews = best != label
        val isQuiet = label == null || nowMs - saidMs >= LEAST_APART_MS
        return if (isNews && isQuiet) Announcements(best, nowMs) else this
    }

    private companion object {
        const val LEAST_APART_MS = 2_000L
    }
}
