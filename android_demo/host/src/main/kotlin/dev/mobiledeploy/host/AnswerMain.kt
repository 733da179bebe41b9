package dev.mobiledeploy.host

import dev.mobiledeploy.core.Answer
import dev.mobiledeploy.core.BundleReader
import dev.mobiledeploy.core.Classifier
import dev.mobiledeploy.core.FailureException
import dev.mobiledeploy.core.FolderFiles
import dev.mobiledeploy.core.Turn
import dev.mobiledeploy.core.sha256Of
import java.io.File
import java.io.Writer
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.Base64
import kotlin.system.exitProcess
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.addJsonObject
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.put
import kotlinx.serialization.json.putJsonArray

/**
 * Answers pictures with bundles by the code that the app runs.
 *
 *     AnswerMain OUTPUT PICTURES BUNDLE...
 *
 * OUTPUT gets one line of JSON for each bundle, or for each picture in the folder PICTURES by name: "bundle", "runtime"
 * and "used"; or "bundle", "picture", "input_sha256" (of the input tensor), "guesses" and "scores" (of all labels: single
 * precision, little endian, in base64). A failure is told in one sentence and ends the program with status 1.
 */
fun main(arguments: Array<String>) {
    if (arguments.size < 3) exitWith("AnswerMain OUTPUT PICTURES BUNDLE...")
    val pictures = File(arguments[1]).listFiles { file -> file.extension == "png" }.orEmpty().sortedBy(File::getName)
    try {
        File(arguments[0]).bufferedWriter().use { output ->
            for (bundle in arguments.drop(2)) answerAll(File(bundle), pictures, output)
        }
    } catch (error: FailureException) {
        exitWith(error.failure.sentence)
    }
}

private fun answerAll(bundle: File, pictures: List<File>, output: Writer) {
    val loaded = BundleReader.read(FolderFiles(bundle))
    BytedecoRunner(loaded.card.name, loaded.model).use { runner ->
        val classifier = Classifier(loaded, runner)
        output.appendLine(described(loaded.card.name, runner).toString())
        for (picture in pictures) {
            val answer = classifier.classify(PngPicture.read(picture), Turn.UPRIGHT)
            output.appendLine(told(loaded.card.name, picture.name, answer, classifier).toString())
        }
    }
}

private fun described(bundle: String, runner: BytedecoRunner): JsonObject = buildJsonObject {
    put("bundle", bundle)
    put("runtime", runner.runtime)
    put("used", runner.used)
}

private fun told(bundle: String, picture: String, answer: Answer, classifier: Classifier): JsonObject = buildJsonObject {
    put("bundle", bundle)
    put("picture", picture)
    put("input_sha256", sha256Of(classifier.lastInput))
    putJsonArray("guesses") {
        for (guess in answer.guesses) {
            addJsonObject {
                put("index", guess.index)
                put("label", guess.label)
                put("score", guess.score)
            }
        }
    }
    put("scores", encode(classifier.lastScores))
}

private fun encode(scores: FloatArray): String {
    val bytes = ByteBuffer.allocate(Float.SIZE_BYTES * scores.size).order(ByteOrder.LITTLE_ENDIAN)
    bytes.asFloatBuffer().put(scores)
    return Base64.getEncoder().encodeToString(bytes.array())
}

internal fun exitWith(problem: String): Nothing {
    System.err.println(problem)
    exitProcess(1)
}
