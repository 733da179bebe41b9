package dev.mobiledeploy.demo

import android.Manifest
import android.app.Activity
import android.content.Intent
import android.content.pm.PackageManager
import android.net.Uri
import android.os.Bundle
import android.os.Handler
import android.os.Looper
import android.provider.Settings
import android.view.View
import android.view.WindowManager
import dev.mobiledeploy.core.LatestOnly
import dev.mobiledeploy.core.Poster
import dev.mobiledeploy.core.screen.CameraAccess
import dev.mobiledeploy.core.screen.CameraEffect
import dev.mobiledeploy.core.screen.CameraEvent
import dev.mobiledeploy.core.screen.CameraScreen
import dev.mobiledeploy.core.screen.ModelState
import dev.mobiledeploy.core.screen.SavedKeys
import dev.mobiledeploy.core.screen.beginCameraScreen
import dev.mobiledeploy.core.screen.on
import dev.mobiledeploy.core.screen.saved
import dev.mobiledeploy.demo.camera.CameraFrame
import dev.mobiledeploy.demo.camera.CameraListener
import dev.mobiledeploy.demo.camera.CameraWork
import dev.mobiledeploy.demo.camera.DisplayTurn
import dev.mobiledeploy.demo.camera.Viewfinder
import dev.mobiledeploy.demo.view.CameraView

/** The screen of the live camera: it shows what core decides and carries out what core wants. */
class CameraActivity : Activity() {
    private val main = Handler(Looper.getMainLooper())
    private val poster = Poster { main.post(it) }

    private lateinit var view: CameraView
    private lateinit var turn: DisplayTurn
    private lateinit var work: CameraWork
    private lateinit var viewfinder: Viewfinder
    private lateinit var screen: CameraScreen

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.camera)
        window.addFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON)
        turn = DisplayTurn(this, main) { viewfinder.align() }
        work = CameraWork(this, poster, ::tell)
        viewfinder = Viewfinder(this, findViewById(R.id.preview), turn::degrees)
        view = CameraView(findViewById(R.id.root), ::tell) { startActivity(AboutActivity.intent(this, it)) }
        findViewById<View>(R.id.camera_back).setOnClickListener { finish() }
        screen = beginCameraScreen(savedInstanceState?.saved() ?: intent.saved(), usualSettings())
        view.show(screen)
    }

    override fun onNewIntent(intent: Intent) {
        super.onNewIntent(intent)
        intent.saved()[SavedKeys.FIRST]?.let { tell(CameraEvent.ModelArrived(it)) }
    }

    override fun onStart() {
        super.onStart()
        turn.start()
        tell(CameraEvent.Started(readAccess()))
    }

    override fun onStop() {
        super.onStop()
        turn.stop()
        tell(CameraEvent.Stopped)
    }

    override fun onSaveInstanceState(outState: Bundle) {
        super.onSaveInstanceState(outState)
        outState.putSaved(screen.saved())
    }

    override fun onDestroy() {
        super.onDestroy()
        viewfinder.close()
        work.close()
    }

    override fun onRequestPermissionsResult(requestCode: Int, permissions: Array<String>, grantResults: IntArray) {
        super.onRequestPermissionsResult(requestCode, permissions, grantResults)
        val result = grantResults.firstOrNull() ?: return tell(CameraEvent.QuestionInterrupted)
        val mayAskAgain = shouldShowRequestPermissionRationale(Manifest.permission.CAMERA)
        tell(CameraEvent.PermissionAnswered(result == PackageManager.PERMISSION_GRANTED, mayAskAgain))
    }

    private fun tell(event: CameraEvent) {
        val next = screen.on(event)
        screen = next.state
        work.looking = (screen.slot?.model as? ModelState.Ready)?.request
        view.show(screen)
        next.effects.forEach(::perform)
    }

    private fun perform(effect: CameraEffect) = when (effect) {
        is CameraEffect.ListModels -> work.listModels()
        is CameraEffect.OpenModel -> work.open(effect)
        is CameraEffect.CloseModel -> work.closeModel()
        is CameraEffect.AskPermission -> requestPermissions(arrayOf(Manifest.permission.CAMERA), ASK)
        is CameraEffect.OpenSettings -> startActivity(settingsOfThisApp())
        is CameraEffect.OpenCamera -> viewfinder.open(Opening(effect.request))
        is CameraEffect.CloseCamera -> viewfinder.close()
        is CameraEffect.Announce -> view.announce(effect.label)
    }

    private fun settingsOfThisApp() =
        Intent(Settings.ACTION_APPLICATION_DETAILS_SETTINGS, Uri.fromParts("package", packageName, null))

    private fun readAccess() = CameraAccess(
        hasCamera = packageManager.hasSystemFeature(PackageManager.FEATURE_CAMERA_ANY),
        isGranted = checkSelfPermission(Manifest.permission.CAMERA) == PackageManager.PERMISSION_GRANTED,
        showsRationale = shouldShowRequestPermissionRationale(Manifest.permission.CAMERA),
    )

    /** Brings what the camera tells in one opening, which [request] asked for, to the main thread. */
    private inner class Opening(private val request: Int) : CameraListener {
        override fun onStreaming() = poster.post { tell(CameraEvent.CameraOpened(request)) }

        override fun onLost(reason: String) = poster.post { tell(CameraEvent.CameraLost(request, reason)) }

        override fun onFrame(frame: CameraFrame, frames: LatestOnly<CameraFrame>) = work.look(frame, frames)
    }

    private companion object {
        const val ASK = 1
    }
}
