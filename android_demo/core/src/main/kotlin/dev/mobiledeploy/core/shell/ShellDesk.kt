package dev.mobiledeploy.core.shell

import dev.mobiledeploy.core.Answer
import dev.mobiledeploy.core.BundleFiles
import dev.mobiledeploy.core.BundleReader
import dev.mobiledeploy.core.BundleStore
import dev.mobiledeploy.core.Classifier
import dev.mobiledeploy.core.Delegate
import dev.mobiledeploy.core.Failure
import dev.mobiledeploy.core.FailureException
import dev.mobiledeploy.core.FolderFiles
import dev.mobiledeploy.core.LoadedBundle
import dev.mobiledeploy.core.ModelRunner
import dev.mobiledeploy.core.PixelSource
import dev.mobiledeploy.core.RunSettings
import dev.mobiledeploy.core.RunnerFactory
import dev.mobiledeploy.core.Turn
import dev.mobiledeploy.core.failureOf
import dev.mobiledeploy.core.gpuDoubts
import dev.mobiledeploy.core.reasonOf
import dev.mobiledeploy.core.sha256Of
import java.io.File
import java.io.FileInputStream
import java.io.IOException

/** A decoded picture: its pixels and how they lie. */
class StoredPicture(val pixels: PixelSource, val turn: Turn)

/**
 * Does what the shell asks, on the calling thread, which must not be the main one. Nothing that can be asked makes it throw.
 *
 * @param factory Opens runners; there is no ladder here, for what is measured must be what was asked for.
 * @param store Where bundles that come go.
 * @param files Finds the files of a bundle by its name.
 * @param picture Decodes a picture of the app by its path in the assets, or throws a [FailureException].
 * @param benchmark Times models.
 */
class ShellDesk(
    private val factory: RunnerFactory,
    private val store: BundleStore,
    private val files: (String) -> BundleFiles,
    private val picture: (String) -> StoredPicture,
    private val benchmark: Benchmark,
) {
    /** Does what [request] asks and says how it went. */
    fun serve(request: ShellRequest): ShellReply = try {
        when (request) {
            is ShellRequest.Benchmark -> measure(request)
            is ShellRequest.Answer -> answer(request)
            is ShellRequest.Load -> load(request)
            is ShellRequest.Unusable -> ShellReply(request.token, request.problem)
        }
    } catch (error: Exception) {
        failed(request, error)
    } catch (error: OutOfMemoryError) {
        failed(request, error)
    } catch (error: LinkageError) {
        failed(request, error)
    }

    private fun failed(request: ShellRequest, error: Throwable) =
        ShellReply(request.token, failureOf(error, "the request").sentence)

    private fun measure(request: ShellRequest.Benchmark): ShellReply {
        val file = File(request.model)
        requireHash(file, request.sha256)
        val model = reading(file) { FolderFiles(file.absoluteFile.parentFile ?: file).map(file.name) }
        val plan = BenchmarkPlan(request.runs, request.seconds, request.warmUpSeconds)
        val open = { settings: RunSettings -> factory.open(file.name, model, settings) }
        val result = benchmark.measure(plan, { open(request.settings) }) { doubts(request, it, open) }
        return ShellReply(request.token, null, resultFields(request, result))
    }

    private fun doubts(request: ShellRequest.Benchmark, runner: ModelRunner, open: (RunSettings) -> ModelRunner): List<String> =
        if (request.settings.delegate == Delegate.GPU) {
            gpuDoubts(runner) { open(request.settings.copy(delegate = Delegate.CPU)) }
        } else {
            emptyList()
        }

    private fun answer(request: ShellRequest.Answer): ShellReply {
        val bundle = BundleReader.read(files(request.model))
        if (bundle.card.sha256 != request.sha256) {
            throw FailureException(Failure.HashMismatch("${request.model}.tflite", request.sha256, bundle.card.sha256))
        }
        val shown = picture(request.picture)
        return factory.open(request.model, bundle.model, request.settings).use { runner -> answer(request, bundle, runner, shown) }
    }

    private fun answer(
        request: ShellRequest.Answer,
        bundle: LoadedBundle,
        runner: ModelRunner,
        shown: StoredPicture,
    ): ShellReply {
        val classifier = Classifier(bundle, runner)
        val answer: Answer = classifier.classify(shown.pixels, shown.turn)
        return ShellReply(request.token, null, answerFields(request, answer, sha256Of(classifier.lastInput), runner))
    }

    private fun load(request: ShellRequest.Load): ShellReply {
        val bundle = store.take(request.name, File(request.folder), request.files)
        return ShellReply(request.token, null, loadFields(bundle.card))
    }

    // Read as a stream: pages of a mapped file would count as memory that the model takes.
    private fun requireHash(file: File, sha256: String) {
        val found = reading(file) { FileInputStream(file).use(::sha256Of) }
        if (found != sha256) throw FailureException(Failure.HashMismatch(file.name, sha256, found))
    }

    private fun <T> reading(file: File, read: () -> T): T = try {
        read()
    } catch (error: IOException) {
        throw FailureException(Failure.ModelUnreadable(file.path, "it cannot be read (${reasonOf(error)})"), error)
    }
}
