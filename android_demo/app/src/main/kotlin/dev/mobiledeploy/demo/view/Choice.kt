package dev.mobiledeploy.demo.view

import android.view.View
import android.widget.AdapterView
import android.widget.ArrayAdapter
import android.widget.Spinner
import dev.mobiledeploy.demo.R

/**
 * A list to choose one thing from.
 *
 * @param word What to call a thing.
 * @param onChosen Told when a person chooses another one than is shown.
 */
class Choice<T>(private val spinner: Spinner, private val word: (T) -> String, private val onChosen: (T) -> Unit) {
    private var options: List<T> = emptyList()
    private var current: T? = null

    init {
        spinner.onItemSelectedListener = Listener()
    }

    /** Offers [options], of which [current] is chosen; null when none is. */
    fun show(options: List<T>, current: T?) {
        this.current = current
        if (options != this.options) {
            this.options = options
            spinner.adapter = adapter(options.map(word))
        }
        val place = options.indexOf(current)
        if (place >= 0 && spinner.selectedItemPosition != place) spinner.setSelection(place)
        spinner.isEnabled = options.isNotEmpty()
    }

    private fun adapter(words: List<String>) =
        ArrayAdapter(spinner.context, R.layout.chosen, words)
            .apply { setDropDownViewResource(R.layout.option) }

    private inner class Listener : AdapterView.OnItemSelectedListener {
        // Android also tells what the program itself selects.
        override fun onItemSelected(parent: AdapterView<*>, view: View?, position: Int, id: Long) {
            options.getOrNull(position)?.takeIf { it != current }?.let(onChosen)
        }

        override fun onNothingSelected(parent: AdapterView<*>) = Unit
    }
}
