package androidx.test.platform.app

import android.app.Instrumentation
import android.os.Bundle

// Robolectric asks for these few classes of androidx.test, which is not on Maven Central. What is here is what it calls
// while it starts an activity; the tests of the app's screens need no more.

/** The instrumentation that runs the tests. */
object InstrumentationRegistry {
    private var instrumentation: Instrumentation? = null

    /** Gives it. */
    @JvmStatic
    fun getInstrumentation(): Instrumentation = checkNotNull(instrumentation) { "no instrumentation is registered" }

    /** Sets it. */
    @JvmStatic
    fun registerInstance(instrumentation: Instrumentation?, @Suppress("UNUSED_PARAMETER") arguments: Bundle?) {
        this.instrumentation = instrumentation
    }
}
