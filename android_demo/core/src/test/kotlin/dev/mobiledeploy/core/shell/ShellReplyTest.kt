package dev.mobiledeploy.core.shell

import dev.mobiledeploy.core.readJsonObject
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.put
import org.junit.jupiter.api.Test
import kotlin.test.assertEquals
import kotlin.test.assertTrue

class ShellReplyTest {
    @Test
    fun `a reply is one line of JSON with what every reply has`() {
        val line = ShellReply("5a", null, mapOf("runs" to JsonPrimitive(7), "used" to JsonPrimitive("a\nb"))).line()
        assertEquals("""{"token":"5a","schema_version":1,"error":null,"runs":7,"used":"a\nb"}""", line)
    }

    @Test
    fun `a failure is a sentence`() {
        assertEquals("""{"token":"","schema_version":1,"error":"It is cut off."}""", ShellReply("", "It is cut off.").line())
    }

    @Test
    fun `however long its texts are, a reply fits into a line of the log and its hashes stay whole`() {
        val hash = "5a".repeat(32)
        for (label in listOf("x", "\u0000", "ä", "語", "\uD83D\uDC1D").flatMap { listOf(it.repeat(3000), "-" + it.repeat(3000)) }) {
            val guess = buildJsonObject { put("index", 1); put("label", label); put("score", 0.5f) }
            val fields = mapOf("input_sha256" to JsonPrimitive(hash), "guesses" to JsonArray(List(5) { guess }))
            val line = ShellReply("5a", label, fields).line()
            assertTrue(line.toByteArray().size <= 4000)
            val read = readJsonObject(line)
            assertEquals(hash, read.text("input_sha256"))
            assertEquals(5, read.children("guesses").count { it.text("label").endsWith("...") })
            assertEquals(line, String(line.toByteArray()), "half a character was written")
        }
    }

    @Test
    fun `texts that fit are not shortened`() {
        val label = "a very long name of a class".repeat(20)
        assertEquals(label, readJsonObject(ShellReply("5a", null, mapOf("used" to JsonPrimitive(label))).line()).text("used"))
    }
}
