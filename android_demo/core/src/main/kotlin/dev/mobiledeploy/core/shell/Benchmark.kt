package dev.mobiledeploy.core.shell

import dev.mobiledeploy.core.LatencyStatistics
import dev.mobiledeploy.core.ModelRunner
import dev.mobiledeploy.core.TimedRunner
import dev.mobiledeploy.core.allocate
import dev.mobiledeploy.core.noise
import dev.mobiledeploy.core.openWhole

private const val NANOS_PER_MS = 1e6
private const val NANOS_PER_S = 1e9

// A phase ends after this time although its least number is not reached. Source: TensorFlow Lite benchmark_model, max_secs.
private const val LONGEST_PHASE_S = 150.0

/** How a model is timed: until both the least number and the least time of a phase are reached. */
data class BenchmarkPlan(val runs: Int, val seconds: Double, val warmUpSeconds: Double)

/** Growth of the memory in MB until the model stood, and until the end; null where the system does not tell. */
data class MemoryGrowth(val initMb: Double?, val overallMb: Double?)

/**
 * What a benchmark gave.
 *
 * @property initMs Until the model stood.
 * @property firstMs The first inference of all.
 * @property warmUpMs Mean of the inferences before the timed ones.
 * @property timed The timed inferences.
 * @property runtime Name and version of the runtime.
 * @property used What ran the model.
 * @property doubts What speaks against the figures, as sentences.
 */
data class BenchmarkResult(
    val initMs: Double,
    val firstMs: Double,
    val warmUpMs: Double,
    val timed: LatencyStatistics,
    val memory: MemoryGrowth,
    val runtime: String,
    val used: String,
    val doubts: List<String>,
)

/**
 * Times a model on noise, which is set once, as benchmark_model does.
 *
 * @param memory Tells how the memory grows.
 * @param nanoTime A clock that only goes forward, in nanoseconds.
 */
class Benchmark(private val memory: MemoryGauge, private val nanoTime: () -> Long = System::nanoTime) {
    /**
     * Opens a model, times it and closes it.
     *
     * @param check Tells what speaks against the model's answers; asked after all is timed.
     * @throws dev.mobiledeploy.core.FailureException The model cannot be opened or run.
     */
    fun measure(
        plan: BenchmarkPlan,
        open: () -> ModelRunner,
        check: (ModelRunner) -> List<String> = { emptyList() },
    ): BenchmarkResult {
        memory.begin()
        val start = nanoTime()
        return open().use { runner ->
            val initMs = (nanoTime() - start) / NANOS_PER_MS
            val initMb = memory.growthMb()
            val run = inference(runner)
            val warmUp = phase(1, plan.warmUpSeconds, run)
            val timed = phase(plan.runs, plan.seconds, run)
            BenchmarkResult(
                initMs = initMs,
                firstMs = warmUp.first(),
                warmUpMs = warmUp.average(),
                timed = LatencyStatistics.of(timed),
                memory = MemoryGrowth(initMb, memory.growthMb()),
                runtime = runner.runtime,
                used = runner.used,
                doubts = check(runner),
            )
        }
    }

    private fun inference(runner: ModelRunner): () -> Double {
        val input = runner.input.noise()
        val output = runner.output.allocate()
        return {
            input.openWhole()
            output.openWhole()
            val start = nanoTime()
            runner.run(input, output)
            val wholeMs = (nanoTime() - start) / NANOS_PER_MS
            (runner as? TimedRunner)?.lastRunMs ?: wholeMs
        }
    }

    private fun phase(runs: Int, seconds: Double, run: () -> Double): DoubleArray {
        val start = nanoTime()
        var timesMs = DoubleArray(maxOf(runs, FIRST_ROOM))
        var count = 0
        do {
            if (count == timesMs.size) timesMs = timesMs.copyOf(2 * count)
            timesMs[count++] = run()
            val passed = (nanoTime() - start) / NANOS_PER_S
            val isDone = (count >= runs && passed >= seconds) || passed >= maxOf(seconds, LONGEST_PHASE_S)
        } while (!isDone)
        return timesMs.copyOf(count)
    }

    private companion object {
        const val FIRST_ROOM = 256
    }
}
