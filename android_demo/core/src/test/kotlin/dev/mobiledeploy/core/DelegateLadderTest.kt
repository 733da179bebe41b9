package dev.mobiledeploy.core

import dev.mobiledeploy.core.fakes.FakeRunner
import org.junit.jupiter.api.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertTrue

class DelegateLadderTest {
    private val opened = mutableListOf<Pair<Delegate, FakeRunner>>()
    private val asked = mutableListOf<Delegate>()

    private fun ladder(make: (Delegate) -> FakeRunner) = DelegateLadder { settings ->
        asked += settings.delegate
        make(settings.delegate).also { opened += settings.delegate to it }
    }

    private fun climb(wished: Delegate, make: (Delegate) -> FakeRunner) = ladder(make).climb(RunSettings(4, wished))

    private fun refusing(vararg delegates: Delegate) = { delegate: Delegate ->
        if (delegate in delegates) throw FailureException(DelegateUnavailable(delegate, "no ${delegate.word} here")) else FakeRunner()
    }

    @Test
    fun `what is wished runs when it can, and there is nothing to say`() {
        val report = climb(Delegate.CPU, refusing()).report
        assertEquals(OpenReport(Delegate.CPU, Delegate.CPU, "the fake", "TensorFlow Lite 2.16.1"), report)
        assertTrue(report.sentences.isEmpty())
    }

    @Test
    fun `each refusal is kept with its reason and shown`() {
        val report = climb(Delegate.GPU, refusing(Delegate.GPU, Delegate.CPU)).report
        assertEquals(listOf(Delegate.GPU, Delegate.CPU, Delegate.CPU_PLAIN), asked)
        assertEquals(
            listOf("gpu refused: no gpu here", "cpu refused: no cpu here", "runs on cpu-plain"),
            report.sentences,
        )
    }

    @Test
    fun `nothing better than what is wished is tried`() {
        assertEquals(Delegate.CPU_PLAIN, climb(Delegate.CPU_PLAIN, refusing()).report.delegate)
        assertEquals(listOf(Delegate.CPU_PLAIN), asked)
    }

    @Test
    fun `a model that nothing runs fails with the last reason`() {
        val error = assertFailsWith<FailureException> { climb(Delegate.CPU, refusing(Delegate.CPU, Delegate.CPU_PLAIN)) }
        assertEquals(DelegateUnavailable(Delegate.CPU_PLAIN, "no cpu-plain here"), error.failure)
    }

    @Test
    fun `exceptions of the runtime are refusals in words`() {
        val report = climb(Delegate.GPU) { delegate ->
            if (delegate == Delegate.GPU) throw UnsatisfiedLinkError("no libtensorflowlite_gpu_jni.so.\nmore") else FakeRunner()
        }.report
        assertEquals(listOf(Refusal(Delegate.GPU, "no libtensorflowlite_gpu_jni.so")), report.refusals)
        assertEquals(
            listOf(Refusal(Delegate.GPU, "no reason was given (IllegalStateException)")),
            climb(Delegate.GPU) { if (it == Delegate.GPU) throw IllegalStateException() else FakeRunner() }.report.refusals,
        )
    }

    @Test
    fun `a gpu that opens and then fails to run is refused and closed`() {
        val report = climb(Delegate.GPU) { delegate ->
            FakeRunner(beforeRun = { if (delegate == Delegate.GPU) throw FailureException(Failure.RunFailed("m", "out of buffers")) })
        }.report
        assertEquals(listOf(Refusal(Delegate.GPU, "out of buffers")), report.refusals)
        assertEquals(1, opened.single { it.first == Delegate.GPU }.second.closed)
    }

    @Test
    fun `a gpu that gives no finite numbers is refused`() {
        val report = climb(Delegate.GPU) { floats(listOf(0.1f, if (it == Delegate.GPU) Float.NaN else 0.2f, 0.3f)) }.report
        assertEquals(listOf(Refusal(Delegate.GPU, "it gives numbers that are not finite")), report.refusals)
        assertEquals(Delegate.CPU, report.delegate)
    }

    @Test
    fun `a gpu whose floats are the cpu's bit for bit is doubted`() {
        val report = climb(Delegate.GPU) { floats(listOf(0.1f, 0.2f, 0.7f)) }.report
        assertEquals(Delegate.GPU, report.delegate)
        assertEquals(listOf("gpu answers bit for bit as cpu does, so it may not have run at all"), report.sentences)
    }

    @Test
    fun `a gpu that is over a tenth of the largest value off is doubted, and one that is less off is not`() {
        fun doubts(off: Float) =
            climb(Delegate.GPU) { floats(listOf(0.125f, 0.25f, 0.5f + if (it == Delegate.GPU) off else 0f)) }.report.doubts
        assertEquals(emptyList(), doubts(0.03125f))
        assertEquals(listOf("gpu answers other than cpu: a value is off by 0.0625, the largest is 0.5"), doubts(0.0625f))
    }

    @Test
    fun `integers that agree are no reason to doubt, and bytes above 127 are not negative`() {
        fun doubts(gpu: Int, cpu: Int) =
            climb(Delegate.GPU) { FakeRunner(values = listOf(1, 2, if (it == Delegate.GPU) gpu else cpu)) }.report.doubts
        assertEquals(emptyList(), doubts(200, 200))
        assertEquals(emptyList(), doubts(126, 130))
        assertEquals(1, doubts(100, 200).size)
    }

    @Test
    fun `the gpu is compared once, with a model on the cpu that is closed again`() {
        val opened = climb(Delegate.GPU) { floats(listOf(0.1f, 0.2f, if (it == Delegate.GPU) 0.70001f else 0.7f)) }
        val (_, cpu) = this.opened.single { it.first == Delegate.CPU }
        assertEquals(listOf(1, 1), listOf(cpu.runs, cpu.closed))
        assertEquals(0, (opened.runner as FakeRunner).closed)
    }

    @Test
    fun `a gpu that cannot be compared runs with a doubt`() {
        val report = climb(Delegate.GPU, refusing(Delegate.CPU)).report
        assertEquals(listOf("gpu could not be compared with cpu: no cpu here"), report.sentences)
        assertEquals(Delegate.GPU, report.delegate)
    }

    private fun floats(values: List<Float>) =
        FakeRunner(output = TensorInfo(TensorType.FLOAT32, listOf(1, 3), null), values = values)
}
