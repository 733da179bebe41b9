package dev.mobiledeploy.core.screen

import dev.mobiledeploy.core.Answer
import dev.mobiledeploy.core.Failure
import dev.mobiledeploy.core.OpenReport

/** The models that can be chosen. */
sealed interface ModelList {
    /** They are being looked for. */
    data object Listing : ModelList

    /** Here they are: [names] in the order to show, at least one. */
    data class Listed(val names: List<String>) : ModelList

    /** There is none, or they cannot be listed. */
    data class Failed(val failure: Failure) : ModelList
}

/** Where two models stand side by side. */
enum class Place { FIRST, SECOND }

/** How far a model is. */
sealed interface ModelState {
    /** It is closed, because nobody looks at the screen. */
    data object Resting : ModelState

    /** It is being opened; [request] is what asked for it. */
    data class Loading(val request: Int) : ModelState

    /** It runs as [report] says; [request] opened it. */
    data class Ready(val request: Int, val report: OpenReport) : ModelState

    /** It cannot be used. */
    data class Failed(val failure: Failure) : ModelState
}

/** What a model says to the picture that is shown. */
sealed interface AnswerState {
    /** Nothing was asked. */
    data object None : AnswerState

    /** It was asked by [request]; [before] is what it said to this picture already. */
    data class Pending(val request: Int, val before: Answer?) : AnswerState

    /** It said this. */
    data class Given(val answer: Answer) : AnswerState

    /** It could not say. */
    data class Failed(val failure: Failure) : AnswerState
}

/** The answer to show in this state: the latest one to the picture; null when there is none. */
val AnswerState.shown: Answer?
    get() = when (this) {
        is AnswerState.Given -> answer
        is AnswerState.Pending -> before
        is AnswerState.None, is AnswerState.Failed -> null
    }

/** One place with its model: which, how far it is, what it says, and how long it takes. */
data class ModelSlot(
    val name: String,
    val model: ModelState,
    val answer: AnswerState = AnswerState.None,
    val latency: LatencyPanel = LatencyPanel(),
)
