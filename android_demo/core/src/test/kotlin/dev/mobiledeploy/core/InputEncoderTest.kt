package dev.mobiledeploy.core

import java.nio.ByteBuffer
import java.nio.ByteOrder
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith

class InputEncoderTest {
    private val pixel = Picture(1, 1, byteArrayOf(0, 127, -1))

    private fun contract(type: TensorType, low: Double = -1.0, high: Double = 1.0) =
        InputContract(side = 1, type, low, high, Fit.Stretch, quantization = null)

    private fun encoded(contract: InputContract): ByteBuffer {
        val buffer = ByteBuffer.allocate(3 * contract.type.bytes).order(ByteOrder.LITTLE_ENDIAN)
        InputEncoder(contract).encode(pixel, buffer)
        return buffer
    }

    @Test
    fun `uint8 holds the pixel values, int8 those less 128`() {
        assertEquals(listOf<Byte>(0, 127, -1), encoded(contract(TensorType.UINT8)).array().toList())
        assertEquals(listOf<Byte>(-128, -1, 127), encoded(contract(TensorType.INT8)).array().toList())
    }

    @Test
    fun `float32 holds the real values in single precision`() {
        val reals = encoded(contract(TensorType.FLOAT32)).asFloatBuffer()
        assertEquals(listOf(-1f, 127f * (2.0 / 255).toFloat() - 1f, 1f), List(3) { reals[it] })
        val raw = encoded(contract(TensorType.FLOAT32, low = 0.0, high = 255.0)).asFloatBuffer()
        assertEquals(listOf(0f, 127f, 255f), List(3) { raw[it] })
    }

    @Test
    fun `position, limit and byte order of the buffer neither matter nor change`() {
        val buffer = ByteBuffer.allocate(12).order(ByteOrder.BIG_ENDIAN)
        buffer.position(3).limit(7)
        InputEncoder(contract(TensorType.FLOAT32)).encode(pixel, buffer)
        assertEquals(Triple(3, 7, ByteOrder.BIG_ENDIAN), Triple(buffer.position(), buffer.limit(), buffer.order()))
        buffer.clear()
        assertEquals(1f, buffer.order(ByteOrder.LITTLE_ENDIAN).getFloat(8))
    }

    @Test
    fun `a square or a buffer of another size is refused`() {
        val encoder = InputEncoder(contract(TensorType.UINT8))
        assertFailsWith<IllegalArgumentException> { encoder.encode(Picture(1, 2, ByteArray(6)), ByteBuffer.allocate(3)) }
        assertFailsWith<IllegalArgumentException> { encoder.encode(pixel, ByteBuffer.allocate(4)) }
    }
}
