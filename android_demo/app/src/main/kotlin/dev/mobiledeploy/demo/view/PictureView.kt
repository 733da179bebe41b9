package dev.mobiledeploy.demo.view

import android.graphics.Bitmap
import android.view.View
import android.widget.Button
import android.widget.ImageView
import android.widget.TextView
import dev.mobiledeploy.core.screen.AnswerState
import dev.mobiledeploy.core.screen.ModelList
import dev.mobiledeploy.core.screen.ModelState
import dev.mobiledeploy.core.screen.PictureEvent
import dev.mobiledeploy.core.screen.PictureScreen
import dev.mobiledeploy.core.screen.PictureState
import dev.mobiledeploy.core.screen.Place
import dev.mobiledeploy.demo.R

/**
 * The screen of one still picture and up to two models.
 *
 * @param tell Told what a person does.
 * @param onAbout Told the name of the model that a person wants to know more of.
 */
class PictureView(private val root: View, private val tell: (PictureEvent) -> Unit, onAbout: (String) -> Unit) {
    private val picture = root.findViewById<ImageView>(R.id.picture)
    private val note = root.findViewById<TextView>(R.id.picture_note)
    private val modelsNote = root.findViewById<TextView>(R.id.models_note)
    private val measure = root.findViewById<Button>(R.id.measure)
    private val retry = root.findViewById<Button>(R.id.try_again)
    private val settings = SettingsRow(root) { tell(PictureEvent.SettingsChosen(it)) }
    private val first = choice(R.id.first_model, Place.FIRST)
    private val second = choice(R.id.second_model, Place.SECOND)
    private var drawn: Bitmap? = null
    private val slots = mapOf(
        Place.FIRST to SlotView(root.findViewById(R.id.first_slot), onAbout),
        Place.SECOND to SlotView(root.findViewById(R.id.second_slot), onAbout),
    )

    init {
        measure.setOnClickListener { tell(PictureEvent.MeasurePressed) }
        retry.setOnClickListener { tell(PictureEvent.RetryPressed) }
    }

    /** Shows a [screen], whose picture looks like [preview]; null where none is decoded. */
    fun show(screen: PictureScreen, preview: Bitmap?) {
        showPicture(screen.picture, preview)
        showModels(screen)
        settings.show(screen.settings)
        slots.forEach { (place, view) -> view.show(screen.slots[place]) }
        measure.text = screen.measuring?.let { root.resources.getString(R.string.stop_measuring, it.left) }
            ?: root.resources.getString(R.string.measure)
        measure.isEnabled = screen.picture is PictureState.Shown && screen.slots.values.any { it.model is ModelState.Ready }
        retry.isThere(hasFailure(screen))
    }

    private fun showPicture(state: PictureState, preview: Bitmap?) {
        val shown = preview.takeIf { state is PictureState.Shown }
        if (shown !== drawn) picture.setImageBitmap(shown)
        drawn = shown
        picture.isThere(shown != null)
        note.say(
            when (state) {
                is PictureState.None -> root.resources.getString(R.string.picture_hint)
                is PictureState.Reading -> root.resources.getString(R.string.picture_reading)
                is PictureState.Shown -> ""
                is PictureState.Failed -> state.failure.sentence
            },
        )
    }

    private fun showModels(screen: PictureScreen) {
        val models = screen.models
        val names = (models as? ModelList.Listed)?.names.orEmpty()
        first.show(names, screen.slots[Place.FIRST]?.name)
        second.show(listOf(NO_MODEL) + names, screen.slots[Place.SECOND]?.name ?: NO_MODEL)
        modelsNote.say(
            when (models) {
                is ModelList.Listing -> root.resources.getString(R.string.listing_models)
                is ModelList.Listed -> ""
                is ModelList.Failed -> models.failure.sentence
            },
        )
    }

    private fun choice(id: Int, place: Place): Choice<String> {
        val word = { name: String -> name.ifEmpty { root.resources.getString(R.string.no_model) } }
        return Choice(root.findViewById(id), word) { tell(PictureEvent.ModelChosen(place, it.ifEmpty { null })) }
    }

    private fun hasFailure(screen: PictureScreen): Boolean = screen.models is ModelList.Failed ||
        screen.picture is PictureState.Failed ||
        screen.slots.values.any { it.model is ModelState.Failed || it.answer is AnswerState.Failed }

    private companion object {
        const val NO_MODEL = ""
    }
}
