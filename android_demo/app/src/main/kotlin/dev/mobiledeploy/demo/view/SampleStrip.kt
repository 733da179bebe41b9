package dev.mobiledeploy.demo.view

import android.view.LayoutInflater
import android.view.ViewGroup
import android.widget.ImageButton
import dev.mobiledeploy.demo.R
import dev.mobiledeploy.demo.picture.Sample

/** The sample pictures in a row; [onTouched] is told the source of the one that a person touches. */
class SampleStrip(private val strip: ViewGroup, private val onTouched: (String) -> Unit) {
    /** Shows the [samples]. */
    fun show(samples: List<Sample>) {
        strip.removeAllViews()
        for ((place, sample) in samples.withIndex()) {
            val button = LayoutInflater.from(strip.context).inflate(R.layout.sample, strip, false) as ImageButton
            button.setImageBitmap(sample.preview)
            button.contentDescription = strip.resources.getString(R.string.sample, place + 1, samples.size)
            button.setOnClickListener { onTouched(sample.source) }
            strip.addView(button)
        }
    }
}
