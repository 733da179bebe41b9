package dev.mobiledeploy.core.fakes

import dev.mobiledeploy.core.BundleFiles
import dev.mobiledeploy.core.sha256Of
import java.io.File
import java.io.InputStream
import java.nio.ByteBuffer
import java.nio.ByteOrder

/** A sound bundle of three classes for pictures of 2 px, in memory; [files] may be changed to make it unsound. */
class SmallBundle(override val name: String = "small-int8", tflite: ByteArray = byteArrayOf(1, 2, 3), labels: String = "ant\nbee\ncat\n") :
    BundleFiles {
    val files: MutableMap<String, ByteArray> = mutableMapOf(
        "$name.tflite" to tflite,
        "labels.txt" to labels.toByteArray(),
    ).also { it["model.json"] = manifest(name, it).toByteArray() }

    val sha256: String get() = hash("$name.tflite")

    override fun open(file: String): InputStream? = files[file]?.inputStream()

    override fun map(file: String): ByteBuffer {
        val bytes = files[file] ?: throw java.io.FileNotFoundException(file)
        return ByteBuffer.allocateDirect(bytes.size).put(bytes).order(ByteOrder.LITTLE_ENDIAN).apply { rewind() }
    }

    /** Writes each file under its hash, as it comes over the cable, and gives the hashes by name. */
    fun send(folder: File): Map<String, String> = files.keys.associateWith { file ->
        hash(file).also { File(folder, it).writeBytes(files.getValue(file)) }
    }

    private fun hash(file: String) = sha256Of(ByteBuffer.wrap(files.getValue(file)))
}

private fun manifest(name: String, files: Map<String, ByteArray>): String {
    val (tflite, labels) = files.values.toList()
    return """
    {"schema_version": 1, "name": "$name", "recipe": "int8",
     "tflite": {"name": "$name.tflite", "size_bytes": ${tflite.size}, "sha256": "${sha256Of(ByteBuffer.wrap(tflite))}"},
     "labels": {"name": "labels.txt", "count": 3, "sha256": "${sha256Of(ByteBuffer.wrap(labels))}"},
     "contract": {
       "input": {"side": 2, "layout": "NHWC", "color": "RGB", "resize": "bilinear-antialiased", "dtype": "uint8",
                 "range": [0, 255], "fit": {"kind": "stretch", "fraction": 1.0}, "quantization": {"scale": 1.0, "zero_point": 0}},
       "output": {"dtype": "uint8", "meaning": "softmax", "size": 3, "quantization": {"scale": 0.00390625, "zero_point": 0}},
       "label_count": 3, "background_class": false, "minimum_runtime": "2.3"},
     "weights": {"kind": "file", "name": "small.h5"}, "audit": {"verdict": "clean"}, "accuracy": null}
    """.trimIndent()
}
