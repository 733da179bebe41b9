package dev.mobiledeploy.core

import java.nio.ByteBuffer
import java.nio.ByteOrder

/** Turns what the output tensor holds into scores and names, as the Python side does, number for number. */
class OutputDecoder(private val contract: ModelContract) {
    private val output = contract.output

    /** Size of the output tensor in bytes. */
    val sizeBytes: Int = output.size * output.type.bytes

    /**
     * Gives one score for each label; a single sigmoid or logit with two labels answers for both.
     *
     * @param output The output tensor, from 0 to its capacity; its position, limit and order stay.
     */
    fun scores(output: ByteBuffer): FloatArray {
        require(output.capacity() == sizeBytes) { "the tensor takes $sizeBytes bytes, the buffer ${output.capacity()}" }
        val values = realValues(output)
        if (values.size != 1 || contract.labels.size != 2) return values
        // A logit above 0 is a probability above one half.
        val other = if (contract.output.meaning == OutputMeaning.SIGMOID) 1 - values[0] else 0f
        return floatArrayOf(other, values[0])
    }

    /**
     * Gives the best classes, best first; of equal scores the lower index comes first.
     *
     * Where not all classes are shown, those of probability 0 are left out: integer files round most probabilities to 0,
     * and which of those came first would be chance. The best one is always there.
     *
     * @param scores What [scores] gives.
     * @param count How many, at most.
     */
    fun top(scores: FloatArray, count: Int): List<Guess> {
        val order = bestOf(scores, count)
        val isCut = contract.output.meaning != OutputMeaning.LOGITS && scores.size > count
        val shown = if (isCut) maxOf(1, order.count { scores[it] != 0f }) else order.size
        return order.take(shown).map { Guess(it, contract.labels[it], scores[it]) }
    }

    private fun realValues(tensor: ByteBuffer): FloatArray {
        val whole = tensor.duplicate().order(ByteOrder.LITTLE_ENDIAN)
        whole.openWhole()
        val stored = FloatArray(output.size)
        when (output.type) {
            TensorType.FLOAT32 -> whole.asFloatBuffer().get(stored)
            TensorType.INT8 -> for (i in stored.indices) stored[i] = whole.get().toFloat()
            TensorType.UINT8 -> for (i in stored.indices) stored[i] = whole.get().unsigned().toFloat()
        }
        output.quantization?.let { dequantize(stored, it) }
        return stored
    }
}

private fun dequantize(values: FloatArray, quantization: Quantization) {
    val zeroPoint = quantization.zeroPoint.toFloat()
    for (i in values.indices) values[i] = (values[i] - zeroPoint) * quantization.scale
}

/** Places of the highest scores, highest first, without sorting the many others. */
private fun bestOf(scores: FloatArray, count: Int): List<Int> {
    val best = IntArray(minOf(count, scores.size))
    var found = 0
    for (index in scores.indices) {
        // Plain comparison, unlike compareTo, takes 0 and -0 for equal.
        var place = found
        while (place > 0 && scores[index] > scores[best[place - 1]]) place--
        if (place == best.size) continue
        found = minOf(found + 1, best.size)
        best.copyInto(best, place + 1, place, found - 1)
        best[place] = index
    }
    return best.asList()
}
