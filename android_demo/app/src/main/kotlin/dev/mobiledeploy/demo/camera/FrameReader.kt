package dev.mobiledeploy.demo.camera

import android.graphics.ImageFormat
import android.media.Image
import android.media.ImageReader
import android.os.Handler
import android.util.Size
import android.view.Surface
import dev.mobiledeploy.core.PixelSource
import dev.mobiledeploy.core.YuvFrame
import dev.mobiledeploy.core.YuvPlane

/** A frame of the camera, valid until it is closed; [degrees] clockwise make it upright. */
class CameraFrame(private val image: Image, val degrees: Int, private val giveBack: (Image) -> Unit) : AutoCloseable {
    /** Its pixels; not to be read after [close]. */
    fun pixels(): PixelSource {
        val (y, u, v) = image.planes.map { YuvPlane(it.buffer, it.rowStride, it.pixelStride) }
        return YuvFrame(image.width, image.height, y, u, v)
    }

    override fun close() = giveBack(image)
}

/**
 * Takes the newest frames from a camera.
 *
 * @param degrees How far a frame must now be turned clockwise to stand upright.
 * @param onFrame Takes over each frame, on the thread of [handler].
 */
class FrameReader(size: Size, handler: Handler, private val degrees: () -> Int, private val onFrame: (CameraFrame) -> Unit) :
    AutoCloseable {
    private val reader = ImageReader.newInstance(size.width, size.height, ImageFormat.YUV_420_888, MOST_HELD)
    private var lent = 0
    private var isClosed = false

    /** Where the camera writes to. */
    val surface: Surface get() = reader.surface

    init {
        reader.setOnImageAvailableListener({ take()?.let(onFrame) }, handler)
    }

    @Synchronized
    private fun take(): CameraFrame? {
        if (isClosed) return null
        val image = reader.acquireLatestImage() ?: return null
        lent++
        return CameraFrame(image, degrees(), ::giveBack)
    }

    @Synchronized
    private fun giveBack(image: Image) {
        image.close()
        lent--
        closeWhenDone()
    }

    /** Takes no more frames. Those that are still being looked at stay valid until they are closed. */
    @Synchronized
    override fun close() {
        isClosed = true
        closeWhenDone()
    }

    // Closing the reader frees the memory of its frames, and reading that would end the process.
    private fun closeWhenDone() {
        if (isClosed && lent == 0) reader.close()
    }

    private companion object {
        /** One is being looked at, one waits, and taking the newest needs two more. */
        const val MOST_HELD = 4
    }
}
