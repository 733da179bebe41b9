package dev.mobiledeploy.core.screen

import dev.mobiledeploy.core.Delegate
import dev.mobiledeploy.core.NoModels
import dev.mobiledeploy.core.RunSettings
import org.junit.jupiter.api.Test
import kotlin.test.assertEquals
import kotlin.test.assertIs
import kotlin.test.assertNull
import kotlin.test.assertTrue

class PictureScreenTest {
    @Test
    fun `a picture goes from being picked to being answered`() {
        val drive = PictureDrive()
        assertTrue(drive.screen.slots.isEmpty())
        drive.on(PictureEvent.Started, PictureEvent.ModelsListed(listOf("a-int8", "a-float32")))
        assertEquals(listOf(PictureEffect.ListModels, PictureEffect.OpenModel(Place.FIRST, 1, "a-int8", USUAL)), drive.effects)
        drive.openLast().on(PictureEvent.PicturePicked("samples/1.png"))
        assertEquals(PictureState.Reading(2, "samples/1.png"), drive.screen.picture)
        drive.readLast()
        assertEquals(PictureEffect.Classify(Place.FIRST, request = 3, model = 1, picture = 2), drive.last())
        assertEquals(AnswerState.Pending(3, before = null), drive.slot().answer)
        drive.answerLast(label = "bee")
        assertEquals("bee", drive.slot().answer.shown?.guesses?.first()?.label)
    }

    @Test
    fun `a picture that is there before the model is asked about when the model comes`() {
        val drive = PictureDrive().on(PictureEvent.PicturePicked("content://1")).readLast()
        drive.on(PictureEvent.Started, PictureEvent.ModelsListed(listOf("a-int8")))
        assertEquals(AnswerState.None, drive.slot().answer)
        drive.openLast()
        assertIs<AnswerState.Pending>(drive.slot().answer)
    }

    @Test
    fun `what answers an outdated request changes nothing`() {
        val drive = PictureDrive().ready()
        val oldModel = drive.opening(Place.FIRST)
        val oldPicture = drive.last<PictureEffect.ReadPicture>().request
        drive.on(PictureEvent.PicturePicked("samples/2.png")).readLast()
        val oldQuestion = drive.asked(Place.FIRST).request
        drive.on(PictureEvent.SettingsChosen(RunSettings(1, Delegate.GPU)), PictureEvent.PicturePicked("samples/3.png"))
        val before = drive.screen
        drive.on(
            PictureEvent.ModelOpened(Place.FIRST, oldModel, REPORT),
            PictureEvent.ModelFailed(Place.FIRST, oldModel, DAMAGED),
            PictureEvent.PictureRead(oldPicture),
            PictureEvent.PictureFailed(oldPicture, UNREADABLE),
            PictureEvent.Answered(Place.FIRST, oldQuestion, answerOf("of picture 2")),
            PictureEvent.AnswerFailed(Place.FIRST, oldQuestion, DAMAGED),
            PictureEvent.Answered(Place.SECOND, oldQuestion, answerOf("of nobody")),
        )
        assertEquals(before, drive.screen)
    }

    @Test
    fun `an answer to the picture before is dropped while the next one is asked about`() {
        val drive = PictureDrive().ready().on(PictureEvent.PicturePicked("samples/2.png")).readLast()
        val old = drive.asked(Place.FIRST).request
        drive.on(PictureEvent.PicturePicked("samples/3.png")).readLast()
        drive.on(PictureEvent.Answered(Place.FIRST, old, answerOf("of picture 2")), PictureEvent.AnswerFailed(Place.FIRST, old, DAMAGED))
        assertEquals(AnswerState.Pending(drive.asked(Place.FIRST).request, before = null), drive.slot().answer)
    }

    @Test
    fun `an answer to the picture before is not shown with a new one`() {
        val drive = PictureDrive().ready().on(PictureEvent.PicturePicked("samples/2.png"))
        assertNull(drive.slot().answer.shown)
        drive.readLast()
        assertEquals(null, assertIs<AnswerState.Pending>(drive.slot().answer).before)
    }

    @Test
    fun `other settings open the models anew and ask them again`() {
        val drive = PictureDrive().ready().on(PictureEvent.SettingsChosen(RunSettings(1, Delegate.GPU)))
        assertEquals(RunSettings(1, Delegate.GPU), drive.last<PictureEffect.OpenModel>().settings)
        assertEquals(AnswerState.None, drive.slot().answer)
        drive.openLast()
        assertEquals(drive.opening(Place.FIRST), drive.asked(Place.FIRST).model)
    }

    @Test
    fun `the same settings, or the same model, open nothing`() {
        val drive = PictureDrive().ready()
        val before = drive.effects.size
        drive.on(PictureEvent.SettingsChosen(USUAL), PictureEvent.ModelChosen(Place.FIRST, "a-int8"))
        drive.on(PictureEvent.ModelChosen(Place.SECOND, "of nobody"), PictureEvent.ModelChosen(Place.FIRST, null))
        assertEquals(before, drive.effects.size)
    }

