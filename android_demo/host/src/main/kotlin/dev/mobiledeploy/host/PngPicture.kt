package dev.mobiledeploy.host

import dev.mobiledeploy.core.Failure
import dev.mobiledeploy.core.FailureException
import dev.mobiledeploy.core.PixelSource
import java.awt.image.BufferedImage
import java.io.File
import java.io.IOException
import javax.imageio.ImageIO
import javax.imageio.stream.FileImageInputStream

/** A decoded picture of this machine. */
class PngPicture private constructor(override val width: Int, override val height: Int, private val argb: IntArray) :
    PixelSource {
    override fun readRow(y: Int, left: Int, pixels: IntArray) {
        argb.copyInto(pixels, 0, y * width + left, y * width + left + pixels.size)
    }

    companion object {
        /**
         * Decodes a PNG file in colour, which loses nothing: every decoder gives these pixels.
         *
         * @throws FailureException It is no such file.
         */
        fun read(file: File): PngPicture {
            val image = decode(file)
            // What is grey would come out with its brightness changed.
            if (!image.colorModel.colorSpace.isCS_sRGB) throw unreadable(file, "it is not in colour")
            val argb = image.getRGB(0, 0, image.width, image.height, null, 0, image.width)
            return PngPicture(image.width, image.height, argb)
        }

        private fun decode(file: File): BufferedImage {
            val reader = ImageIO.getImageReadersByFormatName("png").next()
            return try {
                FileImageInputStream(file).use { stream ->
                    reader.input = stream
                    reader.read(0)
                }
            } catch (error: IOException) {
                throw FailureException(unreadable(file, "it is missing, damaged or no PNG file").failure, error)
            } finally {
                reader.dispose()
            }
        }

        private fun unreadable(file: File, problem: String) =
            FailureException(Failure.PictureUnreadable("${file.name}: $problem"))
    }
}
