package dev.mobiledeploy.demo.camera

import android.graphics.ImageFormat
import android.hardware.camera2.CameraCharacteristics
import android.hardware.camera2.CameraManager
import android.util.Size

private const val FULL_TURN_DEGREES = 360

/**
 * Which camera is used, and how.
 *
 * @property size Of its frames and its preview, in the sensor's own orientation, in pixels.
 * @property sensorDegrees How far a frame must be turned clockwise to stand upright while the phone does.
 * @property isFront Whether it looks at the person.
 */
data class CameraChoice(val id: String, val size: Size, val sensorDegrees: Int, val isFront: Boolean) {
    /** How far a frame must be turned clockwise to stand upright on a display that is turned by [displayDegrees]. */
    fun uprightDegrees(displayDegrees: Int): Int {
        val turn = if (isFront) sensorDegrees + displayDegrees else sensorDegrees - displayDegrees
        return Math.floorMod(turn, FULL_TURN_DEGREES)
    }
}

/**
 * Chooses the camera at the back if there is one.
 *
 * @param leastPixels What the shorter side of a frame should have at least, where the camera offers it.
 * @return null when there is no camera that gives frames.
 * @throws android.hardware.camera2.CameraAccessException The phone does not tell.
 */
fun chooseCamera(manager: CameraManager, leastPixels: Int): CameraChoice? =
    manager.cameraIdList.mapNotNull { describe(manager, it, leastPixels) }.minByOrNull { it.isFront }

private fun describe(manager: CameraManager, id: String, leastPixels: Int): CameraChoice? {
    val told = manager.getCameraCharacteristics(id)
    val sizes = told[CameraCharacteristics.SCALER_STREAM_CONFIGURATION_MAP]?.getOutputSizes(ImageFormat.YUV_420_888)
    val size = chooseSize(sizes.orEmpty().asList(), leastPixels) ?: return null
    val isFront = told[CameraCharacteristics.LENS_FACING] == CameraCharacteristics.LENS_FACING_FRONT
    return CameraChoice(id, size, told[CameraCharacteristics.SENSOR_ORIENTATION] ?: 0, isFront)
}

/** The smallest that is large enough; the largest where none is. */
private fun chooseSize(sizes: List<Size>, leastPixels: Int): Size? =
    sizes.filter { minOf(it.width, it.height) >= leastPixels }.minByOrNull(::pixels) ?: sizes.maxByOrNull(::pixels)

private fun pixels(size: Size): Long = size.width.toLong() * size.height
