package dev.mobiledeploy.core

import java.io.InputStream
import java.nio.ByteBuffer
import kotlin.test.Test
import kotlin.test.assertEquals

// Source: FIPS 180-4, examples of NIST.
private const val OF_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
private const val OF_ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
private const val OF_A_MILLION_A = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"

class HashTest {
    private val abc = "abc".toByteArray()
    private val aMillion = ByteArray(1_000_000) { 'a'.code.toByte() }

    @Test
    fun `hashes are those that are published`() {
        for ((bytes, hash) in listOf(ByteArray(0) to OF_NOTHING, abc to OF_ABC, aMillion to OF_A_MILLION_A)) {
            assertEquals(hash, sha256Of(ByteBuffer.wrap(bytes)))
            assertEquals(hash, sha256Of(ByteBuffer.allocateDirect(bytes.size).put(bytes).apply { flip() }.asReadOnlyBuffer()))
            assertEquals(hash, sha256Of(bytes.inputStream()))
        }
    }

    @Test
    fun `of a buffer, what lies between position and limit counts, and both stay`() {
        val buffer = ByteBuffer.wrap("xabcy".toByteArray())
        buffer.position(1).limit(4)
        assertEquals(OF_ABC, sha256Of(buffer))
        assertEquals(1 to 4, buffer.position() to buffer.limit())
    }

    @Test
    fun `a stream that comes in pieces is hashed whole`() {
        val slow = object : InputStream() {
            private val whole = abc.inputStream()

            override fun read(): Int = whole.read()

            override fun read(bytes: ByteArray, offset: Int, length: Int): Int = whole.read(bytes, offset, minOf(1, length))
        }
        assertEquals(OF_ABC, sha256Of(slow))
    }
}
