package dev.mobiledeploy.demo.camera

import android.app.Activity
import android.hardware.display.DisplayManager
import android.os.Handler
import android.view.Surface

/**
 * How far the display of an [activity] is turned, also when it turns upside down, of which the activity is not told.
 *
 * @param handler Of the main thread, on which [onTurned] is called.
 */
class DisplayTurn(private val activity: Activity, private val handler: Handler, private val onTurned: () -> Unit) :
    DisplayManager.DisplayListener {
    private val displays = activity.getSystemService(DisplayManager::class.java)

    /** Degrees by which the display is turned now; any thread may ask. */
    @Volatile
    var degrees = read()
        private set

    /** Begins to look, while the activity is seen. */
    fun start() {
        degrees = read()
        displays.registerDisplayListener(this, handler)
    }

    /** Looks no more. */
    fun stop() = displays.unregisterDisplayListener(this)

    override fun onDisplayChanged(displayId: Int) {
        val now = read()
        if (now == degrees) return
        degrees = now
        onTurned()
    }

    override fun onDisplayAdded(displayId: Int) = Unit

    override fun onDisplayRemoved(displayId: Int) = Unit

    // Activity.getDisplay, which replaces this, came with Android 11.
    @Suppress("DEPRECATION")
    private fun read(): Int = when (activity.windowManager.defaultDisplay.rotation) {
        Surface.ROTATION_90 -> 90
        Surface.ROTATION_180 -> 180
        Surface.ROTATION_270 -> 270
        else -> 0
    }
}
