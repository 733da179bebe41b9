package dev.mobiledeploy.demo

import android.app.Activity
import android.view.View
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.robolectric.Shadows.shadowOf
import java.io.File

class AboutScreenTest : ScreenTest() {
    @Test
    fun `the button of a model opens what is known of it`() {
        val pictures = openPictures()
        awaitText(pictures, Given.models.first())
        pictures.findViewById<View>(R.id.first_slot).findViewById<View>(R.id.slot_about).performClick()
        val asked = shadowOf(pictures).nextStartedActivity
        val rows = rows(open(AboutActivity::class.java, asked).get())
        assertEquals(Given.models.first(), rows["Name"])
    }

    @Test
    fun `hash, size, recipe, input and classes are those of the bundle`() {
        for (name in Given.models) {
            val rows = rows(openAbout(name))
            val bytes = File(models, "$name/$name.tflite").length()
            assertEquals(Given.answer(name, 0).sha256, rows["SHA-256 of the .tflite"])
            assertTrue("${rows["Size"]}", "%,d bytes".format(bytes) in rows.getValue("Size"))
            assertEquals(name.substringAfterLast('-'), rows["Recipe"])
            assertEquals("10", rows["Classes"])
            assertTrue("${rows["Input"]}", rows.getValue("Input").startsWith("96 x 96 px, "))
        }
    }

    @Test
    fun `a model that is gone is told in a sentence`() {
        awaitText(openAbout("gone"), "gone has no model.json. Add the bundle again.")
    }

    private fun openAbout(name: String): Activity = open(AboutActivity::class.java, AboutActivity.intent(app, name)).get()

    private fun rows(screen: Activity): Map<String, String> {
        awaitText(screen, "SHA-256")
        return texts(screen.findViewById(R.id.about_rows)).drop(1).chunked(2).associate { (what, value) -> what to value }
    }
}
