package dev.mobiledeploy.core

import dev.mobiledeploy.core.fakes.SmallBundle
import dev.mobiledeploy.core.fakes.say
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertIs
import kotlin.test.assertNotEquals
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.TestFactory

/** A field of model.json, what it says in JSON (null: it is not there), and what the reader must say to that. */
private class Wrong(val path: String, val json: String?, val problem: String)

private val NEEDED = listOf(
    "schema_version", "name", "recipe", "tflite", "tflite.size_bytes", "tflite.sha256", "labels", "labels.sha256", "contract",
    "contract.label_count", "contract.background_class", "contract.minimum_runtime",
    "contract.input", "contract.input.side", "contract.input.layout", "contract.input.color", "contract.input.resize",
    "contract.input.dtype", "contract.input.range", "contract.input.fit", "contract.input.fit.kind",
    "contract.input.fit.fraction", "contract.input.quantization", "contract.input.quantization.scale",
    "contract.input.quantization.zero_point",
    "contract.output", "contract.output.dtype", "contract.output.meaning", "contract.output.size",
    "contract.output.quantization", "contract.output.quantization.scale", "contract.output.quantization.zero_point",
)

private val WRONG_FILES = listOf(
    Wrong("schema_version", "2", "schema_version is 2, not a whole number from 1 to 1"),
    Wrong("schema_version", "1.0", "schema_version is 1.0, not a whole number from 1 to 1"),
    Wrong("schema_version", "\"1\"", "schema_version is \"1\", not a whole number from 1 to 1"),
    Wrong("schema_version", "true", "schema_version is true, not a whole number from 1 to 1"),
    Wrong("name", "7", "name is 7, not a text"),
    Wrong("name", "\"\"", "name is , which is no file name"),
    Wrong("name", "\"..\"", "name is .., which is no file name"),
    Wrong("name", "\"../other\"", "name is ../other, which is no file name"),
    Wrong("name", "\"a\\\\b\"", "name is a\\b, which is no file name"),
    Wrong("name", "\"a\\u001b[2J\"", "name is a\uFFFD[2J, which is no file name"),
    Wrong("name", "\"${"a".repeat(201)}\"", "name is ${"a".repeat(201)}, which is no file name"),
    Wrong("recipe", "null", "recipe is null, not a text"),
    Wrong("recipe", "[\"int8\"]", "recipe is a list, not a text"),
    Wrong("tflite", "\"small\"", "tflite is \"small\", not an object"),
    Wrong("tflite.size_bytes", "0", "tflite.size_bytes is 0, not a whole number from 1 to 2147483647"),
    Wrong("tflite.size_bytes", "2147483648", "tflite.size_bytes is 2147483648, not a whole number from 1 to 2147483647"),
    Wrong("tflite.size_bytes", "1e3", "tflite.size_bytes is 1e3, not a whole number from 1 to 2147483647"),
    Wrong("tflite.sha256", "\"${"0".repeat(63)}\"", "a sha256 is not 64 hexadecimal digits"),
    Wrong("tflite.sha256", "\"${"A".repeat(64)}\"", "a sha256 is not 64 hexadecimal digits"),
    Wrong("labels.sha256", "\"${"0".repeat(64)}\\n\"", "a sha256 is not 64 hexadecimal digits"),
    Wrong("labels", "[]", "labels is a list, not an object"),
    Wrong("contract", "null", "contract is null, not an object"),
)

private const val SIDES = "a whole number from 1 to 4096"
private const val SIZES = "a whole number from 1 to 16000000"
private const val INT32 = "a whole number from -2147483648 to 2147483647"

