package androidx.test.runner.intent

import android.app.Instrumentation
import android.content.Intent

/** Hears of intents. */
interface IntentMonitor

/** Answers intents in place of other apps. */
interface IntentStubber {
    fun getActivityResultForIntent(intent: Intent): Instrumentation.ActivityResult?
}

/** Holds the monitor; nobody asks for it. */
object IntentMonitorRegistry {
    @JvmStatic
    fun registerInstance(@Suppress("UNUSED_PARAMETER") monitor: IntentMonitor?) = Unit
}

/** Holds no stubber. */
object IntentStubberRegistry {
    @JvmStatic
    fun isLoaded() = false

    @JvmStatic
    fun getInstance(): IntentStubber = error("there is no stubber")
}
