package dev.mobiledeploy.core

import org.junit.jupiter.api.Test
import java.util.concurrent.Executors
import java.util.concurrent.TimeUnit
import java.util.concurrent.atomic.AtomicInteger
import kotlin.concurrent.thread
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertNull
import kotlin.test.assertTrue

class LatestOnlyTest {
    private class Frame(val number: Int) : AutoCloseable {
        val closed = AtomicInteger()

        override fun close() {
            closed.incrementAndGet()
        }
    }

    private val latest = LatestOnly<Frame>()
    private val frames = List(4, ::Frame)

    private fun closed() = frames.map { it.closed.get() }

    @Test
    fun `only the latest frame is handled, and one call is asked for`() {
        assertEquals(listOf(true, false, false), frames.take(3).map(latest::offer))
        assertEquals(2, latest.handleLatest { it.number })
        assertEquals(listOf(1, 1, 1, 0), closed())
        assertNull(latest.handleLatest { it.number })
        assertTrue(latest.offer(frames[3]))
    }

    @Test
    fun `a frame is open while it is handled, and a new one may come meanwhile`() {
        latest.offer(frames[0])
        latest.handleLatest { frame ->
            assertTrue(latest.offer(frames[1]))
            assertEquals(0, frame.closed.get())
        }
        assertEquals(listOf(1, 0, 0, 0), closed())
    }

    @Test
    fun `a frame whose handling fails is closed`() {
        latest.offer(frames[0])
        assertFailsWith<IllegalStateException> { latest.handleLatest { error("no") } }
        assertEquals(1, frames[0].closed.get())
        assertTrue(latest.offer(frames[1]))
    }

    @Test
    fun `the end closes what waits and what still comes`() {
        latest.offer(frames[0])
        latest.close()
        assertFalse(latest.offer(frames[1]))
        assertNull(latest.handleLatest { it.number })
        latest.close()
        assertEquals(listOf(1, 1, 0, 0), closed())
    }

    @Test
    fun `ten thousand frames from three threads are each closed once, and the last one is handled`() {
        val worker = Executors.newSingleThreadExecutor()
        val all = List(3) { part -> List(3_334) { Frame(3_334 * part + it) } }
        val handled = AtomicInteger()
        val threads = all.map { part ->
            thread { for (frame in part) if (latest.offer(frame)) worker.execute { latest.handleLatest { handled.incrementAndGet() } } }
        }
        threads.forEach(Thread::join)
        worker.submit { }.get(10, TimeUnit.SECONDS)
        worker.shutdown()
        assertTrue(all.flatten().all { it.closed.get() == 1 }, "some frame was closed never or twice")
        assertTrue(handled.get() >= 1)
        assertTrue(latest.offer(frames[0]), "a call was asked for and never made")
    }
}