private val WRONG_CONTRACTS = listOf(
    Wrong("input.side", "0", "contract.input.side is 0, not $SIDES"),
    Wrong("input.side", "4097", "contract.input.side is 4097, not $SIDES"),
    Wrong("input.side", "2.0", "contract.input.side is 2.0, not $SIDES"),
    Wrong("input.side", "99999999999999999999", "contract.input.side is 99999999999999999999, not $SIDES"),
    Wrong("input.layout", "\"NCHW\"", "contract.input.layout is \"NCHW\", not NHWC"),
    Wrong("input.color", "\"BGR\"", "contract.input.color is \"BGR\", not RGB"),
    Wrong("input.resize", "\"nearest\"", "contract.input.resize is \"nearest\", not bilinear-antialiased"),
    Wrong("input.dtype", "\"int16\"", "contract.input.dtype is \"int16\", not float32 or uint8 or int8"),
    Wrong("input.range", "[1, 1]", "the input's range 1.0 to 1.0 is empty"),
    Wrong("input.range", "[1, -1]", "the input's range 1.0 to -1.0 is empty"),
    Wrong("input.range", "[0]", "contract.input.range is a list, not two numbers"),
    Wrong("input.range", "[0, 1, 2]", "contract.input.range is a list, not two numbers"),
    Wrong("input.range", "[0, \"1\"]", "contract.input.range is a list, not two numbers"),
    Wrong("input.range", "[-1e10, 1]", "contract.input.range is a list, not two numbers"),
    Wrong("input.range", "255", "contract.input.range is 255, not two numbers"),
    Wrong("input.fit.kind", "\"crop\"", "contract.input.fit.kind is \"crop\", not stretch or center-crop or letterbox"),
    Wrong("input.fit.fraction", "0", "fit.fraction is 0.0, not in (0, 1], and 1 unless center-crop"),
    Wrong("input.fit.fraction", "0.875", "fit.fraction is 0.875, not in (0, 1], and 1 unless center-crop"),
    Wrong("input.fit", "{\"kind\": \"center-crop\", \"fraction\": 1.1}", "fit.fraction is 1.1, not in (0, 1], and 1 unless center-crop"),
    Wrong("input.fit.fraction", "NaN", "contract.input.fit.fraction is NaN, not a number"),
    Wrong("input.quantization.scale", "0", "a scale of 0.0 is not positive"),
    Wrong("input.quantization.scale", "1e-60", "a scale of 0.0 is not positive"),
    Wrong("input.quantization.scale", "-0.5", "a scale of -0.5 is not positive"),
    Wrong("input.quantization.scale", "Infinity", "contract.input.quantization.scale is Infinity, not a number"),
    Wrong("input.quantization.scale", "1e999", "contract.input.quantization.scale is 1e999, not a number"),
    Wrong("input.quantization.zero_point", "0.5", "contract.input.quantization.zero_point is 0.5, not $INT32"),
    Wrong("output.quantization.zero_point", "2147483648", "contract.output.quantization.zero_point is 2147483648, not $INT32"),
    Wrong("output.quantization", "\"none\"", "contract.output.quantization is \"none\", not an object"),
    Wrong("output.dtype", "null", "contract.output.dtype is null, not float32 or uint8 or int8"),
    Wrong("output.meaning", "\"boxes\"", "contract.output.meaning is \"boxes\", not softmax or logits or sigmoid or embedding"),
    Wrong("output.size", "0", "contract.output.size is 0, not $SIZES"),
    Wrong("output.size", "16000001", "contract.output.size is 16000001, not $SIZES"),
    Wrong("label_count", "-1", "contract.label_count is -1, not a whole number from 0 to 16000000"),
    Wrong("label_count", "\"3\"", "contract.label_count is \"3\", not a whole number from 0 to 16000000"),
    Wrong("background_class", "\"true\"", "contract.background_class is \"true\", not true or false"),
    Wrong("background_class", "1", "contract.background_class is 1, not true or false"),
    Wrong("minimum_runtime", "2.3", "contract.minimum_runtime is 2.3, not a text"),
    Wrong("minimum_runtime", "\"newest\"", "minimum_runtime newest is no release"),
    Wrong("minimum_runtime", "\"2\\u202e.3\"", "minimum_runtime 2\uFFFD.3 is no release"),
)

class ManifestReaderTest {
    private fun problemOf(bundle: SmallBundle): String =
        assertIs<Failure.ManifestUnreadable>(assertFailsWith<FailureException> { BundleReader.read(bundle) }.failure).problem

