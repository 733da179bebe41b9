package dev.mobiledeploy.core

import org.junit.jupiter.api.Test
import java.util.concurrent.CountDownLatch
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.TimeUnit
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertNotNull
import kotlin.test.assertNull
import kotlin.test.assertTrue

class OneThreadTest {
    /** What is posted waits until the test, which is the screen here, takes it. */
    private val posted = LinkedBlockingQueue<() -> Unit>()
    private val touched = LinkedBlockingQueue<Thread>()
    private val closed = CountDownLatch(1)

    private inner class Owned : AutoCloseable {
        init {
            touched += Thread.currentThread()
        }

        fun work(value: Int) = value.also { touched += Thread.currentThread() }

        override fun close() {
            touched += Thread.currentThread()
            closed.countDown()
        }
    }

    private val owner = OneThread("models", { posted += it }, ::Owned)
    private val told = mutableListOf<Outcome<Int>>()

    private fun deliver() = assertNotNull(posted.poll(5, TimeUnit.SECONDS), "no result came").invoke()
    private fun waitForClose() = assertTrue(closed.await(5, TimeUnit.SECONDS))

    @Test
    fun `all that touches what is owned happens on one thread of the given name, in order`() {
        repeat(20) { number -> owner.ask("counting", { it.work(number) }, { told += it }) }
        repeat(20) { deliver() }
        owner.close()
        waitForClose()
        assertEquals<List<Outcome<Int>>>(List(20) { Outcome.Done(it) }, told)
        assertEquals(listOf("models"), touched.distinct().map { it.name })
        assertEquals(22, touched.size)
    }

    @Test
    fun `whatever is thrown becomes a readable failure and the thread goes on`() {
        val thrown = listOf(
            FailureException(NoModels),
            IllegalStateException("the buffer is gone.\n at x"),
            OutOfMemoryError(),
            UnsatisfiedLinkError("no lib"),
        )
        for (error in thrown) owner.ask<Int>("opening the model", { throw error }, { told += it })
        owner.ask("counting", { it.work(7) }, { told += it })
        repeat(5) { deliver() }
        assertEquals(
            listOf(
                NoModels.sentence,
                "Opening the model failed: the buffer is gone. Try it again.",
                "The phone has not enough memory for opening the model. Close other apps, or choose something smaller.",
                "Opening the model failed: no lib. Try it again.",
            ),
            told.take(4).map { (it as Outcome.Failed).failure.sentence },
        )
        assertEquals<Outcome<Int>>(Outcome.Done(7), told.last())
        assertEquals(1, touched.distinct().size)
    }

    @Test
    fun `a result that comes after the end is dropped`() {
        owner.ask("counting", { it.work(1) }, { told += it })
        val late = assertNotNull(posted.poll(5, TimeUnit.SECONDS))
        owner.close()
        late()
        waitForClose()
        assertTrue(told.isEmpty())
    }

    @Test
    fun `work that waits at the end is not done, and closing waits for the work that is`() {
        val started = CountDownLatch(1)
        val release = CountDownLatch(1)
        var isLaterDone = false
        owner.ask("working", { 1.also { started.countDown().also { release.await() } } }, { told += it })
        owner.ask("working", { isLaterDone = true }, {})
        assertTrue(started.await(5, TimeUnit.SECONDS))
        owner.close()
        assertEquals(1, closed.count)
        release.countDown()
        waitForClose()
        posted.forEach { it() }
        assertFalse(isLaterDone)
        assertTrue(told.isEmpty())
    }

    @Test
    fun `after the end nothing is asked, and a second end is none`() {
        owner.ask("counting", { it.work(1) }, {})
        deliver()
        owner.close()
        owner.close()
        owner.ask("counting", { it.work(2) }, { told += it })
        waitForClose()
        assertEquals(3, touched.size)
        assertNull(posted.poll(100, TimeUnit.MILLISECONDS))
    }
}
