package dev.mobiledeploy.core

import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlin.math.abs

/** A JSON text that says something else than it should; [message] is one clause. */
class BadJsonException(message: String, cause: Throwable? = null) : Exception(message, cause)

private val WHOLE = Regex("-?(0|[1-9][0-9]*)")
private val NUMBER = Regex("-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?")
private const val LARGEST_REAL = 1e9
private const val LONGEST_TOLD = 40

/**
 * Reads an object from a text that is not trusted.
 *
 * @throws BadJsonException It is no JSON object.
 */
fun readJsonObject(text: String): JsonFields = JsonFields(
    try {
        Json.parseToJsonElement(text)
    } catch (error: IllegalArgumentException) {
        throw BadJsonException("it is no readable JSON", error)
    } catch (error: StackOverflowError) {
        throw BadJsonException("it is nested too deep", error)
    } as? JsonObject ?: throw BadJsonException("it is no JSON object"),
)

/** The fields of a JSON object, each read with the type it must have; the reader's [BadJsonException] names the field. */
class JsonFields internal constructor(private val fields: JsonObject, private val path: String = "") {
    /** Whether the field is null or not there at all. */
    fun lacks(name: String): Boolean = fields[name].let { it == null || it is JsonNull }

    /** Whether the field, which must be there, is null. */
    fun isNull(name: String): Boolean = need(name) is JsonNull

    /** A text. */
    fun text(name: String): String = asText(name) ?: refuse(name, "a text")

    /** true or false. */
    fun flag(name: String): Boolean = when (literal(name)) {
        "true" -> true
        "false" -> false
        else -> refuse(name, "true or false")
    }

    /** A whole number in a range; 1.0 is none. */
    fun whole(name: String, range: LongRange): Long {
        val found = literal(name)?.takeIf(WHOLE::matches)?.toLongOrNull()
        return found?.takeIf { it in range } ?: refuse(name, "a whole number from ${range.first} to ${range.last}")
    }

    /** A number of a size that anything here can have. */
    fun number(name: String): Double = asNumber(need(name)) ?: refuse(name, "a number")

    /** Two numbers. */
    fun pair(name: String): Pair<Double, Double> {
        val both = (need(name) as? JsonArray)?.map(::asNumber) ?: emptyList()
        val first = both.firstOrNull()
        val second = both.lastOrNull()
        return if (both.size == 2 && first != null && second != null) first to second else refuse(name, "two numbers")
    }

    /** One of [allowed], each known by its [word]. */
    fun <T> oneOf(name: String, allowed: Iterable<T>, word: (T) -> String): T =
        allowed.find { word(it) == asText(name) } ?: refuse(name, allowed.joinToString(" or ", transform = word))

    /** An object. */
    fun child(name: String): JsonFields =
        JsonFields(need(name) as? JsonObject ?: refuse(name, "an object"), "$path$name.")

    /** A list of texts. */
    fun texts(name: String): List<String> =
        (need(name) as? JsonArray)?.map { textOf(it) ?: refuse(name, "a list of texts") } ?: refuse(name, "a list of texts")

    /** The objects of a list; what else is in it is left out. */
    fun children(name: String): List<JsonFields> =
        (need(name) as? JsonArray)?.filterIsInstance<JsonObject>()?.map { JsonFields(it, "$path$name.") }
            ?: refuse(name, "a list")

    private fun need(name: String): JsonElement = fields[name] ?: throw BadJsonException("it lacks $path$name")

    private fun asText(name: String): String? = textOf(need(name))

    private fun literal(name: String): String? =
        (need(name) as? JsonPrimitive)?.takeIf { !it.isString && it !is JsonNull }?.content

    private fun refuse(name: String, allowed: String): Nothing =
        throw BadJsonException("$path$name is ${told(need(name))}, not $allowed")
}

private fun textOf(element: JsonElement): String? = (element as? JsonPrimitive)?.takeIf { it.isString }?.content

private fun asNumber(element: JsonElement): Double? = (element as? JsonPrimitive)
    ?.takeIf { !it.isString && NUMBER.matches(it.content) }
    ?.content?.toDouble()?.takeIf { abs(it) <= LARGEST_REAL }

private fun told(element: JsonElement): String = when (element) {
    is JsonObject -> "an object"
    is JsonArray -> "a list"
    is JsonPrimitive -> printable(element.toString().take(LONGEST_TOLD))
}

/** The text with every character that would not show as one replaced. */
fun printable(text: String): String =
    text.map { if (it.isISOControl() || it.category == CharCategory.FORMAT) '\uFFFD' else it }.joinToString("")
