package dev.mobiledeploy.demo

import android.app.Activity
import android.app.Application
import android.content.Intent
import android.os.Bundle
import android.os.Looper
import android.os.Parcel
import android.view.View
import android.view.ViewGroup
import android.widget.Button
import android.widget.Spinner
import org.junit.After
import org.junit.Before
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.android.controller.ActivityController
import org.robolectric.annotation.Config
import org.robolectric.annotation.GraphicsMode
import java.io.File

private const val MOST_SECONDS = 30

/** A test of real screens, on a phone that is 411 dp wide, with the bundles that were given. */
@RunWith(RobolectricTestRunner::class)
@GraphicsMode(GraphicsMode.Mode.NATIVE)
@Config(sdk = [34], application = HostedApplication::class, qualifiers = "w411dp-h891dp-xxhdpi")
abstract class ScreenTest {
    private val opened = mutableListOf<ActivityController<*>>()

    protected val app: Application get() = RuntimeEnvironment.getApplication()

    /** Where bundles lie that were brought to the phone. */
    protected val models: File get() = File(app.filesDir, "models")

    /** The assets' files cannot be mapped here, so that the bundles lie where those lie that are brought to a phone. */
    @Before
    fun bringBundles() {
        Given.bundles.copyRecursively(models)
    }

    @After
    fun closeScreens() = opened.toList().forEach { end(it) }

    protected fun <A : Activity> open(screen: Class<A>, intent: Intent = Intent(), saved: Bundle? = null): ActivityController<A> {
        val controller = Robolectric.buildActivity(screen, intent.setClass(app, screen))
        opened += controller
        return if (saved == null) controller.setup() else controller.setup(saved)
    }

    protected fun openPictures(intent: Intent = Intent()): Activity = open(MainActivity::class.java, intent).get()

    protected fun end(controller: ActivityController<*>) {
        if (opened.remove(controller)) controller.pause().stop().destroy()
    }

    /** Ends the screen as Android ends the process; what is left is bytes. */
    protected fun <A : Activity> kill(controller: ActivityController<A>): Bundle {
        val saved = Bundle()
        opened -= controller
        controller.pause().stop().saveInstanceState(saved).destroy()
        return throughBytes(saved)
    }

    private fun throughBytes(bundle: Bundle): Bundle {
        val parcel = Parcel.obtain()
        parcel.writeBundle(bundle)
        val bytes = parcel.marshall()
        parcel.recycle()
        val read = Parcel.obtain()
        read.unmarshall(bytes, 0, bytes.size)
        read.setDataPosition(0)
        return checkNotNull(read.readBundle(javaClass.classLoader))
    }

    /** Lets the screen work until something is so; fails with what it shows when that takes too long. */
    protected fun await(screen: Activity, what: String, isSo: () -> Boolean) {
        val end = System.nanoTime() + MOST_SECONDS * 1_000_000_000L
        do {
            shadowOf(Looper.getMainLooper()).idle()
            if (isSo()) return
            Thread.sleep(10)
        } while (System.nanoTime() < end)
        throw AssertionError("not within $MOST_SECONDS s: $what; the screen shows ${texts(screen.window.decorView)}")
    }

    protected fun awaitText(screen: Activity, part: String) =
        await(screen, part) { texts(screen.window.decorView).any { part in it } }

    /** Touches a sample when it is there, and waits until the slot shows classes. */
    protected fun touchSample(screen: Activity, place: Int) {
        val strip = screen.findViewById<ViewGroup>(R.id.samples)
        await(screen, "samples") { strip.childCount > place }
        strip.getChildAt(place).performClick()
        awaitAnswer(screen, R.id.first_slot)
    }

    protected fun awaitAnswer(screen: Activity, slot: Int) =
        await(screen, "an answer") { shownGuesses(screen, slot).isNotEmpty() }

    protected fun choose(screen: Activity, spinner: Int, word: String) {
        val view = screen.findViewById<Spinner>(spinner)
        await(screen, word) { (0 until view.count).any { view.getItemAtPosition(it) == word } }
        view.setSelection((0 until view.count).first { view.getItemAtPosition(it) == word })
        shadowOf(Looper.getMainLooper()).idle()
    }

    protected fun press(screen: Activity, id: Int) {
        check(screen.findViewById<Button>(id).isShown) { "the button is not there: ${texts(screen.window.decorView)}" }
        screen.findViewById<View>(id).performClick()
        shadowOf(Looper.getMainLooper()).idle()
    }
}
