package dev.mobiledeploy.core

import java.nio.ByteBuffer
import java.nio.ByteOrder
import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith

private const val SMALLEST_BYTE: Byte = -128

class OutputDecoderTest {
    private fun decoder(
        type: TensorType = TensorType.FLOAT32,
        meaning: OutputMeaning = OutputMeaning.SOFTMAX,
        size: Int = 3,
        quantization: Quantization? = null,
        labels: Int = size,
    ): OutputDecoder {
        val input = InputContract(1, TensorType.UINT8, 0.0, 255.0, Fit.Stretch, null)
        val names = List(labels) { "class $it" }
        return OutputDecoder(ModelContract(input, OutputContract(type, meaning, size, quantization), names, false, "2.3"))
    }

    private fun bytes(vararg values: Int) = ByteBuffer.wrap(ByteArray(values.size) { values[it].toByte() })

    private fun reals(vararg values: Float): ByteBuffer =
        ByteBuffer.allocate(4 * values.size).order(ByteOrder.LITTLE_ENDIAN).apply { asFloatBuffer().put(values) }

    private fun best(decoder: OutputDecoder, count: Int, vararg scores: Float) = decoder.top(scores, count).map { it.index }

    @Test
    fun `uint8 above 127 is no negative number, int8 may be one`() {
        val half = Quantization(0.5f, 0)
        assertContentEquals(floatArrayOf(0f, 64f, 127.5f), decoder(TensorType.UINT8, quantization = half).scores(bytes(0, 128, 255)))
        assertContentEquals(floatArrayOf(0f, -64f, -0.5f), decoder(TensorType.INT8, quantization = half).scores(bytes(0, 128, 255)))
    }

    @Test
    fun `the zero point comes off before the scale`() {
        val scores = decoder(TensorType.INT8, quantization = Quantization(1f / 256, -128)).scores(bytes(-128, 0, 127))
        assertContentEquals(floatArrayOf(0f, 0.5f, 255f / 256), scores)
        assertContentEquals(floatArrayOf(-128f, 0f, 127f), decoder(TensorType.INT8).scores(bytes(-128, 0, 127)))
        val real = decoder(quantization = Quantization(2f, 1)).scores(reals(1f, 1.5f, -1f))
        assertContentEquals(floatArrayOf(0f, 1f, -4f), real)
    }

    @Test
    fun `position, limit and order of the buffer neither matter nor change`() {
        val buffer = reals(0.25f, 0.5f, 1f).order(ByteOrder.BIG_ENDIAN)
        buffer.position(5).limit(7)
        assertContentEquals(floatArrayOf(0.25f, 0.5f, 1f), decoder().scores(buffer))
        assertEquals(Triple(5, 7, ByteOrder.BIG_ENDIAN), Triple(buffer.position(), buffer.limit(), buffer.order()))
    }

    @Test
    fun `a buffer of another size is refused`() {
        assertEquals(listOf(12, 3), listOf(decoder(), decoder(TensorType.INT8)).map { it.sizeBytes })
        assertFailsWith<IllegalArgumentException> { decoder().scores(ByteBuffer.allocate(13)) }
        assertFailsWith<IllegalArgumentException> { decoder(TensorType.UINT8).scores(bytes(1, 2)) }
    }

    @Test
    fun `one sigmoid or logit answers for two labels`() {
        val sigmoid = decoder(meaning = OutputMeaning.SIGMOID, size = 1, labels = 2)
        assertContentEquals(floatArrayOf(0.75f, 0.25f), sigmoid.scores(reals(0.25f)))
        val logit = decoder(meaning = OutputMeaning.LOGITS, size = 1, labels = 2)
        assertContentEquals(floatArrayOf(0f, -3f), logit.scores(reals(-3f)))
        assertEquals(listOf(0, 1), best(logit, 5, 0f, -3f))
        assertContentEquals(floatArrayOf(0.25f), decoder(meaning = OutputMeaning.SIGMOID, size = 1).scores(reals(0.25f)))
    }

    @Test
    fun `the best come first, and of equal ones the lower index`() {
        assertEquals(listOf(2, 0, 1), best(decoder(), 5, 0.3f, 0.1f, 0.6f))
        val five = decoder(meaning = OutputMeaning.LOGITS, size = 5)
        assertEquals(listOf(1, 3, 0), best(five, 3, -1f, 2f, -1f, 2f, -1f))
        assertEquals(listOf(0, 1, 2, 3, 4), best(five, 5, 0f, -0f, 0f, -0f, 0f))
        assertEquals(listOf(3), best(five, 1, 1f, 2f, 2f, 3f, 3f))
        assertEquals(listOf(3, 4, 1, 2, 0), best(five, 9, 1f, 2f, 2f, 3f, 3f))
        assertEquals(emptyList(), best(five, 0, 1f, 2f, 2f, 3f, 3f))
    }

    @Test
    fun `guesses carry label and score`() {
        assertEquals(listOf(Guess(2, "class 2", 0.6f)), decoder().top(floatArrayOf(0.3f, 0.1f, 0.6f), 1))
    }

    @Test
    fun `probabilities of zero are shown only if all classes are`() {
        val three = decoder()
        assertEquals(listOf(1, 0, 2), best(three, 3, 0f, 0.5f, 0f))
        assertEquals(listOf(1), best(three, 2, 0f, 0.5f, 0f))
        assertEquals(listOf(0), best(three, 2, 0f, 0f, 0f))
        val sigmoid = decoder(meaning = OutputMeaning.SIGMOID)
        assertEquals(listOf(2), best(sigmoid, 2, 0f, 0f, 1f))
        val logits = decoder(meaning = OutputMeaning.LOGITS)
        assertEquals(listOf(2, 0), best(logits, 2, 0f, 0f, 1f))
    }

    @Test
    fun `of many classes the few best are found as sorting would find them`() {
        val random = java.util.Random(5)
        val many = decoder(meaning = OutputMeaning.LOGITS, size = 2_000)
        repeat(50) {
            val scores = FloatArray(2_000) { random.nextInt(40) / 8f - 2 }
            val sorted = scores.indices.sortedByDescending { scores[it] }
            for (count in listOf(1, 5, 37)) assertEquals(sorted.take(count), best(many, count, *scores))
        }
    }

    @Test
    fun `the smallest and the largest stored values keep their order`() {
        val scores = decoder(TensorType.INT8, quantization = Quantization(1e-3f, -128)).scores(bytes(SMALLEST_BYTE.toInt(), 127, 126))
        assertEquals(listOf(1, 2, 0), best(decoder(), 3, *scores))
    }
}
