package dev.mobiledeploy.core

import java.io.ByteArrayOutputStream
import java.io.FileNotFoundException
import java.io.IOException
import java.io.InputStream
import java.nio.ByteBuffer

private const val MANIFEST_NAME = "model.json"
private const val LABELS_NAME = "labels.txt"
private const val LARGEST_MANIFEST_BYTES = 8_000_000
private const val LARGEST_LABELS_BYTES = 16_000_000

/**
 * A bundle that was read and checked.
 *
 * @property model The .tflite, which must be held as long as a runtime uses it.
 */
class LoadedBundle(val card: ModelCard, val contract: ModelContract, val model: ByteBuffer)

/** Reads bundles and believes nothing that they say before it fits. */
object BundleReader {
    /**
     * Reads a bundle and checks its hashes. It takes as long as reading the .tflite once: not for the main thread.
     *
     * @throws FailureException A file is missing, damaged, or does not say what a model can be.
     */
    fun read(files: BundleFiles): LoadedBundle {
        val manifest = inManifest(files) { readManifest(manifestText(files)) }
        val labels = readLabels(files, manifest)
        val contract = inManifest(files) { readContract(manifest.contract, labels) }
        requireLabelsFit(files.name, contract)
        return LoadedBundle(manifest.card, contract, readModel(files, manifest.card))
    }
}

private fun manifestText(files: BundleFiles): String {
    val bytes = readSmall(files, MANIFEST_NAME, LARGEST_MANIFEST_BYTES)
    return decodeUtf8(bytes) ?: throw BadJsonException("it is no UTF-8 text")
}

private fun readLabels(files: BundleFiles, manifest: Manifest): List<String> {
    val bytes = readSmall(files, LABELS_NAME, LARGEST_LABELS_BYTES)
    requireHash(LABELS_NAME, manifest.labelsSha256, sha256Of(ByteBuffer.wrap(bytes)))
    val labels = parseLabels(bytes, files.name)
    val promised = inManifest(files) { readLabelCount(manifest.contract) }
    if (promised != labels.size) throw FailureException(Failure.LabelsWrong(files.name, promised, labels.size))
    return labels
}

private fun requireLabelsFit(bundle: String, contract: ModelContract) {
    val size = contract.output.size
    val count = contract.labels.size
    val mayHaveTwo = size == 1 && contract.output.meaning.let { it == OutputMeaning.SIGMOID || it == OutputMeaning.LOGITS }
    val fits = count == size ||
        (count == 2 && mayHaveTwo) ||
        (count == 0 && contract.output.meaning == OutputMeaning.EMBEDDING)
    if (!fits) throw FailureException(Failure.LabelsWrong(bundle, size, count))
}

private fun readModel(files: BundleFiles, card: ModelCard): ByteBuffer {
    val file = "${card.name}.tflite"
    val model = reading(files, file) { files.map(file) }
    requireHash(file, card.sha256, sha256Of(model))
    return model
}

private fun requireHash(file: String, expected: String, found: String) {
    if (found != expected) throw FailureException(Failure.HashMismatch(file, expected, found))
}

private fun readSmall(files: BundleFiles, file: String, mostBytes: Int): ByteArray = reading(files, file) {
    val stream = files.open(file) ?: throw FileNotFoundException(file)
    val bytes = stream.use { it.readAtMost(mostBytes + 1) }
    if (bytes.size > mostBytes) throw IOException("$file is over ${mostBytes / 1_000_000} MB large")
    bytes
}

private fun InputStream.readAtMost(count: Int): ByteArray {
    val bytes = ByteArrayOutputStream()
    val piece = ByteArray(DEFAULT_BUFFER_SIZE)
    while (bytes.size() < count) {
        val read = read(piece, 0, minOf(piece.size, count - bytes.size()))
        if (read < 0) break
        bytes.write(piece, 0, read)
    }
    return bytes.toByteArray()
}

private fun <T> reading(files: BundleFiles, file: String, read: () -> T): T = try {
    read()
} catch (error: FileNotFoundException) {
    throw FailureException(Failure.FileMissing(files.name, file), error)
} catch (error: IOException) {
    throw FailureException(Failure.FileUnreadable(files.name, file, error.message ?: "the system refuses"), error)
}

private fun <T> inManifest(files: BundleFiles, read: () -> T): T = try {
    read()
} catch (error: BadJsonException) {
    throw FailureException(Failure.ManifestUnreadable(files.name, error.message.orEmpty()), error)
}
