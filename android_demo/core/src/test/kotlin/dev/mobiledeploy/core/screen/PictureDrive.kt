package dev.mobiledeploy.core.screen

import dev.mobiledeploy.core.Answer
import dev.mobiledeploy.core.Delegate
import dev.mobiledeploy.core.Failure
import dev.mobiledeploy.core.Guess
import dev.mobiledeploy.core.OpenReport
import dev.mobiledeploy.core.RunSettings
import dev.mobiledeploy.core.Timing

internal val USUAL = RunSettings(threads = 4, delegate = Delegate.CPU)
internal val REPORT = OpenReport(Delegate.CPU, Delegate.CPU, "XNNPACK, 4 threads", "TensorFlow Lite 2.16.1")
internal val DAMAGED = Failure.ModelUnreadable("a-int8", "it is cut off")
internal val UNREADABLE = Failure.PictureUnreadable("it is damaged")

internal fun answerOf(label: String, runMs: Double = 5.0) = Answer(listOf(Guess(0, label, 0.9f)), Timing(1.0, runMs, 0.5))

/** A screen and what it asked for, driven event by event. */
internal class PictureDrive(saved: Map<String, String> = emptyMap()) {
    val effects = mutableListOf<PictureEffect>()
    var screen: PictureScreen = beginPictureScreen(saved, USUAL).also { effects += it.effects }.state
        private set

    fun on(vararg events: PictureEvent) = apply {
        for (event in events) screen = screen.on(event).also { effects += it.effects }.state
    }

    fun slot(place: Place = Place.FIRST) = screen.slots.getValue(place)
    inline fun <reified T : PictureEffect> last(): T = effects.filterIsInstance<T>().last()

    fun openLast(place: Place = Place.FIRST) = on(PictureEvent.ModelOpened(place, opening(place), REPORT))
    fun opening(place: Place) = effects.filterIsInstance<PictureEffect.OpenModel>().last { it.place == place }.request
    fun asked(place: Place) = effects.filterIsInstance<PictureEffect.Classify>().last { it.place == place }
    fun readLast() = on(PictureEvent.PictureRead(last<PictureEffect.ReadPicture>().request))
    fun answerLast(place: Place = Place.FIRST, label: String = "ant") =
        on(PictureEvent.Answered(place, asked(place).request, answerOf(label)))

    /** Shows a picture to the model "a-int8", which has answered. */
    fun ready() = on(PictureEvent.Started, PictureEvent.ModelsListed(listOf("a-int8", "a-float32")))
        .openLast().on(PictureEvent.PicturePicked("samples/1.png")).readLast().answerLast()
}
