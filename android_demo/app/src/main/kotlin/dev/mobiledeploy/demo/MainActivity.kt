package dev.mobiledeploy.demo

import android.app.Activity
import android.content.ActivityNotFoundException
import android.content.Intent
import android.net.Uri
import android.os.Build
import android.os.Bundle
import android.os.Handler
import android.os.Looper
import android.provider.MediaStore
import android.view.View
import android.widget.Toast
import dev.mobiledeploy.core.screen.Next
import dev.mobiledeploy.core.screen.PictureEffect
import dev.mobiledeploy.core.screen.PictureEvent
import dev.mobiledeploy.core.screen.PictureScreen
import dev.mobiledeploy.core.screen.SavedKeys
import dev.mobiledeploy.core.screen.beginPictureScreen
import dev.mobiledeploy.core.screen.on
import dev.mobiledeploy.core.screen.saved
import dev.mobiledeploy.demo.view.PictureView
import dev.mobiledeploy.demo.view.SampleStrip

/** The screen of still pictures: it shows what core decides and carries out what core wants. */
class MainActivity : Activity() {
    private lateinit var view: PictureView
    private lateinit var work: PictureWork
    private lateinit var screen: PictureScreen

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.main)
        val main = Handler(Looper.getMainLooper())
        work = PictureWork(this, { main.post(it) }, ::tell)
        view = PictureView(findViewById(R.id.root), ::tell) { startActivity(AboutActivity.intent(this, it)) }
        findViewById<View>(R.id.pick_photo).setOnClickListener { pickPhoto() }
        findViewById<View>(R.id.open_camera).setOnClickListener { openCamera() }
        val samples = SampleStrip(findViewById(R.id.samples)) { tell(PictureEvent.PicturePicked(it)) }
        work.findSamples(samples::show)
        go(beginPictureScreen(savedInstanceState?.saved() ?: intent.saved(), usualSettings()))
        if (savedInstanceState == null) takeShared(intent)
    }

    override fun onNewIntent(intent: Intent) {
        super.onNewIntent(intent)
        intent.saved()[SavedKeys.FIRST]?.let { tell(PictureEvent.ModelArrived(it)) }
        takeShared(intent)
    }

    override fun onStart() {
        super.onStart()
        tell(PictureEvent.Started)
    }

    override fun onStop() {
        super.onStop()
        tell(PictureEvent.Stopped)
    }

    override fun onSaveInstanceState(outState: Bundle) {
        super.onSaveInstanceState(outState)
        outState.putSaved(screen.saved())
    }

    override fun onDestroy() {
        super.onDestroy()
        work.close()
    }

    override fun onActivityResult(requestCode: Int, resultCode: Int, data: Intent?) {
        super.onActivityResult(requestCode, resultCode, data)
        val picked = data?.data.takeIf { requestCode == PICK && resultCode == RESULT_OK } ?: return
        tell(PictureEvent.PicturePicked(picked.toString()))
    }

    private fun tell(event: PictureEvent) = go(screen.on(event))

    private fun go(next: Next<PictureScreen, PictureEffect>) {
        screen = next.state
        view.show(screen, work.preview)
        next.effects.forEach(work::perform)
    }

    private fun takeShared(intent: Intent) {
        if (intent.action != Intent.ACTION_SEND) return
        // The call that names the class came with Android 13.
        @Suppress("DEPRECATION")
        val shared = intent.getParcelableExtra<Uri>(Intent.EXTRA_STREAM)
        shared?.let { tell(PictureEvent.PicturePicked(it.toString())) }
    }

    private fun openCamera() = startActivity(Intent(this, CameraActivity::class.java).putSaved(screen.saved()))

    private fun pickPhoto() {
        if (pickers().none(::canPickWith)) Toast.makeText(this, R.string.no_picker, Toast.LENGTH_LONG).show()
    }

    private fun canPickWith(picker: Intent): Boolean = try {
        startActivityForResult(picker, PICK)
        true
    } catch (_: ActivityNotFoundException) {
        false
    }

    /** The ways to pick a photo without a permission, the best first. */
    private fun pickers(): List<Intent> {
        val document = Intent(Intent.ACTION_OPEN_DOCUMENT).addCategory(Intent.CATEGORY_OPENABLE).setType(PICTURES)
        if (Build.VERSION.SDK_INT < Build.VERSION_CODES.TIRAMISU) return listOf(document)
        return listOf(Intent(MediaStore.ACTION_PICK_IMAGES).setType(PICTURES), document)
    }

    private companion object {
        const val PICK = 1
        const val PICTURES = "image/*"
    }
}
