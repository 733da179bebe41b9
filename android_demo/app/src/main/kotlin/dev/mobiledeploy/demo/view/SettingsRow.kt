package dev.mobiledeploy.demo.view

import android.view.View
import dev.mobiledeploy.core.Delegate
import dev.mobiledeploy.core.RunSettings
import dev.mobiledeploy.demo.R
import dev.mobiledeploy.demo.threadNumbers

/** The choice of threads and delegate; [onChosen] is told what a person wants. */
class SettingsRow(root: View, private val onChosen: (RunSettings) -> Unit) {
    private lateinit var shown: RunSettings

    private val threads = Choice(root.findViewById(R.id.threads), Int::toString) { onChosen(shown.copy(threads = it)) }

    private val delegate =
        Choice(root.findViewById(R.id.delegate), Delegate::word) { onChosen(shown.copy(delegate = it)) }

    /** Shows what is chosen. */
    fun show(settings: RunSettings) {
        shown = settings
        threads.show((threadNumbers() + settings.threads).distinct().sorted(), settings.threads)
        delegate.show(Delegate.entries, settings.delegate)
    }
}
