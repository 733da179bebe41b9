package dev.mobiledeploy.demo

import android.app.Activity
import android.content.Intent
import android.os.Bundle
import android.util.Log
import android.view.WindowManager
import dev.mobiledeploy.core.screen.SavedKeys
import dev.mobiledeploy.core.shell.Benchmark
import dev.mobiledeploy.core.shell.ProcessMemory
import dev.mobiledeploy.core.shell.ShellDesk
import dev.mobiledeploy.core.shell.ShellRequest
import dev.mobiledeploy.core.shell.ShowAfter
import dev.mobiledeploy.core.shell.StoredPicture
import dev.mobiledeploy.core.shell.readShellRequest
import dev.mobiledeploy.demo.model.ModelStore
import dev.mobiledeploy.demo.picture.Shelf
import java.util.concurrent.ExecutorService
import java.util.concurrent.Executors

private const val REQUEST = "request"
private const val LOG_TAG = "mobile-deploy"

/** Does what `mobile-deploy` asks over the cable and logs the answer as one line; it is seen while it works. */
class ShellActivity : Activity() {
    private val thread: ExecutorService = Executors.newSingleThreadExecutor()
    private var unanswered = 0

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.shell)
        // The system slows down what works behind a dark screen.
        window.addFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON)
        // Whoever asked a process that has ended waits no longer.
        if (savedInstanceState == null) serve(intent) else finish()
    }

    override fun onNewIntent(intent: Intent) {
        super.onNewIntent(intent)
        serve(intent)
    }

    override fun onDestroy() {
        super.onDestroy()
        thread.shutdown()
    }

    private fun serve(intent: Intent) {
        unanswered++
        val desk = desk()
        val encoded = intent.getStringExtra(REQUEST)
        thread.execute {
            val request = readShellRequest(encoded)
            val reply = desk.serve(request)
            Log.i(LOG_TAG, reply.line())
            runOnUiThread { end(request, isDone = reply.error == null) }
        }
    }

    private fun end(request: ShellRequest, isDone: Boolean) {
        if (isDone && request is ShellRequest.Load) show(request)
        if (--unanswered == 0) finishAndRemoveTask()
    }

    private fun show(load: ShellRequest.Load) {
        val model = mapOf(SavedKeys.FIRST to load.name)
        val pictures = Intent(this, MainActivity::class.java).putSaved(model)
            .addFlags(Intent.FLAG_ACTIVITY_NEW_TASK or Intent.FLAG_ACTIVITY_CLEAR_TOP or Intent.FLAG_ACTIVITY_SINGLE_TOP)
        val camera = Intent(this, CameraActivity::class.java).putSaved(model)
        when (load.show) {
            ShowAfter.NONE -> Unit
            ShowAfter.PICTURE -> startActivity(pictures)
            ShowAfter.CAMERA -> startActivities(arrayOf(pictures, camera))
        }
    }

    private fun desk(): ShellDesk {
        val store = ModelStore(this)
        val shelf = Shelf(this, store)
        return ShellDesk(
            factory = runners,
            store = store.brought,
            files = store::files,
            picture = { source -> shelf.picture(source).let { StoredPicture(it.pixels, it.turn) } },
            benchmark = Benchmark(ProcessMemory()),
        )
    }
}
