package dev.mobiledeploy.core

/**
 * Holds the latest frame of a stream that comes faster than it is worked off. Each frame that is offered is closed exactly
 * once: when it was handled, when a later one takes its place, or at the end.
 */
class LatestOnly<Frame : AutoCloseable> : AutoCloseable {
    private var waiting: Frame? = null
    private var isAsked = false
    private var isClosed = false

    /**
     * Takes over a frame.
     *
     * @return Whether [handleLatest] must now be called, once, by whoever works the frames off.
     */
    fun offer(frame: Frame): Boolean {
        val dropped: Frame?
        val mustAsk: Boolean
        synchronized(this) {
            dropped = if (isClosed) frame else waiting.also { waiting = frame }
            mustAsk = !isClosed && !isAsked
            isAsked = isAsked || mustAsk
        }
        dropped?.close()
        return mustAsk
    }

    /** Does [work] with the latest frame and closes it; gives null when there is none by now. */
    fun <R> handleLatest(work: (Frame) -> R): R? {
        val frame = synchronized(this) {
            isAsked = false
            waiting.also { waiting = null }
        }
        return frame?.use(work)
    }

    /** Closes the frame that waits, and every one that still comes. */
    override fun close() {
        val dropped = synchronized(this) {
            isClosed = true
            waiting.also { waiting = null }
        }
        dropped?.close()
    }
}
