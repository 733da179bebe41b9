package dev.mobiledeploy.core.screen

import dev.mobiledeploy.core.Delegate
import dev.mobiledeploy.core.RunSettings

/** Keys of what a screen leaves behind when its process ends, and of what one screen gives to another. */
object SavedKeys {
    /** Name of the first or only model. */
    const val FIRST = "first"

    /** Name of the model beside it. */
    const val SECOND = "second"

    /** Threads of an inference. */
    const val THREADS = "threads"

    /** Word of the delegate. */
    const val DELEGATE = "delegate"

    /** Source of the picture. */
    const val PICTURE = "picture"

    /** Whether the person is being asked for the camera. */
    const val ASKING = "asking"
}

private const val MOST_THREADS = 64

/** Reads the settings that were saved; what is missing or makes no sense is as in [usual]. */
internal fun settingsIn(saved: Map<String, String>, usual: RunSettings) = RunSettings(
    threads = saved[SavedKeys.THREADS]?.toIntOrNull()?.takeIf { it in 1..MOST_THREADS } ?: usual.threads,
    delegate = saved[SavedKeys.DELEGATE]?.let(Delegate::of) ?: usual.delegate,
)

internal fun RunSettings.saved(): Map<String, String> =
    mapOf(SavedKeys.THREADS to "$threads", SavedKeys.DELEGATE to delegate.word)

/** Gives the numbers of threads to choose from on a phone with so many [cores]: powers of two, and all of them. */
fun threadChoices(cores: Int): List<Int> {
    val most = cores.coerceIn(1, MOST_THREADS)
    return generateSequence(1) { 2 * it }.takeWhile { it < most }.toList() + most
}
