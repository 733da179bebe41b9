package dev.mobiledeploy.host

import dev.mobiledeploy.core.BundleReader
import dev.mobiledeploy.core.FailureException
import dev.mobiledeploy.core.FolderFiles
import dev.mobiledeploy.core.ModelRunner
import dev.mobiledeploy.core.TensorInfo
import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.Base64
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.put

private const val INPUTS_NAME = "golden_inputs.bin"

/**
 * Runs the golden inputs of bundles.
 *
 *     ReplayMain OUTPUT BUNDLE...
 *
 * OUTPUT gets one line of JSON for each bundle: "bundle", "used" and "outputs", the output tensors one after the other in
 * base64, as in golden_outputs.bin. A failure is told in one sentence and ends the program with status 1.
 */
fun main(arguments: Array<String>) {
    if (arguments.size < 2) exitWith("ReplayMain OUTPUT BUNDLE...")
    try {
        File(arguments[0]).bufferedWriter().use { output ->
            for (bundle in arguments.drop(1)) output.appendLine(replay(File(bundle)))
        }
    } catch (error: FailureException) {
        exitWith(error.failure.sentence)
    }
}

private fun replay(bundle: File): String {
    val loaded = BundleReader.read(FolderFiles(bundle))
    return BytedecoRunner(loaded.card.name, loaded.model).use { runner ->
        val outputs = outputsOf(runner, File(bundle, INPUTS_NAME).readBytes())
        buildJsonObject {
            put("bundle", loaded.card.name)
            put("used", runner.used)
            put("outputs", Base64.getEncoder().encodeToString(outputs))
        }.toString()
    }
}

private fun outputsOf(runner: ModelRunner, inputs: ByteArray): ByteArray {
    val input = tensorOf(runner.input)
    val output = tensorOf(runner.output)
    val count = inputs.size / input.capacity()
    val outputs = ByteArray(count * output.capacity())
    for (i in 0 until count) {
        input.duplicate().put(inputs, i * input.capacity(), input.capacity())
        runner.run(input, output)
        output.duplicate().get(outputs, i * output.capacity(), output.capacity())
    }
    return outputs
}

private fun tensorOf(info: TensorInfo): ByteBuffer =
    ByteBuffer.allocateDirect(info.shape.fold(info.type.bytes, Int::times)).order(ByteOrder.LITTLE_ENDIAN)
