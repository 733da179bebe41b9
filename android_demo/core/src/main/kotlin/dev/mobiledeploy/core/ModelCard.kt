package dev.mobiledeploy.core

/** A measured share, such as an accuracy, with its 95 % interval; all in [0, 1]. [total] is the number of trials. */
data class Share(val value: Double, val low: Double, val high: Double, val total: Long)

/** Accuracy as the Python side measured it when it made the file; [top5] is null where it was not told. */
data class MeasuredAccuracy(val top1: Share, val top5: Share?)

/**
 * One latency that was measured for the file, with its setting; what was not told is empty or null.
 *
 * @property latencyMs Median of the processes' medians.
 * @property lowMs Lower end of its 95 % interval.
 * @property highMs Upper end.
 */
data class MeasuredLatency(
    val device: String,
    val system: String,
    val runtime: String,
    val threads: Long,
    val delegate: String,
    val latencyMs: Double,
    val lowMs: Double?,
    val highMs: Double?,
)

/**
 * What a person may want to know of a model, from model.json.
 *
 * @property sha256 Hash of the .tflite, 64 hexadecimal digits.
 * @property sizeBytes Size of the .tflite.
 * @property weights Where its weights are from, such as a file's name; empty if that is not told.
 * @property audit What the audit of the file said, such as "clean"; empty if that is not told.
 * @property untrained Whether its weights are random, in the head at least, so that its answers mean nothing.
 * @property accuracy Null if it was not measured.
 */
data class ModelCard(
    val name: String,
    val recipe: String,
    val sha256: String,
    val sizeBytes: Long,
    val weights: String,
    val audit: String,
    val untrained: Boolean,
    val accuracy: MeasuredAccuracy?,
    val latencies: List<MeasuredLatency>,
)

private const val MOST_LATENCIES = 100
private const val MOST_THREADS = 1_000_000L
private const val UNTRAINED_MARK = "-untrained"

/** Reads what model.json says beside the contract; of that, what cannot be believed is left out. */
internal fun readCard(manifest: JsonFields, name: String, recipe: String, tflite: JsonFields) = ModelCard(
    name = name,
    recipe = recipe,
    sha256 = readSha256(tflite),
    sizeBytes = tflite.whole("size_bytes", 1..Int.MAX_VALUE.toLong()),
    weights = believed { manifest.child("weights").let { shown(it, "name").ifEmpty { shown(it, "kind") } } } ?: "",
    audit = believed { shown(manifest.child("audit"), "verdict") } ?: "",
    untrained = isUntrained(manifest, name.removeSuffix("-$recipe")),
    accuracy = believed { readAccuracy(manifest.child("accuracy")) },
    latencies = believed { manifest.children("latency").take(MOST_LATENCIES).mapNotNull { believed { readLatency(it) } } }
        ?: emptyList(),
)

private fun isUntrained(manifest: JsonFields, nameOfModel: String): Boolean {
    if (nameOfModel.endsWith(UNTRAINED_MARK)) return true
    val kind = believed { manifest.child("weights").text("kind") }
    val hasNewHead = believed { manifest.child("weights").flag("new_head") } ?: false
    return kind == "none" || (kind != "trained" && hasNewHead)
}

private fun readAccuracy(accuracy: JsonFields) =
    MeasuredAccuracy(readShare(accuracy.child("top1")), believed { readShare(accuracy.child("top5")) })

private fun readShare(share: JsonFields) = Share(
    value = part(share, "value"),
    low = part(share, "low"),
    high = part(share, "high"),
    total = share.whole("total", 1..Long.MAX_VALUE),
)

private fun part(share: JsonFields, name: String): Double =
    share.number(name).takeIf { it in 0.0..1.0 } ?: throw BadJsonException("$name is no share")

private fun readLatency(entry: JsonFields) = MeasuredLatency(
    device = shown(entry, "device"),
    system = shown(entry, "system"),
    runtime = shown(entry, "runtime"),
    threads = entry.whole("threads", 1..MOST_THREADS),
    delegate = shown(entry, "delegate"),
    latencyMs = entry.number("latency_ms"),
    lowMs = believed { entry.number("low_ms") },
    highMs = believed { entry.number("high_ms") },
)

private fun shown(fields: JsonFields, name: String): String = believed { printable(fields.text(name)) } ?: ""

private fun <T> believed(read: () -> T): T? = try {
    read()
} catch (_: BadJsonException) {
    null
}
