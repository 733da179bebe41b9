package dev.mobiledeploy.core

import java.util.concurrent.Executors

/** How a piece of work ended. */
sealed interface Outcome<out R> {
    /** With this result. */
    data class Done<R>(val value: R) : Outcome<R>

    /** Without one. */
    data class Failed(val failure: Failure) : Outcome<Nothing>
}

/** Brings results to the thread that wants them, such as a screen's. */
fun interface Poster {
    /** Runs [action] there, soon and in the order of the calls. */
    fun post(action: () -> Unit)
}

/**
 * Owns what may be touched by one thread only, from its making to its closing; interpreters and GPU delegates are such.
 *
 * @param name Name of the thread.
 * @param poster Where results go.
 * @param make Makes what is owned, on its thread, when it is first needed.
 */
class OneThread<Owned : AutoCloseable>(name: String, private val poster: Poster, private val make: () -> Owned) :
    AutoCloseable {
    private val executor = Executors.newSingleThreadExecutor { Thread(it, name) }
    private var owned: Owned? = null

    @Volatile
    private var isClosed = false

    /**
     * Has something done on the thread; what was asked earlier comes first. After [close], nothing is done or told.
     *
     * @param doing What it is, for failures, such as "opening the model".
     * @param work What to do.
     * @param onOutcome Gets the outcome where [poster] brings it.
     */
    fun <R> ask(doing: String, work: (Owned) -> R, onOutcome: (Outcome<R>) -> Unit) = synchronized(this) {
        if (!isClosed) executor.execute { carryOut(doing, work, onOutcome) }
    }

    /** Closes what is owned, on its thread, after the work that is being done; what waits is dropped. */
    override fun close() = synchronized(this) {
        if (isClosed) return
        isClosed = true
        executor.execute { owned?.close() }
        executor.shutdown()
    }

    private fun <R> carryOut(doing: String, work: (Owned) -> R, onOutcome: (Outcome<R>) -> Unit) {
        if (isClosed) return
        val outcome = attempt(doing, work)
        poster.post { if (!isClosed) onOutcome(outcome) }
    }

    // An exception that left the thread would end it, and another thread would take over what only this one may touch.
    private fun <R> attempt(doing: String, work: (Owned) -> R): Outcome<R> = try {
        Outcome.Done(work(owned ?: make().also { owned = it }))
    } catch (error: Exception) {
        Outcome.Failed(failureOf(error, doing))
    } catch (error: OutOfMemoryError) {
        Outcome.Failed(failureOf(error, doing))
    } catch (error: LinkageError) {
        Outcome.Failed(failureOf(error, doing))
    }
}