    @Test
    fun `a second model answers the same picture beside the first`() {
        val drive = PictureDrive().ready().on(PictureEvent.ModelChosen(Place.SECOND, "a-float32")).openLast(Place.SECOND)
        assertEquals(drive.asked(Place.FIRST).picture, drive.asked(Place.SECOND).picture)
        drive.answerLast(Place.SECOND, "bee")
        assertEquals("ant", drive.slot(Place.FIRST).answer.shown?.guesses?.first()?.label)
        assertEquals("bee", drive.slot(Place.SECOND).answer.shown?.guesses?.first()?.label)
        drive.on(PictureEvent.ModelChosen(Place.SECOND, null))
        assertEquals(setOf(Place.FIRST), drive.screen.slots.keys)
        assertEquals(PictureEffect.CloseModel(Place.SECOND), drive.effects.last())
    }

    @Test
    fun `whatever fails is shown with its reason and can be tried again`() {
        val drive = PictureDrive().on(PictureEvent.Started, PictureEvent.ModelsListed(emptyList()))
        assertEquals(ModelList.Failed(NoModels), drive.screen.models)
        drive.on(PictureEvent.RetryPressed)
        assertEquals(PictureEffect.ListModels, drive.effects.last())
        drive.on(PictureEvent.ModelsListed(listOf("a-int8")))
        drive.on(PictureEvent.ModelFailed(Place.FIRST, drive.opening(Place.FIRST), DAMAGED), PictureEvent.PicturePicked("x"))
        drive.on(PictureEvent.PictureFailed(drive.last<PictureEffect.ReadPicture>().request, UNREADABLE))
        assertEquals(ModelState.Failed(DAMAGED), drive.slot().model)
        assertEquals(PictureState.Failed("x", UNREADABLE), drive.screen.picture)
        drive.on(PictureEvent.RetryPressed)
        assertIs<ModelState.Loading>(drive.slot().model)
        assertIs<PictureState.Reading>(drive.screen.picture)
    }

    @Test
    fun `an inference that failed is shown and can be tried again`() {
        val drive = PictureDrive().ready().on(PictureEvent.PicturePicked("samples/2.png")).readLast()
        drive.on(PictureEvent.AnswerFailed(Place.FIRST, drive.asked(Place.FIRST).request, DAMAGED))
        assertEquals(AnswerState.Failed(DAMAGED), drive.slot().answer)
        drive.on(PictureEvent.RetryPressed).answerLast(label = "bee")
        assertEquals("bee", drive.slot().answer.shown?.guesses?.first()?.label)
    }

    @Test
    fun `nothing stays open while nobody sees the screen`() {
        val drive = PictureDrive().ready().on(PictureEvent.Stopped)
        assertEquals(PictureEffect.CloseModel(Place.FIRST), drive.effects.last())
        assertEquals(ModelState.Resting, drive.slot().model)
        drive.on(PictureEvent.ModelsListed(listOf("a-int8", "b")), PictureEvent.ModelChosen(Place.FIRST, "b"))
        assertEquals(PictureEffect.CloseModel(Place.FIRST), drive.effects.last())
        drive.on(PictureEvent.Started).openLast()
        assertEquals("b", drive.last<PictureEffect.OpenModel>().name)
    }

    @Test
    fun `an answer that was given stays over a pause and is not asked for again`() {
        val drive = PictureDrive().ready().on(PictureEvent.Stopped, PictureEvent.Started)
        val questions = drive.effects.count { it is PictureEffect.Classify }
        drive.openLast()
        assertEquals("ant", drive.slot().answer.shown?.guesses?.first()?.label)
        assertEquals(questions, drive.effects.count { it is PictureEffect.Classify })
    }

    @Test
    fun `a model that arrives is shown first, also in place of an older one of its name`() {
        val drive = PictureDrive().ready()
        val before = drive.opening(Place.FIRST)
        drive.on(PictureEvent.ModelArrived("a-int8"))
        assertEquals(PictureEffect.ListModels, drive.effects.last())
        drive.on(PictureEvent.ModelsListed(listOf("a-int8", "a-float32")))
        assertTrue(drive.opening(Place.FIRST) > before)
        drive.on(PictureEvent.ModelArrived("new"), PictureEvent.ModelsListed(listOf("a-int8", "new")))
        assertEquals("new", drive.slot().name)
    }

    @Test
    fun `a model that is gone from the list gives its place up`() {
        val drive = PictureDrive().ready().on(PictureEvent.ModelChosen(Place.SECOND, "a-float32"))
        drive.on(PictureEvent.ModelsListed(listOf("b")))
        assertEquals("b", drive.slot().name)
        assertEquals(setOf(Place.FIRST), drive.screen.slots.keys)
    }
}
