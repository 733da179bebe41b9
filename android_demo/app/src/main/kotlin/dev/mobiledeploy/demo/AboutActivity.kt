package dev.mobiledeploy.demo

import android.app.Activity
import android.content.Context
import android.content.Intent
import android.os.Bundle
import android.os.Handler
import android.os.Looper
import android.view.LayoutInflater
import android.view.ViewGroup
import android.widget.TextView
import dev.mobiledeploy.core.OneThread
import dev.mobiledeploy.core.Outcome
import dev.mobiledeploy.core.screen.AboutRow
import dev.mobiledeploy.core.screen.AboutTopic
import dev.mobiledeploy.core.screen.SavedKeys
import dev.mobiledeploy.core.screen.aboutRows
import dev.mobiledeploy.demo.model.ModelStore
import dev.mobiledeploy.demo.picture.Shelf
import dev.mobiledeploy.demo.view.say

/** What the app knows of one model, from the files that it came with. */
class AboutActivity : Activity() {
    private lateinit var shelf: OneThread<Shelf>

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.about)
        val main = Handler(Looper.getMainLooper())
        shelf = OneThread("about", { main.post(it) }) { Shelf(this, ModelStore(this)) }
        val name = intent.saved()[SavedKeys.FIRST].orEmpty()
        shelf.ask("reading the model's description", { it.bundle(name) }) { outcome ->
            when (outcome) {
                is Outcome.Done -> show(outcome.value.run { aboutRows(card, contract, resources.configuration.locales[0]) })
                is Outcome.Failed -> note(outcome.failure.sentence)
            }
        }
    }

    override fun onDestroy() {
        super.onDestroy()
        shelf.close()
    }

    private fun note(text: String) = findViewById<TextView>(R.id.about_note).say(text)

    private fun show(rows: List<AboutRow>) {
        note("")
        val list = findViewById<ViewGroup>(R.id.about_rows)
        for (row in rows) {
            val view = LayoutInflater.from(this).inflate(R.layout.about_row, list, false)
            view.findViewById<TextView>(R.id.about_what).setText(titleOf(row.topic))
            view.findViewById<TextView>(R.id.about_value).text = row.text
            list.addView(view)
        }
    }

    companion object {
        /** Gives what starts the screen about the model [name]. */
        fun intent(context: Context, name: String): Intent =
            Intent(context, AboutActivity::class.java).putSaved(mapOf(SavedKeys.FIRST to name))
    }
}

private fun titleOf(topic: AboutTopic): Int = when (topic) {
    AboutTopic.NAME -> R.string.about_name
    AboutTopic.UNTRAINED -> R.string.about_untrained
    AboutTopic.SHA256 -> R.string.about_sha256
    AboutTopic.SIZE -> R.string.about_size
    AboutTopic.RECIPE -> R.string.about_recipe
    AboutTopic.INPUT -> R.string.about_input
    AboutTopic.CLASSES -> R.string.about_classes
    AboutTopic.WEIGHTS -> R.string.about_weights
    AboutTopic.AUDIT -> R.string.about_audit
    AboutTopic.TOP1 -> R.string.about_top1
    AboutTopic.TOP5 -> R.string.about_top5
    AboutTopic.LATENCY -> R.string.about_latency
}
