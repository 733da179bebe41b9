package dev.mobiledeploy.demo

import kotlinx.serialization.json.Json
import kotlinx.serialization.json.double
import kotlinx.serialization.json.int
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import java.io.File

/** What the Python side says one [model] answers to one [picture] of the app. */
class Expected(
    val model: String,
    val sha256: String,
    val picture: String,
    val inputSha256: String,
    val index: Int,
    val label: String,
    val score: Double,
    val allowed: Double,
)

/** What the Python side gives to these tests; each is missing loudly. */
object Given {
    /** Folder with a folder for each bundle. */
    val bundles: File get() = File(property("screens.bundles"))

    /** Folder for pictures of the screens. */
    val shots: File get() = File(property("screens.shots"))

    /** Its answers: every model with every sample picture, in the order in which the app shows them. */
    val answers: List<Expected> by lazy {
        Json.parseToJsonElement(File(property("screens.expected")).readText()).jsonArray.map { it.jsonObject }.map { told ->
            fun word(key: String) = told.getValue(key).jsonPrimitive.content
            fun number(key: String) = told.getValue(key).jsonPrimitive.double
            Expected(
                word("model"), word("sha256"), word("picture"), word("input_sha256"),
                told.getValue("index").jsonPrimitive.int, word("label"), number("score"), number("allowed"),
            )
        }
    }

    /** Names of the models, in their order. */
    val models: List<String> get() = answers.map(Expected::model).distinct()

    /** The answer that [model] must give to the sample at [place] of the strip. */
    fun answer(model: String, place: Int): Expected = answers.filter { it.model == model }.sortedBy(Expected::picture)[place]

    private fun property(name: String) = checkNotNull(System.getProperty(name)) { "the property $name is missing" }
}
