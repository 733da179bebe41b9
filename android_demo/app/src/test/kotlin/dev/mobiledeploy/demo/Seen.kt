package dev.mobiledeploy.demo

import android.app.Activity
import android.view.View
import android.view.ViewGroup
import android.widget.TextView

/** One class as the screen shows it. */
data class ShownGuess(val label: String, val score: String)

/** Every view that is seen below [root], with it. */
fun seen(root: View): List<View> = when {
    root.visibility != View.VISIBLE -> emptyList()
    root is ViewGroup -> listOf(root) + (0 until root.childCount).flatMap { seen(root.getChildAt(it)) }
    else -> listOf(root)
}

/** Every text that is seen below [root]. */
fun texts(root: View): List<String> = seen(root).filterIsInstance<TextView>().map { it.text.toString() }

/** The texts of one model's place. */
fun slotTexts(screen: Activity, slot: Int): List<String> = texts(screen.findViewById(slot))

/** The classes that one model's place shows, best first. */
fun shownGuesses(screen: Activity, slot: Int): List<ShownGuess> {
    val rows = screen.findViewById<View>(slot).findViewById<ViewGroup>(R.id.slot_guesses)
    return (0 until rows.childCount).map(rows::getChildAt).filter { it.visibility == View.VISIBLE }.map { row ->
        fun text(id: Int) = row.findViewById<TextView>(id).text.toString()
        ShownGuess(text(R.id.guess_label), text(R.id.guess_score))
    }
}
