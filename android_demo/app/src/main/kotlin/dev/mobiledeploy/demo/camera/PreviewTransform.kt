package dev.mobiledeploy.demo.camera

import android.graphics.Matrix
import android.view.TextureView

private const val HALF_TURN_DEGREES = 180

/**
 * Says how a view must draw a camera's pictures so that all of them is seen, upright and in their own shape.
 *
 * Android fills the view with the picture as it stands on a phone that is held upright, whatever its shape.
 *
 * @param displayDegrees How far the display is turned.
 */
fun previewTransform(view: TextureView, choice: CameraChoice, displayDegrees: Int): Matrix {
    val isSideways = choice.sensorDegrees % HALF_TURN_DEGREES != 0
    val width = (if (isSideways) choice.size.height else choice.size.width).toFloat()
    val height = (if (isSideways) choice.size.width else choice.size.height).toFloat()
    val isTurned = displayDegrees % HALF_TURN_DEGREES != 0
    val scale = minOf(
        view.width / (if (isTurned) height else width),
        view.height / (if (isTurned) width else height),
    )
    val middleX = view.width / 2f
    val middleY = view.height / 2f
    return Matrix().apply {
        setScale(scale * width / view.width, scale * height / view.height, middleX, middleY)
        postRotate(-displayDegrees.toFloat(), middleX, middleY)
    }
}
