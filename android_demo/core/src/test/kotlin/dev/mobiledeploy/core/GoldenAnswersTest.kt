package dev.mobiledeploy.core

import dev.mobiledeploy.core.fakes.SmallBundle
import dev.mobiledeploy.core.fakes.say
import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.int
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.TestFactory

private const val FEWEST_CASES = 20

/** Holds what core reads from output tensors against what Python does, in the folder that the property `golden.answers` names. */
class GoldenAnswersTest {
    private val folder = File(
        checkNotNull(System.getProperty("golden.answers")) { "-Dgolden.answers must name their folder" },
    )

    @TestFactory
    fun `scores and best classes are those of Python`(): List<DynamicTest> {
        val index = Json.parseToJsonElement(File(folder, "index.json").readText()).jsonObject
        val cases = index.getValue("cases").jsonArray.map { it.jsonObject }
        check(cases.size >= FEWEST_CASES) { "$folder has ${cases.size} golden answers, needed are $FEWEST_CASES" }
        return cases.map { DynamicTest.dynamicTest(it.getValue("name").jsonPrimitive.content) { compare(it) } }
    }

    private fun compare(case: JsonObject) {
        val decoder = OutputDecoder(contractOf(case))
        val scores = decoder.scores(bytes(case, "output"))
        assertContentEquals(reals(bytes(case, "scores")), scores)
        val guesses = case.getValue("guesses").jsonArray.map { it.jsonObject }
        val expected = guesses.map { guess -> guess.getValue("index").jsonPrimitive.int to guess.getValue("label").jsonPrimitive.content }
        val found = decoder.top(scores, case.getValue("top").jsonPrimitive.int)
        assertEquals(expected, found.map { it.index to it.label })
        assertContentEquals(expected.map { (index, _) -> scores[index] }, found.map { it.score })
    }

    /** The contract as the app reads it: from a bundle, whose labels it also checks. */
    private fun contractOf(case: JsonObject): ModelContract {
        val labels = case.getValue("labels").jsonArray.joinToString("") { "${it.jsonPrimitive.content}\n" }
        return BundleReader.read(SmallBundle(labels = labels).say("contract", case.getValue("contract").toString())).contract
    }

    private fun bytes(case: JsonObject, key: String): ByteBuffer =
        ByteBuffer.wrap(File(folder, case.getValue(key).jsonPrimitive.content).readBytes()).order(ByteOrder.LITTLE_ENDIAN)

    private fun reals(bytes: ByteBuffer) = bytes.asFloatBuffer().let { FloatArray(it.remaining()).also(it::get) }
}
