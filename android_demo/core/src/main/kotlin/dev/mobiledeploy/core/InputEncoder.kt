package dev.mobiledeploy.core

import java.nio.ByteBuffer
import java.nio.ByteOrder

private const val BYTE_VALUES = 256

/**
 * Turns the network's square into what the input tensor holds.
 *
 * Float arithmetic is that of the Python side: `p * scale + low` in single precision, with a rounding after each step.
 * It belongs to one thread and keeps its memory for the next picture.
 */
class InputEncoder(private val contract: InputContract) {
    private val length = CHANNELS * contract.side * contract.side
    private val realOf = realValues(contract)
    private val reals = FloatArray(if (contract.type == TensorType.FLOAT32) length else 0)
    private val shifted = ByteArray(if (contract.type == TensorType.INT8) length else 0)

    /** Size of the input tensor in bytes. */
    val sizeBytes: Int = length * contract.type.bytes

    /**
     * Encodes one picture.
     *
     * @param square Of the contract's side.
     * @param into Gets [sizeBytes] bytes, little endian, from 0 to its capacity; its position, limit and order stay.
     */
    fun encode(square: Picture, into: ByteBuffer) {
        require(square.width == contract.side && square.height == contract.side) {
            "${square.width} x ${square.height} pixels are not ${contract.side} x ${contract.side}"
        }
        require(into.capacity() == sizeBytes) { "the tensor takes $sizeBytes bytes, the buffer ${into.capacity()}" }
        val whole = into.duplicate().order(ByteOrder.LITTLE_ENDIAN)
        whole.openWhole()
        when (contract.type) {
            TensorType.UINT8 -> whole.put(square.rgb)
            TensorType.INT8 -> whole.put(shift(square.rgb))
            TensorType.FLOAT32 -> whole.asFloatBuffer().put(realise(square.rgb))
        }
    }

    /** Takes 128 from each pixel value, which in one byte is to turn its highest bit. */
    private fun shift(rgb: ByteArray): ByteArray {
        for (i in rgb.indices) shifted[i] = (rgb[i].toInt() xor Byte.MIN_VALUE.toInt()).toByte()
        return shifted
    }

    private fun realise(rgb: ByteArray): FloatArray {
        for (i in rgb.indices) reals[i] = realOf[rgb[i].unsigned()]
        return reals
    }
}

private fun realValues(contract: InputContract): FloatArray {
    val scale = ((contract.high - contract.low) / (BYTE_VALUES - 1)).toFloat()
    val low = contract.low.toFloat()
    return FloatArray(BYTE_VALUES) { it.toFloat() * scale + low }
}
