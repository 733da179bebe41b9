package dev.mobiledeploy.core.screen

import dev.mobiledeploy.core.Delegate
import dev.mobiledeploy.core.RunSettings
import org.junit.jupiter.api.Test
import kotlin.test.assertEquals

class PictureProcessDeathTest {
    private val settings = RunSettings(2, Delegate.GPU)
    private val names = listOf("a-int8", "a-float32", "b")

    private fun died() = PictureDrive().ready().on(
        PictureEvent.SettingsChosen(settings),
        PictureEvent.ModelChosen(Place.FIRST, "b"),
        PictureEvent.ModelsListed(names),
        PictureEvent.ModelChosen(Place.FIRST, "b"),
        PictureEvent.ModelChosen(Place.SECOND, "a-float32"),
        PictureEvent.Stopped,
    )

    @Test
    fun `a screen begins where the process ended`() {
        val again = PictureDrive(died().screen.saved())
        assertEquals(PictureEffect.ReadPicture(1, "samples/1.png"), again.effects.single())
        again.on(PictureEvent.Started, PictureEvent.ModelsListed(names))
        assertEquals(
            listOf("b" to settings, "a-float32" to settings),
            again.effects.filterIsInstance<PictureEffect.OpenModel>().map { it.name to it.settings },
        )
    }

    @Test
    fun `what was saved before the models were listed again is not lost by a second death`() {
        val saved = died().screen.saved()
        assertEquals(saved, PictureDrive(saved).screen.saved())
    }

    @Test
    fun `a picture that may no longer be read is a readable state`() {
        val again = PictureDrive(died().screen.saved())
        again.on(PictureEvent.PictureFailed(1, UNREADABLE))
        assertEquals(PictureState.Failed("samples/1.png", UNREADABLE), again.screen.picture)
    }

    @Test
    fun `a saved model that is gone leaves the first in its place`() {
        val again = PictureDrive(died().screen.saved()).on(PictureEvent.Started, PictureEvent.ModelsListed(listOf("c")))
        assertEquals(listOf("c"), again.screen.slots.values.map { it.name })
    }

    @Test
    fun `saved texts that make no sense are as if they were not there`() {
        val odd = mapOf(SavedKeys.THREADS to "many", SavedKeys.DELEGATE to "npu", "unknown" to "x")
        assertEquals(USUAL, PictureDrive(odd).screen.settings)
        assertEquals(USUAL, PictureDrive(mapOf(SavedKeys.THREADS to "0")).screen.settings)
        assertEquals(USUAL, PictureDrive(mapOf(SavedKeys.THREADS to "65")).screen.settings)
    }
}
