package dev.mobiledeploy.core

import kotlin.math.abs

// The manifest holds doubles, the file single precision.
private const val SCALE_TOLERANCE = 1e-6f

/**
 * Holds an opened model against its contract.
 *
 * @throws FailureException The model names no classes, the runtime is too old for it, or a tensor is not what the
 *   contract promises.
 */
internal fun requireFits(bundle: String, contract: ModelContract, runner: ModelRunner) {
    if (contract.output.meaning == OutputMeaning.EMBEDDING) throw FailureException(Failure.NamesNoClasses(bundle))
    requireRuntime(bundle, contract.minimumRuntime, runner.runtime)
    val input = contract.input
    val takes = TensorInfo(input.type, listOf(1, input.side, input.side, CHANNELS), input.quantization)
    if (!isSame(takes, runner.input)) throw wrong(bundle, "input", told(takes), runner.input)
    val output = contract.output
    val isRow = runner.output.shape.let { it.firstOrNull() == 1 && it.size > 1 && productOf(it) == output.size.toLong() }
    val gives = TensorInfo(output.type, if (isRow) runner.output.shape else listOf(1, output.size), output.quantization)
    if (!isSame(gives, runner.output)) throw wrong(bundle, "output", told(gives), runner.output)
}

private fun requireRuntime(bundle: String, needed: String, found: String) {
    val least = RuntimeVersion.ofContract(needed)
    val runs = RuntimeVersion.ofRunner(found)
    if (least == null || runs == null || runs < least) throw FailureException(Failure.RuntimeTooOld(bundle, needed, found))
}

private fun productOf(shape: List<Int>): Long = shape.fold(1L) { product, size -> product * size }

private fun isSame(promised: TensorInfo, found: TensorInfo): Boolean =
    promised.type == found.type && promised.shape == found.shape && isSame(promised.quantization, found.quantization)

private fun isSame(promised: Quantization?, found: Quantization?): Boolean = when {
    promised == null || found == null -> promised == found
    promised.zeroPoint != found.zeroPoint -> false
    else -> abs(promised.scale - found.scale) <= SCALE_TOLERANCE * promised.scale
}

private fun wrong(bundle: String, which: String, promised: String, found: TensorInfo) =
    FailureException(Failure.TensorWrong(bundle, which, promised, told(found)))

private fun told(tensor: TensorInfo): String = tensor.quantization
    ?.let { "$tensor with scale ${it.scale} and zero point ${it.zeroPoint}" } ?: "$tensor"
