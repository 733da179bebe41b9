package dev.mobiledeploy.demo.camera

import android.content.Context
import android.os.SystemClock
import dev.mobiledeploy.core.LatestOnly
import dev.mobiledeploy.core.OneThread
import dev.mobiledeploy.core.Outcome
import dev.mobiledeploy.core.Poster
import dev.mobiledeploy.core.Turn
import dev.mobiledeploy.core.screen.CameraEffect
import dev.mobiledeploy.core.screen.CameraEvent
import dev.mobiledeploy.core.screen.OpenModels
import dev.mobiledeploy.core.screen.Place
import dev.mobiledeploy.demo.model.ModelStore
import dev.mobiledeploy.demo.picture.Shelf
import dev.mobiledeploy.demo.runners

/**
 * Carries out what the screen of the live camera wants of models, on the thread that owns them.
 *
 * @param tell Told how it went, on the main thread.
 */
class CameraWork(context: Context, poster: Poster, private val tell: (CameraEvent) -> Unit) : AutoCloseable {
    private val store = ModelStore(context)
    private val models = OneThread("models", poster) { OpenModels(context.runners, store::files) }
    private val shelf = OneThread("shelf", poster) { Shelf(context, store) }

    /** Which request opened the model that looks at frames; null while there is none. Frames come on another thread. */
    @Volatile
    var looking: Int? = null

    /** Finds the models. */
    fun listModels() = shelf.ask("looking for models", Shelf::modelNames) { outcome ->
        tell(
            when (outcome) {
                is Outcome.Done -> CameraEvent.ModelsListed(outcome.value)
                is Outcome.Failed -> CameraEvent.ListFailed(outcome.failure)
            },
        )
    }

    /** Opens a model in place of the one before. */
    fun open(effect: CameraEffect.OpenModel) {
        val work = { open: OpenModels -> open.open(Place.FIRST, effect.request, effect.name, effect.settings) }
        models.ask("opening the model", work) { outcome ->
            tell(
                when (outcome) {
                    is Outcome.Done -> CameraEvent.ModelOpened(effect.request, outcome.value)
                    is Outcome.Failed -> CameraEvent.ModelFailed(effect.request, outcome.failure)
                },
            )
        }
    }

    /** Closes the model. */
    fun closeModel() = models.ask("closing the model", { it.close(Place.FIRST) }, {})

    /** Takes over a frame from the camera's thread; the model sees the latest one that waits in [frames]. */
    fun look(frame: CameraFrame, frames: LatestOnly<CameraFrame>) {
        val model = looking ?: return frame.close()
        if (!frames.offer(frame)) return
        val work = { open: OpenModels -> frames.handleLatest { answer(open, model, it) } }
        models.ask("looking at a frame", work) { outcome ->
            val nowMs = SystemClock.elapsedRealtime()
            when (outcome) {
                is Outcome.Done -> outcome.value?.let { tell(CameraEvent.FrameAnswered(model, it, nowMs)) }
                is Outcome.Failed -> tell(CameraEvent.FrameFailed(model, outcome.failure))
            }
        }
    }

    override fun close() {
        models.close()
        shelf.close()
    }

    private fun answer(open: OpenModels, model: Int, frame: CameraFrame) =
        open.classify(Place.FIRST, model, frame.pixels(), Turn.ofDegrees(frame.degrees))
}
