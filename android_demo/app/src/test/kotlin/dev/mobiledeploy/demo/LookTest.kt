package dev.mobiledeploy.demo

import android.app.Activity
import android.graphics.Bitmap
import android.graphics.Canvas
import android.os.Looper
import android.view.View
import android.view.ViewGroup
import android.widget.ScrollView
import android.widget.Spinner
import android.widget.TextView
import dev.mobiledeploy.core.sha256Of
import org.junit.Assert.assertEquals
import org.junit.Test
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import java.io.File

private const val TOUCH_DP = 48
private const val NARROW = "w320dp-h480dp-notnight-mdpi"
private const val NARROW_NIGHT = "w320dp-h480dp-night-mdpi"
private const val LARGE_TEXT = 1.3f

/** Draws every screen for people to look at, and checks what can be counted: names and sizes of what is touched. */
class LookTest : ScreenTest() {
    @Test
    fun `a phone by day`() = drawAll("light")

    @Test
    fun `a phone by night`() {
        RuntimeEnvironment.setQualifiers("+night")
        drawAll("dark")
    }

    @Test
    fun `a narrow phone`() {
        RuntimeEnvironment.setQualifiers(NARROW)
        drawAll("narrow")
    }

    @Test
    fun `large text on a narrow phone by night`() {
        RuntimeEnvironment.setQualifiers(NARROW_NIGHT)
        RuntimeEnvironment.setFontScale(LARGE_TEXT)
        drawAll("narrow-large-dark")
    }

    @Test
    fun `a phone on its side`() {
        RuntimeEnvironment.setQualifiers("w640dp-h360dp-land-xhdpi")
        drawAll("land")
    }

    @Test
    fun `long names of classes`() {
        RuntimeEnvironment.setQualifiers(NARROW)
        giveLongLabels(Given.models.first())
        val screen = openPictures()
        touchSample(screen, 0)
        chooseSecond(screen)
        inspect(screen, "long-labels")
    }

    private fun drawAll(look: String) {
        val pictures = openPictures()
        awaitText(pictures, Given.models.first())
        touchSample(pictures, 0)
        inspect(pictures, "one-$look")
        chooseSecond(pictures)
        choose(pictures, R.id.delegate, "gpu")
        awaitText(pictures, "gpu refused")
        awaitAnswer(pictures, R.id.first_slot)
        awaitAnswer(pictures, R.id.second_slot)
        inspect(pictures, "two-$look")
        val about = open(AboutActivity::class.java, AboutActivity.intent(app, Given.models.first())).get()
        awaitText(about, "SHA-256")
        inspect(about, "about-$look")
        val camera = open(CameraActivity::class.java).get()
        awaitText(camera, "no camera")
        awaitText(camera, "XNNPACK")
        inspect(camera, "camera-$look")
        inspect(open(ShellActivity::class.java).get(), "shell-$look")
    }

    private fun chooseSecond(screen: Activity) {
        choose(screen, R.id.second_model, Given.models[1])
        awaitAnswer(screen, R.id.second_slot)
    }

    private fun giveLongLabels(name: String) {
        val labels = File(models, "$name/labels.txt")
        val before = labels.inputStream().use(::sha256Of)
        val long = labels.readLines().map { "$it, Donaudampfschifffahrtsgesellschaftskapitän with a long name" }
        labels.writeText(long.joinToString("\n", postfix = "\n"))
        val manifest = File(models, "$name/model.json")
        manifest.writeText(manifest.readText().replace(before, labels.inputStream().use(::sha256Of)))
    }

    private fun inspect(screen: Activity, name: String) {
        shadowOf(Looper.getMainLooper()).idle()
        draw(screen, name)
        val touched = seen(screen.findViewById(android.R.id.content)).filter(::isTouched)
        assertEquals("without a name on $name", emptyList<String>(), touched.filterNot { isNamed(screen, it) }.map(::idOf))
        val least = TOUCH_DP * screen.resources.displayMetrics.density - 0.5f
        val small = touched.filter { minOf(it.width, it.height) < least }
        assertEquals("too small on $name", emptyList<String>(), small.map { "${idOf(it)} ${it.width} x ${it.height}" })
    }

    // A text that can be selected takes touches as well, and is no button.
    private fun isTouched(view: View) = view.isClickable && !(view is TextView && view.isTextSelectable)

    private fun isNamed(screen: Activity, view: View): Boolean = !view.contentDescription.isNullOrEmpty() ||
        (view is TextView && view.text.isNotEmpty()) ||
        (view is Spinner && seen(screen.window.decorView).any { it is TextView && it.labelFor == view.id && it.text.isNotEmpty() })

    private fun idOf(view: View) = if (view.id == View.NO_ID) "$view" else view.resources.getResourceEntryName(view.id)

    /** Draws all of the screen, also what one must scroll to. */
    private fun draw(screen: Activity, name: String) {
        val window = screen.window.decorView
        val scrolled = seen(window).filterIsInstance<ScrollView>().firstOrNull { it.width == window.width && it.height == window.height }
        val height = maxOf(window.height, scrolled?.let { (it as ViewGroup).getChildAt(0).height } ?: 0)
        val bitmap = Bitmap.createBitmap(window.width, height, Bitmap.Config.ARGB_8888)
        val canvas = Canvas(bitmap)
        window.background?.run { setBounds(0, 0, bitmap.width, height) }
        window.background?.draw(canvas)
        (scrolled?.getChildAt(0) ?: window).draw(canvas)
        Given.shots.mkdirs()
        File(Given.shots, "$name.png").outputStream().use { bitmap.compress(Bitmap.CompressFormat.PNG, 100, it) }
    }
}
