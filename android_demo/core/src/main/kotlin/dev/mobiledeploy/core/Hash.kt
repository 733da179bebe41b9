package dev.mobiledeploy.core

import java.io.InputStream
import java.nio.ByteBuffer
import java.security.MessageDigest

private const val HEX_DIGITS = "0123456789abcdef"
private const val PIECE_BYTES = 65_536

/** SHA-256 of a buffer from its position to its limit, as 64 hexadecimal digits; the buffer's position stays. */
fun sha256Of(buffer: ByteBuffer): String {
    val digest = MessageDigest.getInstance("SHA-256")
    digest.update(buffer.duplicate())
    return hexadecimal(digest.digest())
}

/** SHA-256 of a stream from here to its end, likewise. */
fun sha256Of(stream: InputStream): String {
    val digest = MessageDigest.getInstance("SHA-256")
    val piece = ByteArray(PIECE_BYTES)
    while (true) {
        val read = stream.read(piece)
        if (read < 0) return hexadecimal(digest.digest())
        digest.update(piece, 0, read)
    }
}

private fun hexadecimal(bytes: ByteArray): String = buildString(2 * bytes.size) {
    for (byte in bytes) append(HEX_DIGITS[byte.unsigned() ushr 4]).append(HEX_DIGITS[byte.unsigned() and 15])
}
