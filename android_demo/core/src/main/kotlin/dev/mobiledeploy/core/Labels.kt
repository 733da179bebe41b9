package dev.mobiledeploy.core

import java.nio.ByteBuffer
import java.nio.charset.CharacterCodingException

// What ends a line, and which characters may not be in a name, for the Python side.
private val LINE_END = Regex("\r\n|[\n\r\u000B\u000C\u001C-\u001E\u0085\u2028\u2029]")
private val CONTROL = Regex("[\u0000-\u0008\u000E-\u001F\u007F-\u009F]")
private const val BYTE_ORDER_MARK = "\uFEFF"

/**
 * Reads class names, one a line, in output order; a byte order mark and blank lines at the end do not count.
 *
 * @param bundle Named in failures.
 * @throws FailureException It is no UTF-8 text, a line in the middle is blank, or one would not show as text.
 */
fun parseLabels(text: ByteArray, bundle: String): List<String> {
    val decoded = decodeUtf8(text) ?: throw FailureException(Failure.LabelsUnreadable(bundle, "it is no UTF-8 text"))
    val lines = decoded.removePrefix(BYTE_ORDER_MARK).split(LINE_END).map(String::trim).dropLastWhile(String::isEmpty)
    for ((index, line) in lines.withIndex()) {
        val problem = when {
            line.isEmpty() -> "line ${index + 1} is blank"
            CONTROL.containsMatchIn(line) -> "line ${index + 1} holds a control character"
            else -> continue
        }
        throw FailureException(Failure.LabelsUnreadable(bundle, problem))
    }
    return lines
}

/** The text, or null if the bytes are none. */
internal fun decodeUtf8(bytes: ByteArray): String? = try {
    Charsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString()
} catch (_: CharacterCodingException) {
    null
}
