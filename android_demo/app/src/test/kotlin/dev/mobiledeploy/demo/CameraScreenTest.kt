package dev.mobiledeploy.demo

import android.Manifest
import android.app.Activity
import android.content.pm.PackageManager
import android.graphics.ImageFormat
import android.graphics.SurfaceTexture
import android.hardware.camera2.CameraCharacteristics
import android.hardware.camera2.CameraManager
import android.provider.Settings
import android.util.Size
import android.view.TextureView
import android.view.View
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Test
import org.robolectric.Shadows.shadowOf
import org.robolectric.shadows.ShadowCameraCharacteristics
import org.robolectric.shadows.StreamConfigurationMapBuilder
import org.robolectric.util.ReflectionHelpers

class CameraScreenTest : ScreenTest() {
    @Test
    fun `a phone without a camera says so and leads back to photos`() {
        val screen = openCamera()
        awaitText(screen, "This phone has no camera. Use photos instead.")
        press(screen, R.id.camera_back)
        assertTrue(screen.isFinishing)
    }

    @Test
    fun `the camera is asked for when its screen is opened, not before`() {
        addCamera()
        val pictures = openPictures()
        assertEquals(null, shadowOf(pictures).lastRequestedPermission)
        val screen = openCamera()
        assertEquals(listOf(Manifest.permission.CAMERA), shadowOf(screen).lastRequestedPermission.requestedPermissions.toList())
        awaitText(screen, "asking whether the app may use the camera")
    }

    @Test
    fun `who refused can be asked again`() {
        addCamera()
        val screen = openCamera()
        shadowOf(app.packageManager).setShouldShowRequestPermissionRationale(Manifest.permission.CAMERA, true)
        answerWith(screen, PackageManager.PERMISSION_DENIED)
        awaitText(screen, "They stay on this phone and are not kept.")
        press(screen, R.id.camera_try)
        awaitText(screen, "asking whether the app may use the camera")
    }

    @Test
    fun `who refused for ever is led to the settings of this app`() {
        addCamera()
        val screen = openCamera()
        answerWith(screen, PackageManager.PERMISSION_DENIED)
        awaitText(screen, "this phone does not ask again")
        press(screen, R.id.camera_settings)
        val asked = shadowOf(screen).nextStartedActivity
        assertEquals(Settings.ACTION_APPLICATION_DETAILS_SETTINGS, asked.action)
        assertEquals("package:${app.packageName}", asked.dataString)
    }

    @Test
    fun `an allowed camera is shown until the screen is left, and opened again`() {
        addCamera()
        shadowOf(app).grantPermissions(Manifest.permission.CAMERA)
        val controller = open(CameraActivity::class.java)
        val screen = controller.get()
        val preview = screen.findViewById<TextureView>(R.id.preview)
        preview.surfaceTextureListener?.onSurfaceTextureAvailable(SurfaceTexture(0), preview.width, preview.height)
        await(screen, "the preview") { !panel(screen).isShown }
        assertFalse(preview.getTransform(null).isIdentity)
        controller.pause().stop()
        awaitText(screen, "The camera is closed.")
        controller.start().resume()
        awaitText(screen, "Opening the camera…")
    }

    private fun openCamera(): Activity = open(CameraActivity::class.java).get()

    private fun panel(screen: Activity) = screen.findViewById<View>(R.id.camera_panel)

    private fun answerWith(screen: Activity, result: Int) {
        // Android does both; else the next question would count as a second one at the same time.
        ReflectionHelpers.setField(screen, "mHasCurrentPermissionsRequest", false)
        screen.onRequestPermissionsResult(1, arrayOf(Manifest.permission.CAMERA), intArrayOf(result))
    }

    private fun addCamera() {
        shadowOf(app.packageManager).setSystemFeature(PackageManager.FEATURE_CAMERA_ANY, true)
        val told = ShadowCameraCharacteristics.newCameraCharacteristics()
        val sizes = StreamConfigurationMapBuilder.newBuilder().addOutputSize(ImageFormat.YUV_420_888, Size(640, 480)).build()
        shadowOf(told).set(CameraCharacteristics.SCALER_STREAM_CONFIGURATION_MAP, sizes)
        shadowOf(told).set(CameraCharacteristics.SENSOR_ORIENTATION, 90)
        shadowOf(told).set(CameraCharacteristics.LENS_FACING, CameraCharacteristics.LENS_FACING_BACK)
        shadowOf(app.getSystemService(CameraManager::class.java)).addCamera("0", told)
    }
}
