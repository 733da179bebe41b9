package dev.mobiledeploy.core.shell

import dev.mobiledeploy.core.RunSettings

/** Why a model is run many times. */
enum class BenchmarkKind(val word: String) {
    /** To see whether it works at all. */
    TRIAL("trial"),

    /** To time it. */
    LATENCY("latency"),

    /** To see how much memory it takes. */
    MEMORY("memory"),
}

/** What is on the phone's display after a model was brought to it. */
enum class ShowAfter(val word: String) {
    /** What was there before. */
    NONE("none"),

    /** The screen of still pictures. */
    PICTURE("picture"),

    /** The live camera. */
    CAMERA("camera"),
}

/**
 * What `mobile-deploy` asks the app through the phone's shell.
 *
 * @property token Hexadecimal digits that the answer repeats.
 */
sealed interface ShellRequest {
    val token: String

    /**
     * Time the model in the file [model] on noise.
     *
     * @property sha256 Hash of that file.
     * @property runs Least number of timed inferences.
     * @property seconds Least time of timed inferences in seconds.
     * @property warmUpSeconds Least time of inferences before them in seconds.
     */
    data class Benchmark(
        override val token: String,
        val kind: BenchmarkKind,
        val model: String,
        val sha256: String,
        val settings: RunSettings,
        val runs: Int,
        val seconds: Double,
        val warmUpSeconds: Double,
    ) : ShellRequest

    /** Say what the app's bundle [model], whose .tflite has this [sha256], sees in the app's picture, such as "samples/x.png". */
    data class Answer(
        override val token: String,
        val model: String,
        val sha256: String,
        val picture: String,
        val settings: RunSettings,
    ) : ShellRequest

    /** Take the bundle [name] over from a [folder]; [files] gives the sha256 of each of its files by name. */
    data class Load(
        override val token: String,
        val folder: String,
        val name: String,
        val files: Map<String, String>,
        val show: ShowAfter,
    ) : ShellRequest

    /** Nothing that can be done, as [problem] says in a sentence; the token is "" where even that is missing. */
    data class Unusable(override val token: String, val problem: String) : ShellRequest
}
