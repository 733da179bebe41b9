package dev.mobiledeploy.core.screen

import dev.mobiledeploy.core.Answer
import dev.mobiledeploy.core.Failure
import dev.mobiledeploy.core.OpenReport
import dev.mobiledeploy.core.RunSettings

/** How far the camera is. */
sealed interface CameraState {
    /** Nobody looks at the screen, or it was never opened. */
    data object NotOpened : CameraState

    /** The person is being asked for permission. */
    data object Asking : CameraState

    /** The person refused; the screen says what the camera is for and offers to ask again. */
    data object Refused : CameraState

    /** The person refused for ever; the screen says so and offers the way to the settings. */
    data object RefusedForEver : CameraState

    /** The phone has no camera. */
    data object NoCamera : CameraState

    /** It is being opened; [request] asked for it. */
    data class Opening(val request: Int) : CameraState

    /** It gives frames; [request] opened it. */
    data class Streaming(val request: Int) : CameraState

    /** It was taken away or failed, as [problem] says; the screen offers to try again. */
    data class Lost(val problem: String) : CameraState
}

/**
 * The screen of the live camera and one model.
 *
 * @property models What can be chosen.
 * @property settings How the model is run.
 * @property wished Name of the model to take when they are listed; null for the first.
 * @property slot The model; null until it is known which.
 * @property camera How far the camera is.
 * @property isVisible Whether anybody can see the screen; else nothing is open.
 * @property spoken What was last said to people who do not see the screen.
 * @property requests How many requests were made; the last one has this number.
 */
data class CameraScreen(
    val models: ModelList,
    val settings: RunSettings,
    val wished: String? = null,
    val slot: ModelSlot? = null,
    val camera: CameraState = CameraState.NotOpened,
    val isVisible: Boolean = false,
    val spoken: Announcements = Announcements(),
    val requests: Int = 0,
)

/** What a phone says of its camera when the screen is opened. */
data class CameraAccess(val hasCamera: Boolean, val isGranted: Boolean, val showsRationale: Boolean)

/** What can happen to a [CameraScreen]. Results carry the request that they answer; outdated ones change nothing. */
sealed interface CameraEvent {
    /** The screen became visible. */
    data class Started(val access: CameraAccess) : CameraEvent

    /** The screen is no longer visible. */
    data object Stopped : CameraEvent

    /** The person answered; [mayAskAgain] is what Android says of showing a rationale after that. */
    data class PermissionAnswered(val isGranted: Boolean, val mayAskAgain: Boolean) : CameraEvent

    /** The question vanished without an answer. */
    data object QuestionInterrupted : CameraEvent

    /** The person wants to be asked, or a lost camera to be tried again. */
    data object TryPressed : CameraEvent

    /** The person wants to go to the settings. */
    data object SettingsPressed : CameraEvent

    /** The camera gives frames. */
    data class CameraOpened(val request: Int) : CameraEvent

    /** The camera cannot be opened, was taken away, or failed, as [problem] says in a clause. */
    data class CameraLost(val request: Int, val problem: String) : CameraEvent

    /** The models were listed, perhaps none. */
    data class ModelsListed(val names: List<String>) : CameraEvent

    /** The models could not be listed. */
    data class ListFailed(val failure: Failure) : CameraEvent

    /** Someone brought a model to the phone, which shall be shown. */
    data class ModelArrived(val name: String) : CameraEvent

    /** A model was chosen. */
    data class ModelChosen(val name: String) : CameraEvent

    /** Threads or delegate were chosen. */
    data class SettingsChosen(val settings: RunSettings) : CameraEvent

    /** The model was opened. */
    data class ModelOpened(val request: Int, val report: OpenReport) : CameraEvent

    /** The model could not be opened. */
    data class ModelFailed(val request: Int, val failure: Failure) : CameraEvent

    /** The model that request [model] opened answered a frame at [nowMs] of a clock that only goes forward. */
    data class FrameAnswered(val model: Int, val answer: Answer, val nowMs: Long) : CameraEvent

    /** The model that request [model] opened could not answer a frame. */
    data class FrameFailed(val model: Int, val failure: Failure) : CameraEvent
}

/** What the app does for a [CameraScreen]. */
sealed interface CameraEffect {
    /** Find the models; [CameraEvent.ModelsListed] or [CameraEvent.ListFailed] follows. */
    data object ListModels : CameraEffect

    /** Close what is open and open this model; [CameraEvent.ModelOpened] or [CameraEvent.ModelFailed] follows. */
    data class OpenModel(val request: Int, val name: String, val settings: RunSettings) : CameraEffect

    /** Close the model. */
    data object CloseModel : CameraEffect

    /** Ask for permission; [CameraEvent.PermissionAnswered] or [CameraEvent.QuestionInterrupted] follows. */
    data object AskPermission : CameraEffect

    /** Show the app's page in the phone's settings. */
    data object OpenSettings : CameraEffect

    /** Open the camera; [CameraEvent.CameraOpened] or [CameraEvent.CameraLost] follows. */
    data class OpenCamera(val request: Int) : CameraEffect

    /** Close the camera. */
    data object CloseCamera : CameraEffect

    /** Say to people who do not see the screen that [label] is seen. */
    data class Announce(val label: String) : CameraEffect
}
