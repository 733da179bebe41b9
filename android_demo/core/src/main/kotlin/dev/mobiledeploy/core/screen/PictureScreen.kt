package dev.mobiledeploy.core.screen

import dev.mobiledeploy.core.Answer
import dev.mobiledeploy.core.Failure
import dev.mobiledeploy.core.OpenReport
import dev.mobiledeploy.core.RunSettings

/** How far the picture is. [source] says where it comes from, in words that only the app understands, such as a URI. */
sealed interface PictureState {
    /** None was chosen. */
    data object None : PictureState

    /** It is being decoded; [request] asked for it. */
    data class Reading(val request: Int, val source: String) : PictureState

    /** It is decoded; [request] is its name in [PictureEffect.Classify]. */
    data class Shown(val request: Int, val source: String) : PictureState

    /** It cannot be shown. */
    data class Failed(val source: String, val failure: Failure) : PictureState
}

/** A measurement that goes on: the model in [place] shall answer [left] times more. */
data class Measuring(val place: Place, val left: Int)

/**
 * The screen of one still picture and up to two models.
 *
 * @property models What can be chosen.
 * @property settings How the models are run.
 * @property wished Names of models to take when they are listed.
 * @property slots The models that are shown.
 * @property picture What they are asked about.
 * @property measuring The measurement that goes on.
 * @property isVisible Whether anybody can see the screen; else no model is open.
 * @property requests How many requests were made; the last one has this number.
 */
data class PictureScreen(
    val models: ModelList,
    val settings: RunSettings,
    val wished: Map<Place, String> = emptyMap(),
    val slots: Map<Place, ModelSlot> = emptyMap(),
    val picture: PictureState = PictureState.None,
    val measuring: Measuring? = null,
    val isVisible: Boolean = false,
    val requests: Int = 0,
)

/** What can happen to a [PictureScreen]. Results carry the request that they answer; outdated ones change nothing. */
sealed interface PictureEvent {
    /** The screen became visible again. */
    data object Started : PictureEvent

    /** The screen is no longer visible. */
    data object Stopped : PictureEvent

    /** The models were listed, perhaps none. */
    data class ModelsListed(val names: List<String>) : PictureEvent

    /** The models could not be listed. */
    data class ListFailed(val failure: Failure) : PictureEvent

    /** Someone brought a model to the phone, which shall be shown first. */
    data class ModelArrived(val name: String) : PictureEvent

    /** A model was chosen; null leaves the place empty, which only the second may be. */
    data class ModelChosen(val place: Place, val name: String?) : PictureEvent

    /** Threads or delegate were chosen. */
    data class SettingsChosen(val settings: RunSettings) : PictureEvent

    /** A model was opened. */
    data class ModelOpened(val place: Place, val request: Int, val report: OpenReport) : PictureEvent

    /** A model could not be opened. */
    data class ModelFailed(val place: Place, val request: Int, val failure: Failure) : PictureEvent

    /** A picture was picked, shared or touched among the samples. */
    data class PicturePicked(val source: String) : PictureEvent

    /** The picture was decoded. */
    data class PictureRead(val request: Int) : PictureEvent

    /** The picture could not be decoded. */
    data class PictureFailed(val request: Int, val failure: Failure) : PictureEvent

    /** A model answered. */
    data class Answered(val place: Place, val request: Int, val answer: Answer) : PictureEvent

    /** A model could not answer. */
    data class AnswerFailed(val place: Place, val request: Int, val failure: Failure) : PictureEvent

    /** The latency shall be measured on the picture that is shown, or a measurement that goes on shall stop. */
    data object MeasurePressed : PictureEvent

    /** What failed shall be tried again. */
    data object RetryPressed : PictureEvent
}

/** What the app does for a [PictureScreen]. All but [ListModels] and [ReadPicture] happens on the models' thread. */
sealed interface PictureEffect {
    /** Find the models; [PictureEvent.ModelsListed] or [PictureEvent.ListFailed] follows. */
    data object ListModels : PictureEffect

    /** Close what is open in [place] and open this model; [PictureEvent.ModelOpened] or [PictureEvent.ModelFailed] follows. */
    data class OpenModel(val place: Place, val request: Int, val name: String, val settings: RunSettings) : PictureEffect

    /** Close what is open in [place]. */
    data class CloseModel(val place: Place) : PictureEffect

    /** Decode a picture; [PictureEvent.PictureRead] or [PictureEvent.PictureFailed] follows. */
    data class ReadPicture(val request: Int, val source: String) : PictureEffect

    /**
     * Ask the model in [place] that request [model] opened about the picture that request [picture] read;
     * [PictureEvent.Answered] or [PictureEvent.AnswerFailed] follows.
     */
    data class Classify(val place: Place, val request: Int, val model: Int, val picture: Int) : PictureEffect
}
