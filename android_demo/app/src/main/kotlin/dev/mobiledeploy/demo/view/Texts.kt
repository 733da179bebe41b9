package dev.mobiledeploy.demo.view

import android.view.View
import android.widget.TextView

/** Shows a text, or takes no room where there is none; the same text again disturbs no screen reader. */
fun TextView.say(text: CharSequence) {
    if (text.toString() != this.text.toString()) this.text = text
    isThere(text.isNotEmpty())
}

/** Shows a view, or gives its room to others. */
fun View.isThere(isThere: Boolean) {
    visibility = if (isThere) View.VISIBLE else View.GONE
}
