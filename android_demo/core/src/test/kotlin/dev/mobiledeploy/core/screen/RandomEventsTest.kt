package dev.mobiledeploy.core.screen

import dev.mobiledeploy.core.Delegate
import dev.mobiledeploy.core.RunSettings
import org.junit.jupiter.api.Test
import kotlin.random.Random
import kotlin.test.assertEquals
import kotlin.test.assertIs
import kotlin.test.assertTrue

private val NAMES = listOf("a", "b", "c")

/** A person who touches everything, and a phone that answers in any order, late, twice or not at all. */
private class Chaos(seed: Int) {
    private val random = Random(seed)
    val effects = mutableListOf<PictureEffect>()
    var screen = PictureScreen(ModelList.Listing, USUAL)
        private set

    fun step() = tell(if (effects.isEmpty() || random.nextInt(3) == 0) touch() else result(effects.random(random), random.nextInt(4) > 0))

    /** What failed is tried again, and everything that was asked is answered well, until nothing is asked any more. */
    fun settle() {
        tell(PictureEvent.Started)
        tell(PictureEvent.ModelsListed(NAMES))
        tell(PictureEvent.RetryPressed)
        tell(PictureEvent.PicturePicked("last"))
        var next = 0
        while (next < effects.size) tell(result(effects[next++], isGood = true))
    }

    private fun tell(event: PictureEvent) {
        val next = screen.on(event)
        screen = next.state
        effects += next.effects
    }

    private fun touch(): PictureEvent = when (random.nextInt(9)) {
        0 -> PictureEvent.Started
        1 -> PictureEvent.Stopped
        2 -> PictureEvent.ModelArrived(NAMES.random(random))
        3 -> PictureEvent.ModelChosen(Place.FIRST, NAMES.random(random))
        4 -> PictureEvent.ModelChosen(Place.SECOND, (NAMES + null).random(random))
        5 -> PictureEvent.SettingsChosen(RunSettings(1 + random.nextInt(2), Delegate.entries.random(random)))
        6 -> PictureEvent.PicturePicked("picture ${random.nextInt(3)}")
        7 -> PictureEvent.MeasurePressed
        else -> PictureEvent.RetryPressed
    }

    private fun result(effect: PictureEffect, isGood: Boolean): PictureEvent = when (effect) {
        is PictureEffect.ListModels -> PictureEvent.ModelsListed(NAMES.filter { isGood || random.nextBoolean() })
        is PictureEffect.CloseModel -> PictureEvent.ModelOpened(effect.place, request = 0, REPORT)
        is PictureEffect.OpenModel ->
            if (isGood) {
                PictureEvent.ModelOpened(effect.place, effect.request, REPORT)
            } else {
                PictureEvent.ModelFailed(effect.place, effect.request, DAMAGED)
            }
        is PictureEffect.ReadPicture ->
            if (isGood) PictureEvent.PictureRead(effect.request) else PictureEvent.PictureFailed(effect.request, UNREADABLE)
        is PictureEffect.Classify ->
            if (isGood) {
                PictureEvent.Answered(effect.place, effect.request, answerOf("ant"))
            } else {
                PictureEvent.AnswerFailed(effect.place, effect.request, DAMAGED)
            }
    }
}

class RandomEventsTest {
    @Test
    fun `whatever happens in whatever order, what the screen waits for was asked, and nothing else`() {
        for (seed in 0 until 300) {
            val chaos = Chaos(seed)
            repeat(200) {
                chaos.step()
                check(chaos.screen, chaos.effects, "seed $seed, step $it: ${chaos.screen}")
            }
        }
    }

    @Test
    fun `whatever happened before, a screen that is seen and answered comes to rest with every answer`() {
        for (seed in 0 until 300) {
            val chaos = Chaos(seed)
            repeat(50) { chaos.step() }
            chaos.settle()
            for (slot in chaos.screen.slots.values) {
                assertIs<ModelState.Ready>(slot.model, "seed $seed")
                assertIs<AnswerState.Given>(slot.answer, "seed $seed: $slot")
            }
            assertEquals(null, chaos.screen.measuring)
            assertTrue(Place.FIRST in chaos.screen.slots)
        }
    }

    private fun check(screen: PictureScreen, effects: List<PictureEffect>, told: String) {
        for ((place, slot) in screen.slots) {
            val isOpen = slot.model is ModelState.Loading || slot.model is ModelState.Ready
            assertTrue(screen.isVisible || !isOpen, told)
            (slot.model as? ModelState.Loading)?.let {
                assertTrue(PictureEffect.OpenModel(place, it.request, slot.name, screen.settings) in effects, told)
            }
            (slot.answer as? AnswerState.Pending)?.let {
                val model = assertIs<ModelState.Ready>(slot.model, told).request
                val picture = assertIs<PictureState.Shown>(screen.picture, told).request
                assertTrue(PictureEffect.Classify(place, it.request, model, picture) in effects, told)
            }
        }
        (screen.picture as? PictureState.Reading)?.let {
            assertTrue(PictureEffect.ReadPicture(it.request, it.source) in effects, told)
        }
        screen.measuring?.let { assertIs<AnswerState.Pending>(screen.slots.getValue(it.place).answer, told) }
    }
}
