package dev.mobiledeploy.core.shell

import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.put

private const val SCHEMA_VERSION = 1

// The phone's log cuts longer lines.
private const val MOST_BYTES = 4000
private val TEXT_LENGTHS = listOf(2048, 1024, 512, 256, 128, 64, 32, 16)

/**
 * What the app says to a request.
 *
 * @property token Of the request.
 * @property error Why there is no result, in a sentence; null if there is one.
 * @property fields The result by its names; JSON values.
 */
class ShellReply(val token: String, val error: String?, private val fields: Map<String, JsonElement> = emptyMap()) {
    /** Writes the reply as one line of at most 4000 bytes of UTF-8; texts that are too long for that end in "...". */
    fun line(): String = TEXT_LENGTHS.asSequence().map(::line).first { it.toByteArray().size <= MOST_BYTES }

    private fun line(longest: Int): String {
        val said = buildJsonObject {
            put("token", token)
            put("schema_version", SCHEMA_VERSION)
            put("error", error?.let(::JsonPrimitive)?.let { shortened(it, longest) } ?: JsonNull)
            // Hashes are compared, so they stay as they are.
            for ((name, value) in fields) put(name, if (name.endsWith("sha256")) value else shortened(value, longest))
        }
        return said.toString()
    }
}

private fun shortened(value: JsonElement, longest: Int): JsonElement = when (value) {
    is JsonNull -> value
    is JsonPrimitive -> if (value.isString) JsonPrimitive(shortened(value.content, longest)) else value
    is JsonArray -> JsonArray(value.map { shortened(it, longest) })
    is JsonObject -> JsonObject(value.mapValues { shortened(it.value, longest) })
}

private fun shortened(text: String, longest: Int): String {
    if (text.length <= longest) return text
    // Half a pair is no character and could not be written as UTF-8.
    val end = if (text[longest - 1].isHighSurrogate()) longest - 1 else longest
    return text.substring(0, end) + "..."
}
