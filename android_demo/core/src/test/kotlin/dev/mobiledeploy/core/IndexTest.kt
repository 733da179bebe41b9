package dev.mobiledeploy.core

import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertIs

class IndexTest {
    private fun problemOf(json: String): String =
        assertIs<Failure.IndexUnreadable>(assertFailsWith<FailureException> { readIndex(json) }.failure).problem

    @Test
    fun `the names come in their order`() {
        assertEquals(listOf("b-int8", "a", "ä ö"), readIndex("{\"schema_version\": 1, \"models\": [\"b-int8\", \"a\", \"ä ö\"]}"))
    }

    @Test
    fun `what is no such list is refused`() {
        fun models(json: String) = problemOf("{\"schema_version\": 1, \"models\": $json}")
        assertEquals("it names no model, or one twice", models("[]"))
        assertEquals("it names no model, or one twice", models("[\"a\", \"a\"]"))
        assertEquals("../a is no file name", models("[\"a\", \"../a\"]"))
        assertEquals("models is a list, not a list of texts", models("[\"a\", 7]"))
        assertEquals("models is \"a\", not a list of texts", models("\"a\""))
        assertEquals("it lacks models", problemOf("{\"schema_version\": 1}"))
        assertEquals("schema_version is 2, not a whole number from 1 to 1", problemOf("{\"schema_version\": 2, \"models\": [\"a\"]}"))
        assertEquals("it is no readable JSON", problemOf(""))
    }
}
