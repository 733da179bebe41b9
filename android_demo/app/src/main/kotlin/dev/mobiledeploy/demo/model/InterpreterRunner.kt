package dev.mobiledeploy.demo.model

import dev.mobiledeploy.core.Failure
import dev.mobiledeploy.core.FailureException
import dev.mobiledeploy.core.Quantization
import dev.mobiledeploy.core.TensorInfo
import dev.mobiledeploy.core.TensorType
import dev.mobiledeploy.core.TimedRunner
import dev.mobiledeploy.core.reasonOf
import java.nio.ByteBuffer
import org.tensorflow.lite.DataType
import org.tensorflow.lite.Delegate as RuntimeDelegate
import org.tensorflow.lite.Interpreter
import org.tensorflow.lite.Tensor
import org.tensorflow.lite.TensorFlowLite

private const val NANOS_PER_MS = 1e6

/**
 * A model opened with TensorFlow Lite, or with LiteRT, which has the same classes.
 *
 * @property name What to call the model in failures.
 * @property interpreter With exactly one input and one output; closed with this.
 * @property delegate Closed after the interpreter; null without one of our own.
 */
class InterpreterRunner(
    private val name: String,
    private val interpreter: Interpreter,
    private val delegate: RuntimeDelegate?,
    override val used: String,
) : TimedRunner {
    override val input: TensorInfo = describe(interpreter.getInputTensor(0))
    override val output: TensorInfo = describe(interpreter.getOutputTensor(0))
    override val runtime: String = runtimeName(TensorFlowLite.runtimeVersion())
    override val lastRunMs: Double? get() = interpreter.lastNativeInferenceDurationNanoseconds?.let { it / NANOS_PER_MS }

    override fun run(input: ByteBuffer, output: ByteBuffer) = try {
        interpreter.run(input.duplicate().order(input.order()), output.duplicate().order(output.order()))
    } catch (error: RuntimeException) {
        throw FailureException(Failure.RunFailed(name, reasonOf(error)), error)
    }

    override fun close() {
        interpreter.close()
        delegate?.close()
    }

    private fun describe(tensor: Tensor): TensorInfo {
        val type = typeOf(tensor.dataType())
            ?: throw FailureException(Failure.ModelUnreadable(name, "${tensor.dataType()} tensors cannot be fed"))
        val quantization = tensor.quantizationParams()
        // The runtime gives scale 0 where a tensor has no quantization.
        val found = Quantization(quantization.scale, quantization.zeroPoint).takeIf { it.scale != 0f }
        return TensorInfo(type, tensor.shape().asList(), found)
    }
}

private fun typeOf(type: DataType): TensorType? = when (type) {
    DataType.FLOAT32 -> TensorType.FLOAT32
    DataType.UINT8 -> TensorType.UINT8
    DataType.INT8 -> TensorType.INT8
    else -> null
}

// Releases of TensorFlow Lite that have the calls above are 2.16 and 2.17; LiteRT began again with 1.0 and is below that.
private fun runtimeName(version: String): String {
    val isTensorFlowLite = version.startsWith("2.16") || version.startsWith("2.17")
    return if (isTensorFlowLite) "TensorFlow Lite $version" else "LiteRT $version"
}
