package dev.mobiledeploy.core

import dev.mobiledeploy.core.fakes.FakeRunner
import dev.mobiledeploy.core.fakes.FlatPicture
import dev.mobiledeploy.core.fakes.SmallBundle
import dev.mobiledeploy.core.fakes.say
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.IdentityHashMap
import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertSame
import kotlin.test.assertTrue

private const val RED = 0xFFFF0000.toInt()
private val REALS = TensorInfo(TensorType.FLOAT32, listOf(1, 3), null)

private fun realBundle() = SmallBundle().say("contract.output.dtype", "\"float32\"").say("contract.output.quantization", "null")

/** Notes the buffers that it is given. */
private class Witness : FakeRunner() {
    val inputs: MutableSet<ByteBuffer> = java.util.Collections.newSetFromMap(IdentityHashMap())
    val outputs: MutableSet<ByteBuffer> = java.util.Collections.newSetFromMap(IdentityHashMap())
    val seen = mutableListOf<List<Byte>>()

    override fun run(input: ByteBuffer, output: ByteBuffer) {
        assertTrue(input.isDirect && output.isDirect && input.position() == 0)
        assertEquals(ByteOrder.LITTLE_ENDIAN to ByteOrder.LITTLE_ENDIAN, input.order() to output.order())
        inputs += input
        outputs += output
        seen += List(input.limit()) { input[it] }
        super.run(input.duplicate(), output.duplicate())
    }
}

class ClassifierTest {
    private fun classifier(runner: ModelRunner = FakeRunner(), bundle: SmallBundle = SmallBundle(), clock: () -> Long = System::nanoTime) =
        Classifier(BundleReader.read(bundle), runner, clock)

    @Test
    fun `the answer names the best classes with their scores`() {
        val guesses = classifier().classify(FlatPicture(), Turn.UPRIGHT).guesses
        assertEquals(listOf(Guess(1, "bee", 200f / 256), Guess(2, "cat", 45f / 256), Guess(0, "ant", 10f / 256)), guesses)
        assertEquals(guesses.take(1), classifier().classify(FlatPicture(), Turn.UPRIGHT, top = 1).guesses)
    }

    @Test
    fun `all scores of the last picture are kept`() {
        val classifier = classifier()
        assertContentEquals(FloatArray(0), classifier.lastScores)
        classifier.classify(FlatPicture(), Turn.UPRIGHT, top = 1)
        assertContentEquals(floatArrayOf(10f / 256, 200f / 256, 45f / 256), classifier.lastScores)
    }

    @Test
    fun `the runner gets each picture in the same two buffers, made once`() {
        val witness = Witness()
        val classifier = classifier(witness)
        for (color in listOf(RED, -1, RED)) classifier.classify(FlatPicture(argb = color), Turn.UPRIGHT)
        assertEquals(1 to 1, witness.inputs.size to witness.outputs.size)
        val red = List(12) { if (it % 3 == 0) (-1).toByte() else 0 }
        assertEquals(listOf(red, List(12) { (-1).toByte() }, red), witness.seen)
    }

    @Test
    fun `a picture lies over white and is turned upright before it is fed`() {
        val witness = Witness()
        val halves = object : PixelSource by FlatPicture(width = 2, height = 2) {
            override fun readRow(y: Int, left: Int, pixels: IntArray) = pixels.fill(if (y == 0) 0x80FF4000.toInt() else RED)
        }
        classifier(witness).classify(halves, Turn.ofDegrees(90))
        // Half of (255, 64, 0) over white; the upper row is on the right after a quarter turn.
        val (left, right) = listOf<Byte>(-1, 0, 0) to listOf(255.toByte(), 159.toByte(), 127.toByte())
        assertEquals(left + right + left + right, witness.seen.single())
    }

    @Test
    fun `the last input can be read whole and not be changed`() {
        val witness = Witness()
        val classifier = classifier(witness)
        classifier.classify(FlatPicture(argb = RED), Turn.UPRIGHT)
        val last = classifier.lastInput
        assertTrue(last.isReadOnly)
        assertEquals(12 to ByteOrder.LITTLE_ENDIAN, last.remaining() to last.order())
        assertEquals(witness.seen.single(), List(12) { last[it] })
        assertEquals(sha256Of(last), sha256Of(classifier.lastInput.apply { get() }.apply { rewind() }))
    }

    @Test
    fun `a runner that moves the buffers does no harm to the next picture`() {
        val runner = object : FakeRunner() {
            override fun run(input: ByteBuffer, output: ByteBuffer) {
                super.run(input, output)
                input.position(input.limit())
            }
        }
        val classifier = classifier(runner)
        val answers = List(2) { classifier.classify(FlatPicture(argb = RED), Turn.UPRIGHT).guesses }
        assertEquals(answers[0], answers[1])
        assertEquals(12, classifier.lastInput.remaining())
    }

    @Test
    fun `each part of the time is told apart`() {
        val nanos = ArrayDeque(listOf(1_000_000L, 3_000_000L, 10_500_000L, 10_750_000L))
        val timing = classifier(clock = { nanos.removeFirst() }).classify(FlatPicture(), Turn.UPRIGHT).timing
        assertEquals(Timing(preMs = 2.0, runMs = 7.5, postMs = 0.25), timing)
    }

    @Test
    fun `numbers that are not finite are a failure and no answer`() {
        for (bad in listOf(Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY)) {
            val runner = FakeRunner(output = REALS, values = listOf(0.5f, bad, 0.25f))
            val error = assertFailsWith<FailureException> { classifier(runner, realBundle()).classify(FlatPicture(), Turn.UPRIGHT) }
            assertEquals(Failure.RunFailed("small-int8", "it gives numbers that are not finite"), error.failure)
        }
        val sound = FakeRunner(output = REALS, values = listOf(0.5f, 0.125f, 0.25f))
        assertEquals(listOf(0, 2, 1), classifier(sound, realBundle()).classify(FlatPicture(), Turn.UPRIGHT).guesses.map { it.index })
    }

    @Test
    fun `a failure of the runtime or the picture reaches the caller, and the next picture is answered`() {
        var failing: FailureException? = FailureException(Failure.RunFailed("small-int8", "out of luck"))
        val classifier = classifier(FakeRunner(beforeRun = { failing?.let { throw it } }))
        val thrown = assertFailsWith<FailureException> { classifier.classify(FlatPicture(), Turn.UPRIGHT) }
        assertSame(failing, thrown)
        failing = null
        val torn = object : PixelSource by FlatPicture() {
            override fun readRow(y: Int, left: Int, pixels: IntArray) = throw FailureException(Failure.PictureUnreadable("it ends early"))
        }
        assertFailsWith<FailureException> { classifier.classify(torn, Turn.UPRIGHT) }
        assertEquals(1, classifier.classify(FlatPicture(), Turn.UPRIGHT).guesses.first().index)
    }

    @Test
    fun `it leaves closing to whoever opened the runner`() {
        val runner = FakeRunner()
        classifier(runner).classify(FlatPicture(), Turn.UPRIGHT)
        assertFailsWith<FailureException> { classifier(runner, SmallBundle().say("contract.input.side", "3")) }
        assertEquals(1 to 0, runner.runs to runner.closed)
    }
}
