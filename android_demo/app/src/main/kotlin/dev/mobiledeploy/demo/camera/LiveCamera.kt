package dev.mobiledeploy.demo.camera

import android.hardware.camera2.CameraAccessException
import android.hardware.camera2.CameraCaptureSession
import android.hardware.camera2.CameraDevice
import android.hardware.camera2.CameraManager
import android.hardware.camera2.CaptureRequest
import android.os.Handler
import android.view.Surface
import dev.mobiledeploy.core.reasonOf

/**
 * One opening of a camera. All that it does happens on the thread of [handler].
 *
 * @param targets Where its frames go.
 * @param onStreaming The camera gives frames.
 * @param onLost It cannot be opened, was taken away or failed, for a reason in words; nothing is told after that.
 */
class LiveCamera(
    private val manager: CameraManager,
    private val handler: Handler,
    private val targets: List<Surface>,
    private val onStreaming: () -> Unit,
    private val onLost: (String) -> Unit,
) : AutoCloseable {
    private var device: CameraDevice? = null
    private var isClosed = false

    /** Begins to open the camera [id]; the person has allowed it. */
    fun open(id: String) = onThread {
        try {
            manager.openCamera(id, Opening(), handler)
        } catch (error: SecurityException) {
            lose("the permission was taken back")
        }
    }

    /** Closes the camera; nothing is told any more. */
    override fun close() {
        handler.post {
            isClosed = true
            device?.close()
            device = null
        }
    }

    private fun onThread(work: () -> Unit) {
        handler.post { if (!isClosed) attempt(work) }
    }

    private fun attempt(work: () -> Unit) = try {
        work()
    } catch (error: CameraAccessException) {
        lose(reasonOf(error))
    } catch (error: IllegalArgumentException) {
        lose(reasonOf(error))
    } catch (error: IllegalStateException) {
        lose(reasonOf(error))
    }

    private fun lose(reason: String) {
        if (isClosed) return
        isClosed = true
        device?.close()
        device = null
        onLost(reason)
    }

    // SessionConfiguration, which replaces this call, came with Android 9.
    @Suppress("DEPRECATION")
    private fun startSession(opened: CameraDevice) = opened.createCaptureSession(targets, Streaming(opened), handler)

    private fun startFrames(opened: CameraDevice, session: CameraCaptureSession) {
        val request = opened.createCaptureRequest(CameraDevice.TEMPLATE_PREVIEW)
        targets.forEach(request::addTarget)
        request[CaptureRequest.CONTROL_AF_MODE] = CaptureRequest.CONTROL_AF_MODE_CONTINUOUS_PICTURE
        session.setRepeatingRequest(request.build(), null, handler)
        onStreaming()
    }

    private inner class Opening : CameraDevice.StateCallback() {
        override fun onOpened(camera: CameraDevice) {
            if (isClosed) return camera.close()
            device = camera
            attempt { startSession(camera) }
        }

        override fun onDisconnected(camera: CameraDevice) {
            camera.close()
            lose("another app took it, or it was unplugged")
        }

        override fun onError(camera: CameraDevice, error: Int) {
            camera.close()
            lose(wordsFor(error))
        }
    }

    private inner class Streaming(private val opened: CameraDevice) : CameraCaptureSession.StateCallback() {
        override fun onConfigured(session: CameraCaptureSession) {
            if (!isClosed) attempt { startFrames(opened, session) }
        }

        override fun onConfigureFailed(session: CameraCaptureSession) = lose("it does not give frames of this size")
    }
}

private fun wordsFor(error: Int): String = when (error) {
    CameraDevice.StateCallback.ERROR_CAMERA_IN_USE -> "another app uses it"
    CameraDevice.StateCallback.ERROR_MAX_CAMERAS_IN_USE -> "other apps use all cameras"
    CameraDevice.StateCallback.ERROR_CAMERA_DISABLED -> "the phone's owner switched cameras off"
    CameraDevice.StateCallback.ERROR_CAMERA_DEVICE -> "the camera has a fault; restart the phone"
    CameraDevice.StateCallback.ERROR_CAMERA_SERVICE -> "the phone's camera service has a fault; restart the phone"
    else -> "the camera gives error $error"
}
