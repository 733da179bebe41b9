package dev.mobiledeploy.core.shell

import dev.mobiledeploy.core.BundleStore
import dev.mobiledeploy.core.Delegate
import dev.mobiledeploy.core.DelegateUnavailable
import dev.mobiledeploy.core.Failure
import dev.mobiledeploy.core.FailureException
import dev.mobiledeploy.core.JsonFields
import dev.mobiledeploy.core.RunSettings
import dev.mobiledeploy.core.Turn
import dev.mobiledeploy.core.fakes.FakeFactory
import dev.mobiledeploy.core.fakes.FakeRunner
import dev.mobiledeploy.core.fakes.FlatPicture
import dev.mobiledeploy.core.fakes.SmallBundle
import dev.mobiledeploy.core.readJsonObject
import dev.mobiledeploy.core.sha256Of
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.io.File
import java.nio.ByteBuffer
import kotlin.test.assertEquals
import kotlin.test.assertTrue

class ShellDeskTest {
    @TempDir
    lateinit var root: File

    @TempDir
    lateinit var cable: File

    private val bundle = SmallBundle()
    private val cpu = RunSettings(4, Delegate.CPU)
    private var factory = FakeFactory()
    private val store by lazy { BundleStore(root) }
    private var picture: (String) -> StoredPicture = { StoredPicture(FlatPicture(argb = 0xFF102030.toInt()), Turn.UPRIGHT) }

    private fun serve(request: ShellRequest): JsonFields {
        val desk = ShellDesk(factory, store, { store.files(it) ?: bundle }, { picture(it) }, Benchmark(ProcessMemory()))
        return readJsonObject(desk.serve(request).line()).also { assertEquals("5a", it.text("token")) }
    }

    private fun error(request: ShellRequest) = serve(request).text("error")

    private fun benchmark(
        settings: RunSettings = cpu,
        kind: BenchmarkKind = BenchmarkKind.LATENCY,
        sha256: String = bundle.sha256,
    ): ShellRequest {
        val file = File(cable, "model-0.tflite").apply { if (!exists()) writeBytes(bundle.files.getValue("small-int8.tflite")) }
        return ShellRequest.Benchmark("5a", kind, file.path, sha256, settings, 20, 0.0, 0.0)
    }

    private fun answer(sha256: String = bundle.sha256) = ShellRequest.Answer("5a", "small-int8", sha256, "samples/boat.png", cpu)

    @Test
    fun `a benchmark is told in the fields of the command line's report`() {
        val said = serve(benchmark())
        assertTrue(said.isNull("error") && said.isNull("memory"))
        assertEquals(bundle.sha256, said.text("sha256"))
        assertEquals("TensorFlow Lite 2.16.1", said.text("runtime"))
        assertEquals(20, said.whole("runs", 0L..100L))
        val ascending = listOf("min_ms", "p5_ms", "centre_ms", "p95_ms", "max_ms").map(said::number)
        assertEquals(ascending.sorted(), ascending)
        for (name in listOf("init_ms", "first_ms", "warmup_ms", "mean_ms", "std_ms")) assertTrue(said.number(name) >= 0, name)
    }

    @Test
    fun `memory is told when it is asked for`() {
        val memory = serve(benchmark(kind = BenchmarkKind.MEMORY)).child("memory")
        assertTrue(memory.number("init_mb") <= memory.number("overall_mb"))
        assertTrue(memory.isNull("peak_mb"))
    }

    @Test
    fun `a benchmark runs what was asked for, or nothing`() {
        factory = FakeFactory { throw FailureException(DelegateUnavailable(it.delegate, "this phone has no gpu")) }
        assertEquals("gpu cannot be used: this phone has no gpu.", error(benchmark(cpu.copy(delegate = Delegate.GPU))))
        assertEquals(listOf(Delegate.GPU), factory.asked.map { it.delegate })
    }

    @Test
    fun `a gpu that answers something else is a doubt of its figures`() {
        factory = FakeFactory { FakeRunner(values = if (it.delegate == Delegate.GPU) listOf(0, 0, 200) else listOf(200, 0, 0)) }
        val doubts = serve(benchmark(cpu.copy(delegate = Delegate.GPU))).texts("doubts")
        assertTrue(doubts.single().startsWith("gpu answers other than cpu"))
        assertEquals(emptyList(), serve(benchmark()).texts("doubts"))
    }

    @Test
    fun `a file that is another one, or none, is not opened`() {
        assertTrue(error(benchmark(sha256 = "0".repeat(64))).startsWith("model-0.tflite was changed or damaged"))
        val missing = ShellRequest.Benchmark("5a", BenchmarkKind.TRIAL, "/nowhere/m.tflite", bundle.sha256, cpu, 1, 0.0, 0.0)
        assertTrue(error(missing).startsWith("The runtime does not open /nowhere/m.tflite: it cannot be read ("))
        assertTrue(factory.asked.isEmpty())
    }

    @Test
    fun `an answer tells the input that the model got and what it said`() {
        val said = serve(answer())
        val input = ByteBuffer.wrap(ByteArray(12) { listOf<Byte>(0x10, 0x20, 0x30)[it % 3] })
        assertEquals(sha256Of(input), said.text("input_sha256"))
        assertEquals(listOf("bee", "cat", "ant"), said.children("guesses").map { it.text("label") })
        assertEquals(listOf(1L, 2L, 0L), said.children("guesses").map { it.whole("index", 0L..2L) })
        assertEquals(200 / 256.0, said.children("guesses").first().number("score"))
        for (name in listOf("pre_ms", "run_ms", "post_ms")) assertTrue(said.number(name) >= 0)
        assertEquals(1, (factory.opened.single() as FakeRunner).closed)
    }

    @Test
    fun `an answer of another model, or to a picture that is none, is refused`() {
        assertTrue(error(answer("0".repeat(64))).startsWith("small-int8.tflite was changed or damaged"))
        picture = { throw FailureException(Failure.PictureUnreadable("samples/boat.png is not there")) }
        assertEquals("The picture cannot be read: samples/boat.png is not there. Choose another one.", error(answer()))
        picture = { throw OutOfMemoryError() }
        assertTrue(error(answer()).startsWith("The phone has not enough memory for the request."))
    }

    @Test
    fun `a bundle that is loaded answers from then on`() {
        val newer = SmallBundle(tflite = byteArrayOf(9, 9))
        val said = serve(ShellRequest.Load("5a", cable.path, newer.name, newer.send(cable), ShowAfter.NONE))
        assertEquals(listOf(newer.sha256, "small-int8"), listOf(said.text("sha256"), said.text("loaded")))
        assertEquals(newer.sha256, serve(answer(newer.sha256)).text("sha256"))
    }

    @Test
    fun `a load that fails says why`() {
        val sent = bundle.send(cable) - "labels.txt"
        val load = ShellRequest.Load("5a", cable.path, bundle.name, sent, ShowAfter.NONE)
        assertEquals("small-int8 has no labels.txt. Add the bundle again.", error(load))
    }

    @Test
    fun `a request that cannot be used is answered too`() {
        assertEquals("no such kind", error(ShellRequest.Unusable("5a", "no such kind")))
    }
}
