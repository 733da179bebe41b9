package dev.mobiledeploy.core

import java.nio.ByteBuffer

/** What may run a model; [word] is its name on the command line and in answers. */
enum class Delegate(val word: String) {
    /** The CPU with XNNPACK. */
    CPU("cpu"),

    /** The CPU with the runtime's own kernels, without XNNPACK. */
    CPU_PLAIN("cpu-plain"),

    /** The GPU. */
    GPU("gpu"),
    ;

    companion object {
        /** Finds a delegate by its [word]; null when there is none of that name. */
        fun of(word: String): Delegate? = entries.firstOrNull { it.word == word }
    }
}

/** How a model is run: the [threads] of an inference, and what is wished to run it. */
data class RunSettings(val threads: Int, val delegate: Delegate)

/** Opens models with the runtime of this program. */
fun interface RunnerFactory {
    /**
     * Opens a model on the calling thread, to which it belongs from then on.
     *
     * @param name What to call the model in failures.
     * @param model The .tflite, direct.
     * @param settings With exactly what to run it.
     * @throws FailureException The runtime refuses the file or the delegate.
     */
    fun open(name: String, model: ByteBuffer, settings: RunSettings): ModelRunner
}

/** Why a [delegate] does not run a model. */
data class Refusal(val delegate: Delegate, val reason: String)

/**
 * How a model came to run, for people to see.
 *
 * @property wished What was asked for.
 * @property delegate What runs it.
 * @property used What the runtime says of it, such as "XNNPACK, 4 threads".
 * @property runtime Name and version of the runtime.
 * @property refusals Why everything better did not run it, in the order tried.
 * @property doubts What speaks against its answers, as sentences.
 */
data class OpenReport(
    val wished: Delegate,
    val delegate: Delegate,
    val used: String,
    val runtime: String,
    val refusals: List<Refusal> = emptyList(),
    val doubts: List<String> = emptyList(),
) {
    /** All that a person should know, one sentence a line; nothing when all is as wished. */
    val sentences: List<String>
        get() = refusals.map { "${it.delegate.word} refused: ${it.reason}" } +
            listOf("runs on ${delegate.word}").filter { refusals.isNotEmpty() } + doubts
}
