package dev.mobiledeploy.core.shell

import dev.mobiledeploy.core.FailureException
import dev.mobiledeploy.core.NoModels
import dev.mobiledeploy.core.fakes.FakeRunner
import dev.mobiledeploy.core.fakes.FakeTimedRunner
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.io.File
import java.nio.ByteBuffer
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertNotNull
import kotlin.test.assertNull
import kotlin.test.assertTrue

private object NoMemory : MemoryGauge {
    override fun begin() = Unit
    override fun growthMb(): Double? = null
}

class BenchmarkTest {
    private var nowNs = 0L
    private val benchmark = Benchmark(NoMemory) { nowNs }

    private fun pass(ms: Double) {
        nowNs += (ms * 1e6).toLong()
    }

    /** A runner that opens in 30 ms and needs the next of [timesMs], then the last of them for ever. */
    private fun slow(vararg timesMs: Double): FakeRunner {
        pass(30.0)
        var run = 0
        return FakeRunner(beforeRun = { pass(timesMs[minOf(run++, timesMs.size - 1)]) })
    }

    @Test
    fun `what is timed, and what only warms up, are told apart`() {
        val plan = BenchmarkPlan(runs = 4, seconds = 0.0, warmUpSeconds = 0.1)
        val result = benchmark.measure(plan, { slow(90.0, 20.0, 3.0, 1.0, 2.0, 4.0) })
        assertEquals(listOf(30.0, 90.0, 55.0), listOf(result.initMs, result.firstMs, result.warmUpMs))
        assertEquals(4, result.timed.runs)
        val timed = result.timed
        assertEquals(listOf(1.0, 3.0, 4.0, 2.5), listOf(timed.minMs, timed.centreMs, timed.maxMs, timed.meanMs))
    }

    @Test
    fun `a phase goes on until both its least number and its least time are reached`() {
        fun runs(runs: Int, seconds: Double) = benchmark.measure(BenchmarkPlan(runs, seconds, 0.0), { slow(10.0) }).timed.runs
        assertEquals(50, runs(50, 0.2))
        assertEquals(1000, runs(50, 10.0))
    }

    @Test
    fun `a phase ends after 150 s, or the longer time that was asked for`() {
        fun runs(seconds: Double) = benchmark.measure(BenchmarkPlan(1_000_000, seconds, 0.0), { slow(1_000.0) }).timed.runs
        assertEquals(150, runs(1.0))
        assertEquals(200, runs(200.0))
    }

    @Test
    fun `the runtime's own time is taken where it tells one, for it holds no copying`() {
        fun centre(told: Double?) =
            benchmark.measure(BenchmarkPlan(3, 0.0, 0.0), { FakeTimedRunner(told) { pass(5.0) } }).timed.centreMs
        assertEquals(4.5, centre(4.5))
        assertEquals(5.0, centre(null))
    }

    @Test
    fun `the model is closed, also when it fails`() {
        val sound = FakeRunner()
        benchmark.measure(BenchmarkPlan(3, 0.0, 0.0), { sound })
        val failing = FakeRunner(beforeRun = { throw FailureException(NoModels) })
        assertFailsWith<FailureException> { benchmark.measure(BenchmarkPlan(3, 0.0, 0.0), { failing }) }
        assertEquals(listOf(1, 1), listOf(sound.closed, failing.closed))
    }

    @Test
    fun `the system tells how much memory was taken`() {
        val gauge = ProcessMemory()
        gauge.begin()
        assertTrue(assertNotNull(gauge.growthMb()) < 20)
        // Outside of Java's heap, of which older tests may have left much resident.
        val held = ByteBuffer.allocateDirect(64 shl 20)
        assertTrue(assertNotNull(gauge.growthMb()) > 50, "${held.capacity()} bytes were taken")
    }

    @Test
    fun `growth is the peak above what was resident, or above the peak where that cannot be reset`(@TempDir process: File) {
        val gauge = ProcessMemory(process)
        gauge.begin()
        assertNull(gauge.growthMb())
        val status = File(process, "status")
        status.writeText("Name:\tx\nVmHWM:\t  4096 kB\nVmRSS:\t  2048 kB\n")
        gauge.begin()
        status.writeText("VmHWM:\t  5120 kB\nVmRSS:\t  2048 kB\n")
        assertEquals(3.0, gauge.growthMb())
        File(process, "clear_refs").apply { delete(); mkdir() }
        gauge.begin()
        status.writeText("VmHWM:\t  6144 kB\n")
        assertEquals(1.0, gauge.growthMb())
    }
}
