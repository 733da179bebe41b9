package dev.mobiledeploy.core

import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith

class LabelsTest {
    private fun labels(text: String) = parseLabels(text.toByteArray(), "net")

    private fun failureOf(bytes: ByteArray) = assertFailsWith<FailureException> { parseLabels(bytes, "net") }.failure

    @Test
    fun `names come one a line, without what is around them`() {
        assertEquals(listOf("ant", "Bär, braun", "雪"), labels("ant\nBär, braun\n雪\n"))
        assertEquals(listOf("ant", "bee"), labels("\uFEFFant\r\nbee"))
        assertEquals(listOf("ant", "bee"), labels("  ant\t\nbee \n \n\t\n\n"))
        assertEquals(emptyList(), labels(""))
        assertEquals(emptyList(), labels("\uFEFF\n \n"))
    }

    @Test
    fun `lines end where they do for Python`() {
        for (end in listOf("\n", "\r\n", "\r", "\u000B", "\u000C", "\u001C", "\u001D", "\u001E", "\u0085", "\u2028", "\u2029")) {
            assertEquals(listOf("a", "b"), labels("a${end}b$end"), "U+%04X".format(end[0].code))
        }
        assertEquals(listOf("a\u200Bb", "c d"), labels("a\u200Bb\nc d"))
    }

    @Test
    fun `a blank line before the last name is refused`() {
        for ((text, line) in listOf("a\n\nb" to 2, "\na" to 1, "a\nb\n \t\nc\n" to 3, "a\n\rb" to 2, "a\n\u00A0\nb" to 2)) {
            assertEquals(Failure.LabelsUnreadable("net", "line $line is blank"), failureOf(text.toByteArray()), text)
        }
    }

    @Test
    fun `a control character is refused where Python refuses it`() {
        for (code in listOf(0x00, 0x07, 0x08, 0x0E, 0x1B, 0x1F, 0x7F, 0x80, 0x9B, 0x9F)) {
            val failure = failureOf("a\nb${code.toChar()}b\n".toByteArray())
            assertEquals(Failure.LabelsUnreadable("net", "line 2 holds a control character"), failure, "U+%04X".format(code))
        }
        assertEquals(listOf("a\tb", "c\u00A0d", "\u202Ee"), labels("a\tb\nc\u00A0d\n\u202Ee"))
    }

    @Test
    fun `bytes that are no UTF-8 are refused`() {
        for (bytes in listOf(byteArrayOf(-28), byteArrayOf(97, -1), byteArrayOf(-19, -96, -128), byteArrayOf(-64, -128))) {
            assertEquals(Failure.LabelsUnreadable("net", "it is no UTF-8 text"), failureOf(bytes), bytes.joinToString())
        }
    }
}
