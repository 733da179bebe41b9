package dev.mobiledeploy.core.fakes

import dev.mobiledeploy.core.ModelRunner
import dev.mobiledeploy.core.Quantization
import dev.mobiledeploy.core.RunSettings
import dev.mobiledeploy.core.RunnerFactory
import dev.mobiledeploy.core.TensorInfo
import dev.mobiledeploy.core.TensorType
import dev.mobiledeploy.core.TimedRunner
import java.nio.ByteBuffer

/** A runner that answers every input with the same [values]; it notes what is done with it. */
open class FakeRunner(
    override val input: TensorInfo = SMALL_INPUT,
    override val output: TensorInfo = SMALL_OUTPUT,
    private val values: List<Number> = listOf(10, 200, 45),
    override val used: String = "the fake",
    private val beforeRun: () -> Unit = {},
) : ModelRunner {
    override val runtime = "TensorFlow Lite 2.16.1"
    val threads = mutableSetOf<Thread>()
    var runs = 0
    var closed = 0

    override fun run(input: ByteBuffer, output: ByteBuffer) {
        threads += Thread.currentThread()
        check(closed == 0) { "it is closed" }
        check(input.remaining() == size(this.input) && output.remaining() == size(this.output)) { "a buffer has another size" }
        beforeRun()
        runs++
        for (value in values) if (this.output.type == TensorType.FLOAT32) output.putFloat(value.toFloat()) else output.put(value.toByte())
    }

    override fun close() {
        threads += Thread.currentThread()
        closed++
    }

    private fun size(tensor: TensorInfo) = tensor.shape.fold(tensor.type.bytes) { size, side -> size * side }

    companion object {
        val SMALL_INPUT = TensorInfo(TensorType.UINT8, listOf(1, 2, 2, 3), Quantization(1f, 0))
        val SMALL_OUTPUT = TensorInfo(TensorType.UINT8, listOf(1, 3), Quantization(1f / 256, 0))
    }
}

/** A fake runner whose runtime times itself. */
class FakeTimedRunner(override val lastRunMs: Double?, beforeRun: () -> Unit) : FakeRunner(beforeRun = beforeRun), TimedRunner

/** Opens fake runners and notes them, newest last. */
class FakeFactory(private val make: (RunSettings) -> ModelRunner = { FakeRunner() }) : RunnerFactory {
    val asked = mutableListOf<RunSettings>()
    val opened = mutableListOf<ModelRunner>()

    override fun open(name: String, model: ByteBuffer, settings: RunSettings): ModelRunner {
        asked += settings
        return make(settings).also { opened += it }
    }
}
