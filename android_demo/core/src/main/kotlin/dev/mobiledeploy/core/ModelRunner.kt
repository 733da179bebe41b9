package dev.mobiledeploy.core

import java.nio.ByteBuffer

/** What an opened file says of its input or output; [quantization] is null where it has none. */
data class TensorInfo(val type: TensorType, val shape: List<Int>, val quantization: Quantization?) {
    override fun toString() = "${type.word} $shape"
}

/** An opened model with one input and one output. It belongs to the thread that opened it. */
interface ModelRunner : AutoCloseable {
    val input: TensorInfo
    val output: TensorInfo

    /** Name and version of the runtime, such as "TensorFlow Lite 2.16.1". */
    val runtime: String

    /** What runs the model, such as "XNNPACK, 4 threads". */
    val used: String

    /**
     * Runs one inference.
     *
     * @param input The input tensor, little endian, direct, from position 0 to its limit.
     * @param output Gets the output tensor likewise.
     * @throws FailureException The runtime fails.
     */
    fun run(input: ByteBuffer, output: ByteBuffer)
}
