package dev.mobiledeploy.core.screen

import dev.mobiledeploy.core.Answer
import dev.mobiledeploy.core.BundleFiles
import dev.mobiledeploy.core.BundleReader
import dev.mobiledeploy.core.Classifier
import dev.mobiledeploy.core.DelegateLadder
import dev.mobiledeploy.core.ModelRunner
import dev.mobiledeploy.core.OpenReport
import dev.mobiledeploy.core.PixelSource
import dev.mobiledeploy.core.RunSettings
import dev.mobiledeploy.core.RunnerFactory
import dev.mobiledeploy.core.Turn

/**
 * The models that are open, at most one a place. It belongs to the one thread that calls it.
 *
 * @param factory Opens runners.
 * @param files Finds the files of a bundle by its name.
 */
class OpenModels(private val factory: RunnerFactory, private val files: (String) -> BundleFiles) : AutoCloseable {
    private class Open(val request: Int, val runner: ModelRunner, val classifier: Classifier)

    private val open = mutableMapOf<Place, Open>()

    /**
     * Opens a model; what was open in its place is closed first, since a phone may have room for one only.
     *
     * @param request What [classify] will call the model.
     * @return How it runs.
     * @throws dev.mobiledeploy.core.FailureException The bundle is not sound, or nothing runs it.
     */
    fun open(place: Place, request: Int, name: String, settings: RunSettings): OpenReport {
        close(place)
        val bundle = BundleReader.read(files(name))
        val opened = DelegateLadder { factory.open(name, bundle.model, it) }.climb(settings)
        var isKept = false
        try {
            open[place] = Open(request, opened.runner, Classifier(bundle, opened.runner))
            isKept = true
        } finally {
            if (!isKept) opened.runner.close()
        }
        return opened.report
    }

    /**
     * Asks the model that [request] opened in a place.
     *
     * @return Its answer; null when it is no longer open.
     * @throws dev.mobiledeploy.core.FailureException The picture or the runtime fails.
     */
    fun classify(place: Place, request: Int, source: PixelSource, turn: Turn): Answer? =
        open[place]?.takeIf { it.request == request }?.classifier?.classify(source, turn)

    /** Closes what is open in a place. */
    fun close(place: Place) {
        open.remove(place)?.runner?.close()
    }

    override fun close() = Place.entries.forEach(::close)
}
