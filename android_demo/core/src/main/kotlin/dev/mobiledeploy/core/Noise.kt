package dev.mobiledeploy.core

import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.Random

private const val BYTE_VALUES = 256
private const val LARGEST_BYTE = 255f
private const val SEED = 0L

/** Gives the size in bytes of a tensor of this kind. */
val TensorInfo.sizeBytes: Int
    get() = shape.fold(type.bytes.toLong()) { size, side -> Math.multiplyExact(size, side.toLong()) }.let(Math::toIntExact)

/** Makes room for a tensor: direct, little endian. */
fun TensorInfo.allocate(): ByteBuffer = ByteBuffer.allocateDirect(sizeBytes).order(ByteOrder.LITTLE_ENDIAN)

/** Fills a tensor with noise, the same at each call: any byte, or for float32 0 to 1, which overflows no sound network. */
fun TensorInfo.noise(): ByteBuffer {
    val random = Random(SEED)
    val tensor = allocate()
    while (tensor.hasRemaining()) {
        val value = random.nextInt(BYTE_VALUES)
        if (type == TensorType.FLOAT32) tensor.putFloat(value / LARGEST_BYTE) else tensor.put(value.toByte())
    }
    return tensor.apply { openWhole() }
}
