package dev.mobiledeploy.core

import java.nio.ByteBuffer
import kotlin.math.abs

// A GPU computes with 16-bit floats, and int8 files with the real values: both move scores by some hundredths.
private const val MOST_RELATIVE = 0.1f

/**
 * Holds what the GPU answers to noise against the CPU.
 *
 * @param gpu The model on the GPU.
 * @param openCpu Opens the same model on the CPU; it is closed again.
 * @return What speaks against the GPU's answers, as sentences.
 * @throws FailureException The GPU fails, or gives numbers that are not finite.
 */
fun gpuDoubts(gpu: ModelRunner, openCpu: () -> ModelRunner): List<String> {
    val found = answerToNoise(gpu)
    if (!realValues(found, gpu.output).all(Float::isFinite)) {
        throw FailureException(DelegateUnavailable(Delegate.GPU, "it gives numbers that are not finite"))
    }
    return try {
        listOfNotNull(doubtOf(Delegate.GPU, gpu.output, found, openCpu().use(::answerToNoise)))
    } catch (error: FailureException) {
        listOf("gpu could not be compared with cpu: ${error.failure.reason}")
    }
}

private fun answerToNoise(runner: ModelRunner): ByteBuffer {
    val output = runner.output.allocate()
    runner.run(runner.input.noise(), output)
    return output.apply { openWhole() }
}

/**
 * Compares what a delegate and the CPU answer to the same input.
 *
 * @param delegate What is to be trusted or not.
 * @param info What both outputs are.
 * @param found The delegate's output tensor.
 * @param expected The CPU's.
 * @return Why the delegate should be doubted, in a sentence; null when there is no reason.
 */
fun doubtOf(delegate: Delegate, info: TensorInfo, found: ByteBuffer, expected: ByteBuffer): String? {
    if (info.type == TensorType.FLOAT32 && found == expected) {
        return "${delegate.word} answers bit for bit as cpu does, so it may not have run at all"
    }
    val values = realValues(found, info)
    val expectedValues = realValues(expected, info)
    val largest = expectedValues.maxOf(::abs)
    val off = values.indices.maxOf { abs(values[it] - expectedValues[it]) }
    if (off <= MOST_RELATIVE * largest) return null
    return "${delegate.word} answers other than cpu: a value is off by $off, the largest is $largest"
}

/** Gives what a tensor's bytes stand for. */
fun realValues(tensor: ByteBuffer, info: TensorInfo): FloatArray {
    val count = info.sizeBytes / info.type.bytes
    return FloatArray(count) { index ->
        when (info.type) {
            TensorType.FLOAT32 -> tensor.getFloat(index * Float.SIZE_BYTES)
            TensorType.UINT8 -> real(tensor.get(index).toInt() and BYTE_MASK, info.quantization)
            TensorType.INT8 -> real(tensor.get(index).toInt(), info.quantization)
        }
    }
}

private const val BYTE_MASK = 0xff

private fun real(stored: Int, quantization: Quantization?): Float =
    if (quantization == null) stored.toFloat() else (stored - quantization.zeroPoint) * quantization.scale
