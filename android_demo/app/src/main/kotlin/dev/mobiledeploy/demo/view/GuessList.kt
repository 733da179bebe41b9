package dev.mobiledeploy.demo.view

import android.view.LayoutInflater
import android.view.View
import android.view.ViewGroup
import android.widget.ProgressBar
import android.widget.TextView
import dev.mobiledeploy.core.Guess
import dev.mobiledeploy.demo.R

private const val BAR_STEPS = 512
private const val POLITE = View.ACCESSIBILITY_LIVE_REGION_POLITE
private const val SILENT = View.ACCESSIBILITY_LIVE_REGION_NONE

/** The best classes with their scores as numbers and bars, best first; rows are made once and used again. */
class GuessList(private val list: ViewGroup) {
    /** Whether a screen reader says the best class when it changes. */
    var isSpoken = true

    /** Shows the [guesses]. */
    fun show(guesses: List<Guess>) {
        while (list.childCount < guesses.size) {
            LayoutInflater.from(list.context).inflate(R.layout.guess, list)
        }
        // Bars of probabilities are as long as these; those of larger scores as long as their share of the best.
        val longest = maxOf(1f, guesses.firstOrNull()?.score ?: 1f)
        for (place in 0 until list.childCount) {
            val row = list.getChildAt(place)
            val guess = guesses.getOrNull(place)
            row.isThere(guess != null)
            if (guess != null) fill(row, guess, longest, isBest = place == 0)
        }
    }

    private fun fill(row: View, guess: Guess, longest: Float, isBest: Boolean) {
        val label = row.findViewById<TextView>(R.id.guess_label)
        label.accessibilityLiveRegion = if (isSpoken && isBest) POLITE else SILENT
        label.say(guess.label)
        row.findViewById<TextView>(R.id.guess_score).say(list.context.getString(R.string.score, guess.score))
        val bar = row.findViewById<ProgressBar>(R.id.guess_bar)
        bar.max = BAR_STEPS
        bar.progress = (BAR_STEPS * guess.score / longest).toInt().coerceIn(0, BAR_STEPS)
    }
}
