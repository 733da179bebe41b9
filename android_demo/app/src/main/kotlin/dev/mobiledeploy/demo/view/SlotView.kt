package dev.mobiledeploy.demo.view

import android.content.res.Resources
import android.view.View
import android.widget.TextView
import dev.mobiledeploy.core.LatencySummary
import dev.mobiledeploy.core.screen.AnswerState
import dev.mobiledeploy.core.screen.LatencyPanel
import dev.mobiledeploy.core.screen.ModelSlot
import dev.mobiledeploy.core.screen.ModelState
import dev.mobiledeploy.core.screen.shown
import dev.mobiledeploy.demo.R

/**
 * One model with its answer and its latency.
 *
 * @param onAbout Told the model's name when a person wants to know more of it.
 */
class SlotView(private val root: View, private val onAbout: (String) -> Unit) {
    private val resources: Resources = root.resources
    private val name = root.findViewById<TextView>(R.id.slot_name)
    private val state = root.findViewById<TextView>(R.id.slot_state)
    private val answer = root.findViewById<TextView>(R.id.slot_answer)
    private val guesses = GuessList(root.findViewById(R.id.slot_guesses))
    private val latency = root.findViewById<TextView>(R.id.slot_latency)
    private val about = root.findViewById<View>(R.id.slot_about)

    /** Leaves it to the screen to say aloud what is seen, as for a stream of answers. */
    fun staySilent() {
        guesses.isSpoken = false
    }

    /** Shows a place; null leaves its room to others. */
    fun show(slot: ModelSlot?) {
        root.isThere(slot != null)
        if (slot == null) return
        name.say(slot.name)
        state.say(wordsFor(slot.model))
        answer.say(wordsFor(slot.answer))
        guesses.show(slot.answer.shown?.guesses.orEmpty())
        latency.say(wordsFor(slot.latency))
        about.contentDescription = resources.getString(R.string.about_this_model, slot.name)
        about.setOnClickListener { onAbout(slot.name) }
    }

    private fun wordsFor(model: ModelState): String = when (model) {
        is ModelState.Resting -> resources.getString(R.string.resting_model)
        is ModelState.Loading -> resources.getString(R.string.opening_model)
        is ModelState.Ready -> with(model.report) { (sentences + used + runtime).joinToString("\n") }
        is ModelState.Failed -> model.failure.sentence
    }

    private fun wordsFor(answer: AnswerState): String = when {
        answer is AnswerState.Failed -> answer.failure.sentence
        answer is AnswerState.Pending && answer.before == null -> resources.getString(R.string.asking_model)
        else -> ""
    }

    private fun wordsFor(panel: LatencyPanel): String {
        val figures = panel.figures() ?: return ""
        return listOf(
            resources.getString(R.string.latency_title),
            part(R.string.latency_pre, figures.pre),
            part(R.string.latency_run, figures.run),
            part(R.string.latency_post, figures.post),
            part(R.string.latency_whole, figures.whole),
            resources.getQuantityString(R.plurals.latency_count, figures.whole.count, figures.whole.count),
        ).joinToString("\n")
    }

    private fun part(word: Int, times: LatencySummary): String =
        resources.getString(R.string.latency_part, resources.getString(word), times.medianMs, times.p90Ms)
}
