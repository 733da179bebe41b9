package dev.mobiledeploy.core

import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertTrue

class JsonFieldsTest {
    private fun fields(value: String) = readJsonObject("{\"x\": $value}")

    private fun problem(read: () -> Unit): String = assertFailsWith<BadJsonException> { read() }.message.orEmpty()

    @Test
    fun `numbers are those of JSON and no larger than anything here`() {
        for (text in listOf("0", "-0.5", "1e9", "-1E9", "12.50e-3")) assertEquals(text.toDouble(), fields(text).number("x"), text)
        for (text in listOf("\"1\"", "true", "null", "NaN", "-Infinity", "1.", ".5", "01", "+1", "0x10", "1f", "1_0", "1000000001", "1e400")) {
            assertTrue(problem { fields(text).number("x") }.endsWith(", not a number"), text)
        }
    }

    @Test
    fun `whole numbers have no point and lie in the range`() {
        assertEquals(listOf(-5L, 0L, 7L), listOf("-5", "0", "7").map { fields(it).whole("x", -5..7L) })
        for (text in listOf("-6", "8", "1.0", "1e0", "01", "\"1\"", "true", "null", "9223372036854775808")) {
            assertTrue(problem { fields(text).whole("x", -5..7L) }.endsWith(", not a whole number from -5 to 7"), text)
        }
    }

    @Test
    fun `texts and flags are of their own type`() {
        assertEquals("ä\n\"", fields("\"ä\\n\\\"\"").text("x"))
        assertEquals(listOf(true, false), listOf("true", "false").map { fields(it).flag("x") })
        for (text in listOf("7", "true", "null", "{}", "[]", "word")) assertTrue(problem { fields(text).text("x") }.endsWith(", not a text"))
        for (text in listOf("\"true\"", "TRUE", "1", "null", "[]")) assertTrue(problem { fields(text).flag("x") }.endsWith(", not true or false"))
    }

    @Test
    fun `null is told from a field that is not there`() {
        assertTrue(fields("null").lacks("x") && fields("null").lacks("y") && fields("null").isNull("x"))
        assertFalse(fields("0").lacks("x") || fields("0").isNull("x") || fields("\"null\"").isNull("x"))
        assertEquals("it lacks y", problem { fields("null").isNull("y") })
    }

    @Test
    fun `lists hold what they should`() {
        assertEquals(listOf("a", ""), fields("[\"a\", \"\"]").texts("x"))
        assertEquals(-1.0 to 2.5, fields("[-1, 2.5]").pair("x"))
        assertEquals(listOf(1L, 2L), fields("[{\"y\": 1}, 7, null, {\"y\": 2}]").children("x").map { it.whole("y", 0..9L) })
        assertEquals("x is a list, not a list of texts", problem { fields("[\"a\", null]").texts("x") })
        assertEquals("x is an object, not a list", problem { fields("{}").children("x") })
        for (text in listOf("[]", "[1]", "[1, null]", "[null, 1]", "[1, 2, 3]", "{}")) {
            assertTrue(problem { fields(text).pair("x") }.endsWith(", not two numbers"), text)
        }
    }

    @Test
    fun `a field is named by its path`() {
        assertEquals("x.y.z is 7, not a text", problem { fields("{\"y\": {\"z\": 7}}").child("x").child("y").text("z") })
        assertEquals("it lacks x.y", problem { fields("{}").child("x").text("y") })
        assertEquals("x.y is 1, not a text", problem { fields("[{\"y\": 1}]").children("x").single().text("y") })
        assertEquals("x is 7, not softmax or logits", problem { fields("7").oneOf("x", listOf("softmax", "logits")) { it } })
    }
}
