package dev.mobiledeploy.host

import dev.mobiledeploy.core.Failure
import dev.mobiledeploy.core.FailureException
import dev.mobiledeploy.core.ModelRunner
import dev.mobiledeploy.core.Quantization
import dev.mobiledeploy.core.TensorInfo
import dev.mobiledeploy.core.TensorType
import java.nio.ByteBuffer
import org.bytedeco.javacpp.BytePointer
import org.bytedeco.javacpp.Pointer
import org.bytedeco.tensorflowlite.BuiltinOpResolver
import org.bytedeco.tensorflowlite.BuiltinOpResolverWithoutDefaultDelegates
import org.bytedeco.tensorflowlite.FlatBufferModel
import org.bytedeco.tensorflowlite.Interpreter
import org.bytedeco.tensorflowlite.InterpreterBuilder
import org.bytedeco.tensorflowlite.TfLiteTensor
import org.bytedeco.tensorflowlite.global.tensorflowlite.TfLiteVersion
import org.bytedeco.tensorflowlite.global.tensorflowlite.kTfLiteFloat32
import org.bytedeco.tensorflowlite.global.tensorflowlite.kTfLiteInt8
import org.bytedeco.tensorflowlite.global.tensorflowlite.kTfLiteOk
import org.bytedeco.tensorflowlite.global.tensorflowlite.kTfLiteUInt8

private val TYPES = mapOf(
    kTfLiteFloat32 to TensorType.FLOAT32,
    kTfLiteUInt8 to TensorType.UINT8,
    kTfLiteInt8 to TensorType.INT8,
)

/**
 * Runs a .tflite on this machine with TensorFlow Lite's own kernels or XNNPACK; every native object is freed by [close].
 *
 * @param bundle Named in failures.
 * @param model The .tflite, direct.
 * @param threads Threads of an inference.
 * @param usesXnnpack Whether XNNPACK takes the operators that it knows.
 * @throws FailureException The runtime refuses the file.
 */
class BytedecoRunner(
    private val bundle: String,
    private val model: ByteBuffer,
    private val threads: Int = 1,
    private val usesXnnpack: Boolean = true,
) : ModelRunner {
    private val natives = ArrayDeque<Pointer>()
    private var operators = 0
    private val interpreter = orClose { open() }
    private val inputTensor = orClose { only("input", interpreter.inputs().limit(), interpreter.input_tensor(0)) }
    private val outputTensor = orClose { only("output", interpreter.outputs().limit(), interpreter.output_tensor(0)) }

    override val input = orClose { describe(inputTensor) }
    override val output = orClose { describe(outputTensor) }
    override val runtime = "TensorFlow Lite ${TfLiteVersion().string}"
    override val used = describeUse()

    override fun run(input: ByteBuffer, output: ByteBuffer) {
        check(natives.isNotEmpty()) { "the runner is closed" }
        val target = tensorBytes(inputTensor)
        require(input.remaining() == target.remaining()) { "the input takes ${target.remaining()} bytes, not ${input.remaining()}" }
        target.put(input.duplicate())
        if (interpreter.Invoke() != kTfLiteOk) throw FailureException(Failure.RunFailed(bundle, "an operator failed"))
        output.duplicate().put(tensorBytes(outputTensor))
    }

    override fun close() {
        while (natives.isNotEmpty()) natives.removeLast().close()
    }

    private fun open(): Interpreter {
        val file = own(FlatBufferModel.VerifyAndBuildFromBuffer(own(BytePointer(model)), model.remaining().toLong()))
        if (file == null || file.isNull) refuse("it is damaged or no TensorFlow Lite file")
        val builder = own(InterpreterBuilder(file, own(resolver())))
        val opened = own(Interpreter(null as Pointer?))
        builder.SetNumThreads(threads)
        if (builder.apply(opened) != kTfLiteOk || opened.isNull) refuse("it has operators that the runtime does not know")
        operators = opened.nodes_size().toInt()
        if (opened.AllocateTensors() != kTfLiteOk) refuse("its tensors cannot be laid out")
        return opened
    }

    private fun resolver(): BuiltinOpResolver =
        if (usesXnnpack) BuiltinOpResolver() else BuiltinOpResolverWithoutDefaultDelegates()

    private fun <P : Pointer?> own(native: P): P = native.also { if (it != null) natives.addLast(it) }

    private fun <T> orClose(read: () -> T): T = try {
        read()
    } catch (error: FailureException) {
        close()
        throw error
    }

    private fun only(which: String, count: Long, first: TfLiteTensor): TfLiteTensor =
        if (count == 1L) first else refuse("it has $count ${which}s, needed is one")

    private fun describe(tensor: TfLiteTensor): TensorInfo {
        val type = TYPES[tensor.type()] ?: refuse("a tensor is of type ${tensor.type()}, which holds no picture or score")
        val shape = tensor.dims().let { dims -> List(dims.size()) { dims.data(it) } }
        val params = tensor.params()
        val quantization = Quantization(params.scale(), params.zero_point()).takeIf { it.scale != 0f }
        return TensorInfo(type, shape, quantization)
    }

    /** Operators that XNNPACK took leave the plan, which then holds its nodes with numbers above all operators. */
    private fun describeUse(): String {
        val plan = interpreter.execution_plan()
        val own = (0 until plan.limit()).count { plan.get(it) < operators }
        return if (own == operators) "the runtime's own kernels" else "XNNPACK, ${operators - own} of $operators operators"
    }

    private fun tensorBytes(tensor: TfLiteTensor): ByteBuffer = tensor.data().raw().capacity(tensor.bytes()).asByteBuffer()

    private fun refuse(problem: String): Nothing = throw FailureException(Failure.ModelUnreadable(bundle, problem))
}
