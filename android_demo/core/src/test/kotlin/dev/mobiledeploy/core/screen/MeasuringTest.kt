package dev.mobiledeploy.core.screen

import org.junit.jupiter.api.Test
import kotlin.test.assertEquals
import kotlin.test.assertIs
import kotlin.test.assertNotNull
import kotlin.test.assertNull

class MeasuringTest {
    private fun PictureDrive.questions(place: Place) =
        effects.filterIsInstance<PictureEffect.Classify>().count { it.place == place }

    @Test
    fun `a measurement asks one model fifty times and then the other, never both at once`() {
        val drive = PictureDrive().ready().on(PictureEvent.ModelChosen(Place.SECOND, "a-float32")).openLast(Place.SECOND)
        drive.answerLast(Place.SECOND).on(PictureEvent.MeasurePressed)
        repeat(50) {
            assertEquals(2 + it, drive.questions(Place.FIRST))
            assertEquals(1, drive.questions(Place.SECOND))
            drive.answerLast(Place.FIRST)
        }
        repeat(50) {
            assertEquals(2 + it, drive.questions(Place.SECOND))
            drive.answerLast(Place.SECOND)
        }
        assertNull(drive.screen.measuring)
        assertEquals(listOf(51, 51), Place.entries.map { drive.questions(it) })
        assertEquals(listOf(50, 50), drive.screen.slots.values.map { it.latency.timings.size })
    }

    @Test
    fun `the answer stays to be seen while its model is measured`() {
        val drive = PictureDrive().ready().on(PictureEvent.MeasurePressed)
        assertEquals("ant", assertIs<AnswerState.Pending>(drive.slot().answer).shown?.guesses?.first()?.label)
    }

    @Test
    fun `a second press, another picture, other settings and a pause each end it`() {
        val ends = listOf(
            listOf(PictureEvent.MeasurePressed),
            listOf(PictureEvent.PicturePicked("y")),
            listOf(PictureEvent.SettingsChosen(USUAL.copy(threads = 1))),
            listOf(PictureEvent.Stopped),
        )
        for (end in ends) {
            val drive = PictureDrive().ready().on(PictureEvent.MeasurePressed)
            drive.on(*end.toTypedArray())
            val asked = drive.questions(Place.FIRST)
            drive.answerLast()
            assertNull(drive.screen.measuring, "$end")
            assertEquals(asked, drive.questions(Place.FIRST), "$end")
        }
    }

    @Test
    fun `a model that fails in a measurement hands over to the other`() {
        val drive = PictureDrive().ready().on(PictureEvent.ModelChosen(Place.SECOND, "a-float32")).openLast(Place.SECOND)
        drive.answerLast(Place.SECOND).on(PictureEvent.MeasurePressed)
        drive.on(PictureEvent.AnswerFailed(Place.FIRST, drive.asked(Place.FIRST).request, DAMAGED))
        assertEquals(Place.SECOND, drive.screen.measuring?.place)
        assertEquals(2, drive.questions(Place.SECOND))
    }

    @Test
    fun `there is nothing to measure without a picture or a model`() {
        val drive = PictureDrive().on(PictureEvent.Started, PictureEvent.MeasurePressed)
        assertNull(drive.screen.measuring)
        drive.on(PictureEvent.PicturePicked("x")).readLast().on(PictureEvent.MeasurePressed)
        assertNull(drive.screen.measuring)
    }

    @Test
    fun `the first inference of an opened model is not counted`() {
        var panel = LatencyPanel().add(answerOf("a", runMs = 900.0).timing)
        assertNull(panel.figures())
        for (ms in 1..20) panel = panel.add(answerOf("a", runMs = ms.toDouble()).timing)
        val figures = assertNotNull(panel.figures())
        assertEquals(listOf(11.0, 19.0), listOf(figures.run.medianMs, figures.run.p90Ms))
        assertEquals(20, figures.run.count)
        assertEquals(listOf(1.0, 0.5, 12.5), listOf(figures.pre.medianMs, figures.post.medianMs, figures.whole.medianMs))
        assertEquals(20, panel.cooled().add(answerOf("a", runMs = 900.0).timing).timings.size)
    }

    @Test
    fun `only the latest hundred are counted`() {
        var panel = LatencyPanel(isWarm = true)
        for (ms in 1..150) panel = panel.add(answerOf("a", runMs = ms.toDouble()).timing)
        assertEquals(100, panel.timings.size)
        assertEquals(51.0, panel.timings.first().runMs)
    }
}
