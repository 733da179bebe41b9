package dev.mobiledeploy.core

import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import kotlin.math.abs
import kotlin.test.assertContentEquals
import kotlin.test.assertTrue
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.double
import kotlinx.serialization.json.int
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.TestFactory

private const val FEWEST_CASES = 40
private const val MOST_FLOAT_ERROR = 1e-6

/** Holds what core makes of pictures against what Python does, in the folder that the property `golden.pictures` names. */
class GoldenPicturesTest {
    private val folder = File(
        checkNotNull(System.getProperty("golden.pictures")) { "-Dgolden.pictures must name their folder" },
    )

    @TestFactory
    fun `the input tensor holds what Python puts into it`(): List<DynamicTest> {
        val index = Json.parseToJsonElement(File(folder, "index.json").readText()).jsonObject
        val cases = index.getValue("cases").jsonArray.map { it.jsonObject }
        check(cases.size >= FEWEST_CASES) { "$folder has ${cases.size} golden pictures, needed are $FEWEST_CASES" }
        return cases.map { DynamicTest.dynamicTest(it.text("name")) { compare(it) } }
    }

    private fun compare(case: JsonObject) {
        val contract = inputContract(case.part("input"))
        val square = PictureFitter(contract.side, contract.fit).toSquare(source(case.part("source")), turn(case))
        val encoder = InputEncoder(contract)
        val tensor = ByteBuffer.allocateDirect(encoder.sizeBytes).order(ByteOrder.nativeOrder())
        encoder.encode(square, tensor)
        val expected = File(folder, case.text("expected")).readBytes()
        val found = ByteArray(tensor.remaining()).also(tensor::get)
        if (contract.type == TensorType.FLOAT32) compareFloats(expected, found) else assertContentEquals(expected, found)
    }

    private fun compareFloats(expected: ByteArray, found: ByteArray) {
        val (wanted, gotten) = floats(expected) to floats(found)
        assertTrue(wanted.remaining() == gotten.remaining(), "${wanted.remaining()} values, found ${gotten.remaining()}")
        for (i in 0 until wanted.remaining()) {
            assertTrue(abs(wanted[i] - gotten[i]) <= MOST_FLOAT_ERROR, "value $i is ${wanted[i]}, found ${gotten[i]}")
        }
    }

    private fun floats(bytes: ByteArray) = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer()

    private fun turn(case: JsonObject): Turn =
        case["turn"]?.let { Turn.ofExif(it.jsonPrimitive.int) } ?: Turn.ofDegrees(case.number("clockwise_degrees"))

    private fun source(source: JsonObject): PixelSource {
        val (width, height) = source.number("width") to source.number("height")
        val bytes = ByteBuffer.wrap(File(folder, source.text("file")).readBytes())
        if (source.text("kind") == "argb") return storedPixels(width, height, bytes)
        val (y, u, v) = listOf("y", "u", "v").map { plane(source.part(it), bytes) }
        return YuvFrame(width, height, y, u, v)
    }

    private fun storedPixels(width: Int, height: Int, bytes: ByteBuffer): PixelSource {
        val pixels = IntArray(width * height)
        bytes.order(ByteOrder.LITTLE_ENDIAN).asIntBuffer().get(pixels)
        return StoredPixels(width, height, pixels)
    }

    private fun plane(plane: JsonObject, bytes: ByteBuffer): YuvPlane {
        val view = bytes.duplicate()
        view.position(plane.number("offset")).limit(plane.number("offset") + plane.number("length"))
        return YuvPlane(view, plane.number("row_stride"), plane.number("pixel_stride"))
    }

    private fun inputContract(input: JsonObject): InputContract {
        val (low, high) = input.getValue("range").jsonArray.map { it.jsonPrimitive.double }
        val type = TensorType.entries.single { it.word == input.text("dtype") }
        return InputContract(input.number("side"), type, low, high, fit(input.part("fit")), quantization = null)
    }

    private fun fit(fit: JsonObject): Fit = when (fit.text("kind")) {
        "stretch" -> Fit.Stretch
        "letterbox" -> Fit.Letterbox
        "center-crop" -> Fit.CenterCrop(fit.getValue("fraction").jsonPrimitive.double)
        else -> error("no such fit: $fit")
    }
}

private fun JsonObject.part(key: String): JsonObject = getValue(key).jsonObject

private fun JsonObject.text(key: String): String = getValue(key).jsonPrimitive.content

private fun JsonObject.number(key: String): Int = getValue(key).jsonPrimitive.int
