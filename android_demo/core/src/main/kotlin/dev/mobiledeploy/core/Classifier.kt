package dev.mobiledeploy.core

import java.nio.ByteBuffer
import java.nio.ByteOrder

private const val NANOS_PER_MS = 1e6

/** How many classes an answer names unless it is told otherwise. */
const val DEFAULT_TOP = 5

/**
 * Answers pictures with an opened model. Its buffers are made once; it belongs to the thread of its [runner], which
 * whoever opened it closes.
 *
 * @param nanoTime A clock that only goes forward, in nanoseconds.
 * @throws FailureException The opened model is not what the bundle's contract says.
 */
class Classifier(
    private val bundle: LoadedBundle,
    private val runner: ModelRunner,
    private val nanoTime: () -> Long = System::nanoTime,
) {
    init {
        requireFits(bundle.card.name, bundle.contract, runner)
    }

    private val fitter = PictureFitter(bundle.contract.input.side, bundle.contract.input.fit)
    private val encoder = InputEncoder(bundle.contract.input)
    private val decoder = OutputDecoder(bundle.contract)
    private val input = tensorOf(encoder.sizeBytes)
    private val output = tensorOf(decoder.sizeBytes)

    /** The input tensor of the last picture, from 0 to its limit; the next one overwrites it. */
    val lastInput: ByteBuffer get() = input.asReadOnlyBuffer().order(ByteOrder.LITTLE_ENDIAN).apply { openWhole() }

    /** One score for each label of the last picture; empty before there was one. */
    var lastScores: FloatArray = FloatArray(0)
        private set

    /**
     * Names what is in a picture.
     *
     * @param turn How the picture is stored.
     * @param top How many classes to name, at most.
     * @throws FailureException The picture cannot be read, or the runtime fails or gives numbers that are not finite.
     */
    fun classify(source: PixelSource, turn: Turn, top: Int = DEFAULT_TOP): Answer {
        val start = nanoTime()
        encoder.encode(fitter.toSquare(source, turn), input)
        // A runner may have moved through them.
        input.openWhole()
        output.openWhole()
        val encoded = nanoTime()
        runner.run(input, output)
        val ran = nanoTime()
        lastScores = decoder.scores(output).also(::requireFinite)
        val guesses = decoder.top(lastScores, top)
        return Answer(guesses, Timing(ms(start, encoded), ms(encoded, ran), ms(ran, nanoTime())))
    }

    private fun requireFinite(scores: FloatArray) {
        if (scores.any { it.isNaN() || it.isInfinite() }) {
            throw FailureException(Failure.RunFailed(bundle.card.name, "it gives numbers that are not finite"))
        }
    }
}

private fun tensorOf(sizeBytes: Int): ByteBuffer = ByteBuffer.allocateDirect(sizeBytes).order(ByteOrder.LITTLE_ENDIAN)

private fun ms(from: Long, to: Long): Double = (to - from) / NANOS_PER_MS
