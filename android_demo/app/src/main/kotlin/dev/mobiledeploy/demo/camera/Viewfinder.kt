package dev.mobiledeploy.demo.camera

import android.content.Context
import android.graphics.SurfaceTexture
import android.hardware.camera2.CameraAccessException
import android.hardware.camera2.CameraManager
import android.os.Handler
import android.os.HandlerThread
import android.view.Surface
import android.view.TextureView
import dev.mobiledeploy.core.LatestOnly
import dev.mobiledeploy.core.reasonOf

/** What a camera that is opened tells, on its own thread; nothing after it is closed or lost. */
interface CameraListener {
    /** It gives frames. */
    fun onStreaming()

    /** It cannot be opened, was taken away or failed, for a reason in words. */
    fun onLost(reason: String)

    /** Here is a frame, to be closed by who takes it; all frames of one opening come with the same [frames]. */
    fun onFrame(frame: CameraFrame, frames: LatestOnly<CameraFrame>)
}

// It never ends: Android tells a camera's owner on it that the camera opened, also after the screen is gone.
private val handler: Handler by lazy { Handler(HandlerThread("camera").apply { start() }.looper) }

/**
 * Shows a camera in a view and gives its frames, between [open] and [close], which the main thread calls.
 *
 * @param displayDegrees How far the display is turned now; any thread may ask.
 */
class Viewfinder(context: Context, private val preview: TextureView, private val displayDegrees: () -> Int) :
    AutoCloseable {
    private val manager = context.getSystemService(CameraManager::class.java)
    private var choice: CameraChoice? = null
    private var opened: List<AutoCloseable> = emptyList()
    private var waiting: ((SurfaceTexture) -> Unit)? = null

    init {
        preview.surfaceTextureListener = Surfaces()
    }

    /** Opens a camera as soon as there is a place to show it. */
    fun open(listener: CameraListener) {
        close()
        val begin = { texture: SurfaceTexture -> begin(texture, listener) }
        val texture = preview.surfaceTexture
        if (texture == null) waiting = begin else begin(texture)
    }

    /** Draws the camera's pictures as the display and the view now are. */
    fun align() {
        choice?.let { preview.setTransform(previewTransform(preview, it, displayDegrees())) }
    }

    /** Closes the camera. */
    override fun close() {
        waiting = null
        choice = null
        opened.forEach(AutoCloseable::close)
        opened = emptyList()
    }

    private fun begin(texture: SurfaceTexture, listener: CameraListener) {
        try {
            val choice = chooseCamera(manager, minOf(preview.width, preview.height) / 2)
            if (choice == null) return listener.onLost("it gives no frames that an app can read")
            start(texture, choice, listener)
        } catch (error: CameraAccessException) {
            listener.onLost(reasonOf(error))
        } catch (error: IllegalArgumentException) {
            // A camera that was unplugged a moment ago.
            listener.onLost(reasonOf(error))
        }
    }

    private fun start(texture: SurfaceTexture, choice: CameraChoice, listener: CameraListener) {
        val frames = LatestOnly<CameraFrame>()
        val degrees = { choice.uprightDegrees(displayDegrees()) }
        val reader = FrameReader(choice.size, handler, degrees) { listener.onFrame(it, frames) }
        texture.setDefaultBufferSize(choice.size.width, choice.size.height)
        this.choice = choice
        align()
        val surface = Surface(texture)
        val camera = LiveCamera(manager, handler, listOf(surface, reader.surface), listener::onStreaming, listener::onLost)
        // The camera closes on its thread; where it writes to must outlive it.
        opened = listOf(camera, frames, later(reader::close), later(surface::release))
        camera.open(choice.id)
    }

    private fun later(close: () -> Unit) = AutoCloseable { handler.post(close) }

    private inner class Surfaces : TextureView.SurfaceTextureListener {
        override fun onSurfaceTextureAvailable(surface: SurfaceTexture, width: Int, height: Int) {
            waiting?.invoke(surface)
            waiting = null
        }

        override fun onSurfaceTextureDestroyed(surface: SurfaceTexture): Boolean {
            close()
            return true
        }

        override fun onSurfaceTextureSizeChanged(surface: SurfaceTexture, width: Int, height: Int) = align()

        override fun onSurfaceTextureUpdated(surface: SurfaceTexture) = Unit
    }
}