    @TestFactory
    fun `a field that is not there is named`() = NEEDED.map { path ->
        DynamicTest.dynamicTest(path) { assertEquals("it lacks $path", problemOf(SmallBundle().say(path, null))) }
    }

    @TestFactory
    fun `a wrong field of the manifest is told with its value and what is allowed`() = WRONG_FILES.map(::refused)

    @TestFactory
    fun `a wrong field of the contract is told likewise`() =
        WRONG_CONTRACTS.map { refused(Wrong("contract.${it.path}", it.json, it.problem)) }

    private fun refused(wrong: Wrong) = DynamicTest.dynamicTest("${wrong.path} ${wrong.json}".take(80)) {
        assertEquals(wrong.problem, problemOf(SmallBundle().say(wrong.path, wrong.json)))
    }

    @Test
    fun `what is no JSON object is told in words`() {
        fun problem(text: String) = problemOf(SmallBundle().apply { files["model.json"] = text.toByteArray() })
        val half = SmallBundle().files.getValue("model.json").decodeToString().dropLast(1)
        for (text in listOf("", "{", half, "{'name': 1}", "\uFEFF{}", "{\"a\": 1} x")) assertEquals("it is no readable JSON", problem(text), text)
        for (text in listOf("[]", "null", "\"text\"", "7")) assertEquals("it is no JSON object", problem(text), text)
        assertEquals("it is no UTF-8 text", problemOf(SmallBundle().apply { files["model.json"] = byteArrayOf(-1, -2) }))
    }

    @Test
    fun `a text nested too deep is refused like any other`() {
        val deep = "[".repeat(300_000) + "]".repeat(300_000)
        val bundle = SmallBundle().apply { files["model.json"] = "{\"x\": $deep}".toByteArray() }
        assertEquals("it is nested too deep", problemOf(bundle))
    }

    @Test
    fun `long and unprintable values are told short and harmless`() {
        val problem = problemOf(SmallBundle().say("contract.input.dtype", "\"${"x".repeat(500)}\""))
        assertEquals("contract.input.dtype is \"${"x".repeat(39)}, not float32 or uint8 or int8", problem)
        val escape = problemOf(SmallBundle().say("contract.output.meaning", "\"\u202Eevil\u0085\""))
        assertEquals("contract.output.meaning is \"\uFFFDevil\uFFFD\", not softmax or logits or sigmoid or embedding", escape)
    }

    @Test
    fun `a scale is rounded to single precision by way of a double, as NumPy does`() {
        val text = "1.00000005960464477540"
        val read = BundleReader.read(SmallBundle().say("contract.input.quantization.scale", text)).contract.input.quantization
        assertEquals(text.toDouble().toFloat(), read?.scale)
        assertNotEquals(text.toFloat(), read?.scale)
    }

    @Test
    fun `what Python writes is read as it was meant`() {
        val bundle = SmallBundle()
            .say("contract.input.range", "[-1.0, 1]").say("contract.input.fit", "{\"kind\": \"center-crop\", \"fraction\": 0.875}")
            .say("contract.input.quantization.scale", "7.843137718737125e-03").say("contract.output.quantization", "null")
            .say("contract.output.dtype", "\"float32\"").say("contract.background_class", "true")
        val contract = BundleReader.read(bundle).contract
        val fed = InputContract(2, TensorType.UINT8, -1.0, 1.0, Fit.CenterCrop(0.875), Quantization(0.007843138f, 0))
        assertEquals(fed, contract.input)
        assertEquals(OutputContract(TensorType.FLOAT32, OutputMeaning.SOFTMAX, 3, null), contract.output)
        assertEquals(ModelContract(fed, contract.output, listOf("ant", "bee", "cat"), true, "2.3"), contract)
        val letterbox = SmallBundle().say("contract.input.fit.kind", "\"letterbox\"")
        assertEquals(Fit.Letterbox, BundleReader.read(letterbox).contract.input.fit)
    }
}
