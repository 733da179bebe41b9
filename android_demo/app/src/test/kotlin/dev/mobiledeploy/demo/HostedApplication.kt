package dev.mobiledeploy.demo

import dev.mobiledeploy.core.Delegate
import dev.mobiledeploy.core.DelegateUnavailable
import dev.mobiledeploy.core.FailureException
import dev.mobiledeploy.core.RunnerFactory
import dev.mobiledeploy.host.BytedecoRunner

/** The app with TensorFlow Lite of this machine, which has no GPU. */
class HostedApplication : DemoApplication() {
    override val runners = RunnerFactory { name, model, settings ->
        if (settings.delegate == Delegate.GPU) throw FailureException(DelegateUnavailable(Delegate.GPU, NO_GPU))
        BytedecoRunner(name, model, settings.threads, settings.delegate == Delegate.CPU)
    }

    companion object {
        /** Why the GPU is refused. */
        const val NO_GPU = "this machine has none"
    }
}
