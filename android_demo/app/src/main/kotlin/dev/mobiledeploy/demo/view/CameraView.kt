package dev.mobiledeploy.demo.view

import android.view.View
import android.widget.Button
import android.widget.TextView
import dev.mobiledeploy.core.screen.CameraEvent
import dev.mobiledeploy.core.screen.CameraScreen
import dev.mobiledeploy.core.screen.CameraState
import dev.mobiledeploy.core.screen.ModelList
import dev.mobiledeploy.core.screen.ModelState
import dev.mobiledeploy.demo.R

/**
 * The screen of the live camera and one model.
 *
 * @param tell Told what a person does.
 * @param onAbout Told the name of the model that a person wants to know more of.
 */
class CameraView(private val root: View, private val tell: (CameraEvent) -> Unit, onAbout: (String) -> Unit) {
    private val panel = root.findViewById<View>(R.id.camera_panel)
    private val note = root.findViewById<TextView>(R.id.camera_note)
    private val again = root.findViewById<Button>(R.id.camera_try)
    private val toSettings = root.findViewById<View>(R.id.camera_settings)
    private val modelsNote = root.findViewById<TextView>(R.id.models_note)
    private val retry = root.findViewById<View>(R.id.try_again)
    private val settings = SettingsRow(root) { tell(CameraEvent.SettingsChosen(it)) }
    private val slot = SlotView(root.findViewById(R.id.first_slot), onAbout)
    private val model =
        Choice<String>(root.findViewById(R.id.first_model), { it }) { tell(CameraEvent.ModelChosen(it)) }

    init {
        slot.staySilent()
        again.setOnClickListener { tell(CameraEvent.TryPressed) }
        retry.setOnClickListener { tell(CameraEvent.TryPressed) }
        toSettings.setOnClickListener { tell(CameraEvent.SettingsPressed) }
    }

    /** Shows a [screen]. */
    fun show(screen: CameraScreen) {
        showCamera(screen.camera)
        model.show((screen.models as? ModelList.Listed)?.names.orEmpty(), screen.slot?.name)
        modelsNote.say(wordsFor(screen.models))
        settings.show(screen.settings)
        slot.show(screen.slot)
        retry.isThere(screen.models is ModelList.Failed || screen.slot?.model is ModelState.Failed)
    }

    /** Says to people who do not see the screen that [label] is seen now. */
    fun announce(label: String) = root.announceForAccessibility(root.resources.getString(R.string.seen_now, label))

    private fun showCamera(state: CameraState) {
        // The preview stays under the panel: it is where a camera that opens will be shown.
        panel.isThere(state !is CameraState.Streaming)
        note.say(wordsFor(state))
        again.isThere(state is CameraState.Refused || state is CameraState.NotOpened || state is CameraState.Lost)
        again.setText(if (state is CameraState.Lost) R.string.try_again else R.string.allow_camera)
        toSettings.isThere(state is CameraState.RefusedForEver)
    }

    private fun wordsFor(state: CameraState): String = when (state) {
        is CameraState.NotOpened -> text(R.string.camera_closed)
        is CameraState.Asking -> text(R.string.camera_asking)
        is CameraState.Refused -> text(R.string.camera_refused)
        is CameraState.RefusedForEver -> text(R.string.camera_refused_for_ever)
        is CameraState.NoCamera -> text(R.string.camera_none)
        is CameraState.Opening -> text(R.string.camera_opening)
        is CameraState.Streaming -> ""
        is CameraState.Lost -> root.resources.getString(R.string.camera_lost, state.problem)
    }

    private fun wordsFor(models: ModelList): String = when (models) {
        is ModelList.Listing -> text(R.string.listing_models)
        is ModelList.Listed -> ""
        is ModelList.Failed -> models.failure.sentence
    }

    private fun text(id: Int): String = root.resources.getString(id)
}
