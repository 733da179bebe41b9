package dev.mobiledeploy.demo

import android.app.Application
import android.content.Context
import dev.mobiledeploy.core.RunnerFactory
import dev.mobiledeploy.demo.model.InterpreterFactory

/** The app; a test of its screens brings a runtime of the machine that it runs on. */
open class DemoApplication : Application() {
    /** Opens models. */
    open val runners: RunnerFactory get() = InterpreterFactory
}

/** What opens models in this app. */
val Context.runners: RunnerFactory get() = (applicationContext as DemoApplication).runners
