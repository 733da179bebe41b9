package dev.mobiledeploy.demo.model

import dev.mobiledeploy.core.Delegate
import dev.mobiledeploy.core.Failure
import dev.mobiledeploy.core.FailureException
import dev.mobiledeploy.core.ModelRunner
import dev.mobiledeploy.core.RunSettings
import dev.mobiledeploy.core.RunnerFactory
import dev.mobiledeploy.core.reasonOf
import java.nio.ByteBuffer
import java.nio.ByteOrder
import org.tensorflow.lite.Delegate as RuntimeDelegate
import org.tensorflow.lite.Interpreter
import org.tensorflow.lite.gpu.GpuDelegate

/** Opens models with the runtime that is in the app. */
object InterpreterFactory : RunnerFactory {
    override fun open(name: String, model: ByteBuffer, settings: RunSettings): ModelRunner = refusing(name) {
        val delegate = if (settings.delegate == Delegate.GPU) GpuDelegate() else null
        closingOnFailure(delegate) {
            // The runtime takes a mapped file in the machine's own byte order only.
            val file = model.duplicate().order(ByteOrder.nativeOrder())
            val interpreter = Interpreter(file, optionsFor(settings, delegate))
            closingOnFailure(interpreter) {
                checkTensors(name, interpreter)
                InterpreterRunner(name, interpreter, delegate, describe(settings))
            }
        }
    }

    private fun optionsFor(settings: RunSettings, delegate: RuntimeDelegate?): Interpreter.Options {
        val options = Interpreter.Options().setNumThreads(settings.threads)
        options.setUseXNNPACK(settings.delegate == Delegate.CPU)
        return if (delegate == null) options else options.addDelegate(delegate)
    }

    private fun describe(settings: RunSettings): String {
        val threads = if (settings.threads == 1) "1 thread" else "${settings.threads} threads"
        return when (settings.delegate) {
            Delegate.CPU -> "XNNPACK, $threads"
            Delegate.CPU_PLAIN -> "plain kernels, $threads"
            Delegate.GPU -> "GPU delegate; what it does not take on plain kernels, $threads"
        }
    }

    private fun checkTensors(name: String, interpreter: Interpreter) {
        val inputs = interpreter.inputTensorCount
        val outputs = interpreter.outputTensorCount
        if (inputs != 1 || outputs != 1) {
            val problem = "it has $inputs inputs and $outputs outputs, not one of each"
            throw FailureException(Failure.ModelUnreadable(name, problem))
        }
    }
}

private inline fun <T> refusing(name: String, open: () -> T): T = try {
    open()
} catch (error: RuntimeException) {
    throw FailureException(Failure.ModelUnreadable(name, reasonOf(error)), error)
} catch (error: LinkageError) {
    throw FailureException(Failure.ModelUnreadable(name, "the runtime's library is missing (${reasonOf(error)})"), error)
}

private inline fun <T> closingOnFailure(opened: AutoCloseable?, go: () -> T): T {
    var isDone = false
    try {
        return go().also { isDone = true }
    } finally {
        if (!isDone) opened?.close()
    }
}
