package dev.mobiledeploy.core

import dev.mobiledeploy.core.fakes.FakeRunner
import dev.mobiledeploy.core.fakes.FakeRunner.Companion.SMALL_INPUT
import dev.mobiledeploy.core.fakes.FakeRunner.Companion.SMALL_OUTPUT
import dev.mobiledeploy.core.fakes.SmallBundle
import dev.mobiledeploy.core.fakes.say
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertNull
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.TestFactory

private const val PROMISED_INPUT = "uint8 [1, 2, 2, 3] with scale 1.0 and zero point 0"
private const val PROMISED_OUTPUT = "uint8 [1, 3] with scale 0.00390625 and zero point 0"

class TensorCheckTest {
    private fun failureOf(bundle: SmallBundle, runner: ModelRunner): Failure? = try {
        Classifier(BundleReader.read(bundle), runner)
        null
    } catch (error: FailureException) {
        error.failure
    }

    private fun refused(tensor: TensorInfo, told: String, which: String) = DynamicTest.dynamicTest("$which $told") {
        val isInput = which == "input"
        val runner = if (isInput) FakeRunner(input = tensor) else FakeRunner(output = tensor)
        val promised = if (isInput) PROMISED_INPUT else PROMISED_OUTPUT
        assertEquals(Failure.TensorWrong("small-int8", which, promised, told), failureOf(SmallBundle(), runner))
        assertEquals(0, runner.runs)
    }

    @TestFactory
    fun `an input that is not the promised one is refused`() = listOf(
        SMALL_INPUT.copy(type = TensorType.INT8) to "int8 [1, 2, 2, 3] with scale 1.0 and zero point 0",
        SMALL_INPUT.copy(shape = listOf(1, 3, 3, 3)) to "uint8 [1, 3, 3, 3] with scale 1.0 and zero point 0",
        SMALL_INPUT.copy(shape = listOf(1, 3, 2, 2)) to "uint8 [1, 3, 2, 2] with scale 1.0 and zero point 0",
        SMALL_INPUT.copy(shape = listOf(2, 2, 2, 3)) to "uint8 [2, 2, 2, 3] with scale 1.0 and zero point 0",
        SMALL_INPUT.copy(shape = listOf(2, 2, 3)) to "uint8 [2, 2, 3] with scale 1.0 and zero point 0",
        SMALL_INPUT.copy(quantization = null) to "uint8 [1, 2, 2, 3]",
        SMALL_INPUT.copy(quantization = Quantization(1f, 1)) to "uint8 [1, 2, 2, 3] with scale 1.0 and zero point 1",
        SMALL_INPUT.copy(quantization = Quantization(1.00001f, 0)) to "uint8 [1, 2, 2, 3] with scale 1.00001 and zero point 0",
    ).map { (tensor, told) -> refused(tensor, told, "input") }

    @TestFactory
    fun `an output that is not the promised one is refused`() = listOf(
        SMALL_OUTPUT.copy(type = TensorType.INT8) to "int8 [1, 3] with scale 0.00390625 and zero point 0",
        SMALL_OUTPUT.copy(shape = listOf(1, 4)) to "uint8 [1, 4] with scale 0.00390625 and zero point 0",
        SMALL_OUTPUT.copy(shape = listOf(3)) to "uint8 [3] with scale 0.00390625 and zero point 0",
        SMALL_OUTPUT.copy(shape = listOf(3, 1)) to "uint8 [3, 1] with scale 0.00390625 and zero point 0",
        SMALL_OUTPUT.copy(shape = emptyList()) to "uint8 [] with scale 0.00390625 and zero point 0",
        SMALL_OUTPUT.copy(quantization = null) to "uint8 [1, 3]",
        SMALL_OUTPUT.copy(quantization = Quantization(1f / 128, 0)) to "uint8 [1, 3] with scale 0.0078125 and zero point 0",
        SMALL_OUTPUT.copy(quantization = Quantization(1f / 256, -128)) to "uint8 [1, 3] with scale 0.00390625 and zero point -128",
    ).map { (tensor, told) -> refused(tensor, told, "output") }

    @Test
    fun `a row of any rank and a scale that is rounded are the promised ones`() {
        for (shape in listOf(listOf(1, 3), listOf(1, 1, 1, 3), listOf(1, 3, 1))) {
            assertNull(failureOf(SmallBundle(), FakeRunner(output = SMALL_OUTPUT.copy(shape = shape))), "$shape")
        }
        val rounded = SMALL_INPUT.copy(quantization = Quantization(1.0000001f, 0))
        assertNull(failureOf(SmallBundle(), FakeRunner(input = rounded)))
    }

    @Test
    fun `a contract without quantization wants a tensor without`() {
        val real = SmallBundle().say("contract.input.dtype", "\"float32\"").say("contract.input.quantization", "null")
        val input = TensorInfo(TensorType.FLOAT32, listOf(1, 2, 2, 3), null)
        assertNull(failureOf(real, FakeRunner(input = input)))
        val quantized = input.copy(quantization = Quantization(1f, 0))
        val told = "float32 [1, 2, 2, 3] with scale 1.0 and zero point 0"
        assertEquals(Failure.TensorWrong("small-int8", "input", "float32 [1, 2, 2, 3]", told), failureOf(real, FakeRunner(input = quantized)))
    }

    @Test
    fun `an embedding names no classes`() {
        val embedding = SmallBundle(labels = "").say("contract.label_count", "0").say("contract.output.meaning", "\"embedding\"")
        assertEquals(Failure.NamesNoClasses("small-int8"), failureOf(embedding, FakeRunner()))
    }
}
