package dev.mobiledeploy.demo

import android.app.Activity
import android.content.Intent
import android.view.View
import android.widget.Button
import android.widget.ImageView
import dev.mobiledeploy.core.screen.SavedKeys
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNotEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.robolectric.Shadows.shadowOf

class PictureScreenTest : ScreenTest() {
    @Test
    fun `a sample is answered with the class and score that Python gives for the same picture`() {
        val screen = openPictures()
        val strip = Given.answers.filter { it.model == Given.models.first() }
        assertTrue(strip.size > 2)
        for (place in strip.indices) {
            touchSample(screen, place)
            val expected = Given.answer(Given.models.first(), place)
            await(screen, expected.label) { shownGuesses(screen, R.id.first_slot).firstOrNull()?.label == expected.label }
            val score = shownGuesses(screen, R.id.first_slot).first().score.toDouble()
            // The screen shows three digits.
            assertEquals(expected.score, score, expected.allowed + 0.0005)
        }
    }

    @Test
    fun `five classes are shown, the best first, above the picture's own preview`() {
        val screen = openPictures()
        touchSample(screen, 0)
        val scores = shownGuesses(screen, R.id.first_slot).map { it.score.toDouble() }
        assertEquals(5, scores.size)
        assertEquals(scores.sortedDescending(), scores)
        assertTrue(screen.findViewById<ImageView>(R.id.picture).run { isShown && drawable != null })
    }

    @Test
    fun `a second model answers the same picture beside the first`() {
        val screen = openPictures()
        touchSample(screen, 1)
        choose(screen, R.id.second_model, Given.models[1])
        awaitAnswer(screen, R.id.second_slot)
        assertEquals(Given.answer(Given.models[0], 1).label, shownGuesses(screen, R.id.first_slot).first().label)
        assertEquals(Given.answer(Given.models[1], 1).label, shownGuesses(screen, R.id.second_slot).first().label)
        val (first, second) = listOf(R.id.first_slot, R.id.second_slot).map { screen.findViewById<View>(it) }
        assertTrue(first.right <= second.left && first.top == second.top)
    }

    @Test
    fun `a refused GPU is told with its reason, and the CPU answers`() {
        val screen = openPictures()
        touchSample(screen, 0)
        val before = shownGuesses(screen, R.id.first_slot)
        choose(screen, R.id.delegate, "gpu")
        awaitText(screen, "gpu refused: ${HostedApplication.NO_GPU}\nruns on cpu\n")
        awaitAnswer(screen, R.id.first_slot)
        assertEquals(before, shownGuesses(screen, R.id.first_slot))
    }

    @Test
    fun `a measurement shows where the time goes, and stops by itself`() {
        val screen = openPictures()
        touchSample(screen, 0)
        press(screen, R.id.measure)
        assertTrue(screen.findViewById<Button>(R.id.measure).text.startsWith("Stop"))
        await(screen, "the end") { screen.findViewById<Button>(R.id.measure).text == "Measure" }
        val told = slotTexts(screen, R.id.first_slot).single { "prepare" in it }
        assertTrue(told, listOf("run", "read", "all", "of 50 pictures after the first").all { it in told })
    }

    @Test
    fun `everything is as it was after the process ended`() {
        val before = open(MainActivity::class.java)
        touchSample(before.get(), 2)
        choose(before.get(), R.id.second_model, Given.models[1])
        choose(before.get(), R.id.delegate, "cpu-plain")
        awaitAnswer(before.get(), R.id.second_slot)
        val guesses = shown(before.get())
        val after = open(MainActivity::class.java, saved = kill(before)).get()
        awaitAnswer(after, R.id.first_slot)
        awaitAnswer(after, R.id.second_slot)
        assertEquals(guesses, shown(after))
        assertTrue("the runtime's own kernels" in slotTexts(after, R.id.first_slot).joinToString())
    }

    @Test
    fun `models are closed while nobody sees the screen, and opened again`() {
        val controller = open(MainActivity::class.java)
        touchSample(controller.get(), 0)
        controller.pause().stop()
        awaitText(controller.get(), "Closed")
        controller.start().resume()
        awaitAnswer(controller.get(), R.id.first_slot)
    }

    @Test
    fun `a model that came over the cable is shown at once`() {
        val name = Given.models[1]
        val controller = open(MainActivity::class.java)
        awaitText(controller.get(), Given.models[0])
        assertNotEquals(name, slotTexts(controller.get(), R.id.first_slot).first())
        controller.newIntent(Intent().putSaved(mapOf(SavedKeys.FIRST to name)))
        await(controller.get(), name) { slotTexts(controller.get(), R.id.first_slot).firstOrNull() == name }
    }

    @Test
    fun `a photo is picked without any permission`() {
        val screen = openPictures()
        press(screen, R.id.pick_photo)
        val asked = shadowOf(screen).nextStartedActivity
        assertEquals("android.provider.action.PICK_IMAGES" to "image/*", asked.action to asked.type)
        assertEquals(null, shadowOf(screen).lastRequestedPermission)
    }

    private fun shown(screen: Activity) = listOf(R.id.first_slot, R.id.second_slot).map { shownGuesses(screen, it) }
}
