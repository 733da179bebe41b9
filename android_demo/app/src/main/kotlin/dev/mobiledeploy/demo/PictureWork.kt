package dev.mobiledeploy.demo

import android.content.Context
import android.graphics.Bitmap
import dev.mobiledeploy.core.OneThread
import dev.mobiledeploy.core.Outcome
import dev.mobiledeploy.core.Poster
import dev.mobiledeploy.core.screen.OpenModels
import dev.mobiledeploy.core.screen.PictureEffect
import dev.mobiledeploy.core.screen.PictureEvent
import dev.mobiledeploy.demo.model.ModelStore
import dev.mobiledeploy.demo.picture.DecodedPicture
import dev.mobiledeploy.demo.picture.Sample
import dev.mobiledeploy.demo.picture.Shelf

/**
 * Carries out what the screen of still pictures wants, on two threads: one owns the models, the other decodes.
 *
 * @param tell Told how it went, on the main thread.
 */
class PictureWork(context: Context, poster: Poster, private val tell: (PictureEvent) -> Unit) : AutoCloseable {
    private class Held(val request: Int, val picture: DecodedPicture)

    private val store = ModelStore(context)
    private val models = OneThread("models", poster) { OpenModels(context.runners, store::files) }
    private val shelf = OneThread("shelf", poster) { Shelf(context, store) }
    private var held: Held? = null

    /** The picture that was decoded last, to look at; null before the first. */
    val preview: Bitmap? get() = held?.picture?.preview

    /** Carries out one effect. */
    fun perform(effect: PictureEffect) = when (effect) {
        is PictureEffect.ListModels -> listModels()
        is PictureEffect.OpenModel -> open(effect)
        is PictureEffect.CloseModel -> models.ask("closing the model", { it.close(effect.place) }, {})
        is PictureEffect.ReadPicture -> read(effect)
        is PictureEffect.Classify -> classify(effect)
    }

    /** Decodes the sample pictures and gives them to [onSamples] on the main thread. */
    fun findSamples(onSamples: (List<Sample>) -> Unit) = shelf.ask("reading the samples", Shelf::samples) { outcome ->
        if (outcome is Outcome.Done) onSamples(outcome.value)
    }

    override fun close() {
        models.close()
        shelf.close()
    }

    private fun listModels() = shelf.ask("looking for models", Shelf::modelNames) { outcome ->
        tell(
            when (outcome) {
                is Outcome.Done -> PictureEvent.ModelsListed(outcome.value)
                is Outcome.Failed -> PictureEvent.ListFailed(outcome.failure)
            },
        )
    }

    private fun open(effect: PictureEffect.OpenModel) {
        val work = { open: OpenModels -> open.open(effect.place, effect.request, effect.name, effect.settings) }
        models.ask("opening the model", work) { outcome ->
            tell(
                when (outcome) {
                    is Outcome.Done -> PictureEvent.ModelOpened(effect.place, effect.request, outcome.value)
                    is Outcome.Failed -> PictureEvent.ModelFailed(effect.place, effect.request, outcome.failure)
                },
            )
        }
    }

    private fun read(effect: PictureEffect.ReadPicture) {
        // Before the next one takes as much memory. The models' thread may still be looking at it.
        held?.let { old -> models.ask("freeing a picture", { old.picture.close() }, {}) }
        held = null
        shelf.ask("reading the picture", { it.picture(effect.source) }) { outcome ->
            when (outcome) {
                is Outcome.Done -> {
                    held = Held(effect.request, outcome.value)
                    tell(PictureEvent.PictureRead(effect.request))
                }
                is Outcome.Failed -> tell(PictureEvent.PictureFailed(effect.request, outcome.failure))
            }
        }
    }

    private fun classify(effect: PictureEffect.Classify) {
        val picture = held?.takeIf { it.request == effect.picture }?.picture ?: return
        val work = { open: OpenModels -> open.classify(effect.place, effect.model, picture.pixels, picture.turn) }
        models.ask("asking the model", work) { outcome ->
            when (outcome) {
                is Outcome.Done -> outcome.value?.let { tell(PictureEvent.Answered(effect.place, effect.request, it)) }
                is Outcome.Failed -> tell(PictureEvent.AnswerFailed(effect.place, effect.request, outcome.failure))
            }
        }
    }
}
