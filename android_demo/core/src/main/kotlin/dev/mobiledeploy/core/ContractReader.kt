package dev.mobiledeploy.core

// Beyond what any network for a phone takes or gives; a contract from a stranger may not make its reader allocate more.
private const val LARGEST_SIDE = 4096L
private const val LARGEST_OUTPUT = 16_000_000L
private const val LARGEST_LABEL_COUNT = 16_000_000L

// What every contract says of its input; read back, so that a file that means something else is refused.
private val FIXED = mapOf("layout" to "NHWC", "color" to "RGB", "resize" to "bilinear-antialiased")

private const val CENTER_CROP = "center-crop"
private val FIT_KINDS = listOf("stretch", CENTER_CROP, "letterbox")

/**
 * Reads the contract of a model.json as the Python side does, which wrote it.
 *
 * @param labels The lines of labels.txt.
 * @throws BadJsonException A field is missing, has the wrong type or an impossible value.
 */
internal fun readContract(contract: JsonFields, labels: List<String>): ModelContract = ModelContract(
    input = readInput(contract.child("input")),
    output = readOutput(contract.child("output")),
    labels = labels,
    backgroundClass = contract.flag("background_class"),
    minimumRuntime = readRelease(contract),
)

/** How many labels the contract promises. */
internal fun readLabelCount(contract: JsonFields): Int = contract.whole("label_count", 0..LARGEST_LABEL_COUNT).toInt()

private fun readRelease(contract: JsonFields): String {
    val release = contract.text("minimum_runtime")
    if (RuntimeVersion.ofContract(release) == null) throw BadJsonException("minimum_runtime ${printable(release)} is no release")
    return release
}

private fun readInput(input: JsonFields): InputContract {
    for ((name, only) in FIXED) input.oneOf(name, listOf(only)) { it }
    val (low, high) = input.pair("range")
    if (low >= high) throw BadJsonException("the input's range $low to $high is empty")
    return InputContract(
        side = input.whole("side", 1..LARGEST_SIDE).toInt(),
        type = readType(input),
        low = low,
        high = high,
        fit = readFit(input.child("fit")),
        quantization = readQuantization(input),
    )
}

private fun readOutput(output: JsonFields) = OutputContract(
    type = readType(output),
    meaning = output.oneOf("meaning", OutputMeaning.entries, OutputMeaning::word),
    size = output.whole("size", 1..LARGEST_OUTPUT).toInt(),
    quantization = readQuantization(output),
)

private fun readType(tensor: JsonFields): TensorType = tensor.oneOf("dtype", TensorType.entries, TensorType::word)

private fun readFit(fit: JsonFields): Fit {
    val kind = fit.oneOf("kind", FIT_KINDS) { it }
    val fraction = fit.number("fraction")
    if (fraction <= 0 || fraction > 1 || (fraction < 1 && kind != CENTER_CROP)) {
        throw BadJsonException("fit.fraction is $fraction, not in (0, 1], and 1 unless $CENTER_CROP")
    }
    return when (kind) {
        "stretch" -> Fit.Stretch
        "letterbox" -> Fit.Letterbox
        else -> Fit.CenterCrop(fraction)
    }
}

private fun readQuantization(tensor: JsonFields): Quantization? {
    if (tensor.isNull("quantization")) return null
    val quantization = tensor.child("quantization")
    // By way of a double, as NumPy rounds it.
    val scale = quantization.number("scale").toFloat()
    if (scale <= 0) throw BadJsonException("a scale of $scale is not positive")
    return Quantization(scale, quantization.whole("zero_point", Int.MIN_VALUE.toLong()..Int.MAX_VALUE).toInt())
}
