package dev.mobiledeploy.core

/** How a picture of any shape becomes the network's square. */
sealed interface Fit {
    /** The whole picture, its aspect ratio ignored. */
    data object Stretch : Fit

    /** The central square; [fraction] is its side as a share of the picture's shorter side, in (0, 1]. */
    data class CenterCrop(val fraction: Double) : Fit

    /** The whole picture scaled in, the rest black. */
    data object Letterbox : Fit
}

/** Types that an input or output tensor may have; [bytes] is the size of one value. */
enum class TensorType(val word: String, val bytes: Int) {
    FLOAT32("float32", Float.SIZE_BYTES),
    UINT8("uint8", Byte.SIZE_BYTES),
    INT8("int8", Byte.SIZE_BYTES),
}

/** What the output values are. */
enum class OutputMeaning(val word: String) {
    /** Probabilities that sum to 1. */
    SOFTMAX("softmax"),

    /** Scores of any size, the largest is the best. */
    LOGITS("logits"),

    /** One probability for each unit. */
    SIGMOID("sigmoid"),

    /** A vector that names no class. */
    EMBEDDING("embedding"),
}

/** Affine quantization of a tensor: real = [scale] * (stored - [zeroPoint]). */
data class Quantization(val scale: Float, val zeroPoint: Int)

/**
 * What goes in: one NHWC RGB picture of [side] x [side] pixels.
 *
 * Pixel value p, 0 to 255, stands for [low] + p * ([high] - [low]) / 255. A uint8 tensor holds p, an int8 one p - 128,
 * a float32 one the real value.
 */
data class InputContract(
    val side: Int,
    val type: TensorType,
    val low: Double,
    val high: Double,
    val fit: Fit,
    val quantization: Quantization?,
)

/** What comes out: [size] values; [quantization] is null for float32. */
data class OutputContract(
    val type: TensorType,
    val meaning: OutputMeaning,
    val size: Int,
    val quantization: Quantization?,
)

/**
 * Everything a caller of the .tflite must know.
 *
 * @property labels Class names in output order; empty for an embedding. A single sigmoid or logit may have two.
 * @property backgroundClass Whether output 0 is a class of its own for "none of these".
 * @property minimumRuntime Oldest TFLite release that computes the file right, such as "2.14".
 */
data class ModelContract(
    val input: InputContract,
    val output: OutputContract,
    val labels: List<String>,
    val backgroundClass: Boolean,
    val minimumRuntime: String,
)
