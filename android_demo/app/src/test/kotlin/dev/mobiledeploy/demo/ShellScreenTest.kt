package dev.mobiledeploy.demo

import android.content.Intent
import dev.mobiledeploy.core.sha256Of
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.double
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.robolectric.Shadows.shadowOf
import org.robolectric.shadows.ShadowLog
import java.io.File
import java.util.Base64

class ShellScreenTest : ScreenTest() {
    private var after: List<Intent> = emptyList()

    @Test
    fun `every sample makes the tensor that Python makes, and the answer is Python's`() {
        for (expected in Given.answers) {
            val reply = ask(
                """{"token":"ab","kind":"answer","model":"${expected.model}","sha256":"${expected.sha256}",
                "picture":"${expected.picture}","threads":1,"delegate":"cpu"}""",
            )
            assertEquals("null", reply.text("error"))
            assertEquals("ab" to expected.inputSha256, reply.text("token") to reply.text("input_sha256"))
            val best = reply.getValue("guesses").jsonArray.first().jsonObject
            assertEquals("${expected.index}" to expected.label, best.text("index") to best.text("label"))
            assertEquals(expected.score, best.getValue("score").jsonPrimitive.double, expected.allowed)
        }
    }

    @Test
    fun `a model that is not the one asked about is not asked`() {
        val model = Given.models.first()
        val reply = ask(
            """{"token":"ab","kind":"answer","model":"$model","sha256":"${"0".repeat(64)}",
            "picture":"${Given.answers.first().picture}","threads":1,"delegate":"cpu"}""",
        )
        assertTrue(reply.text("error"), "$model.tflite was changed or damaged" in reply.text("error"))
    }

    @Test
    fun `a bundle that is brought is shown with the camera`() {
        val name = Given.models[1]
        File(models, name).deleteRecursively()
        val reply = ask(loadRequest(name, File(Given.bundles, name).listFiles().orEmpty().toList()))
        assertEquals("null" to name, reply.text("error") to reply.text("loaded"))
        assertEquals(Given.answer(name, 0).sha256, File(models, "$name/$name.tflite").inputStream().use(::sha256Of))
        // Robolectric tells them in the order in which a person comes to them.
        assertEquals(listOf("CameraActivity", "MainActivity"), after.map { it.component?.shortClassName?.drop(1) })
    }

    @Test
    fun `a bundle that lacks a file is not brought`() {
        val name = Given.models[1]
        File(models, name).deleteRecursively()
        val reply = ask(loadRequest(name, listOf(File(Given.bundles, "$name/model.json"))))
        assertTrue(reply.text("error"), "has no labels.txt" in reply.text("error"))
        assertTrue(!File(models, name).exists() && after.isEmpty())
    }

    @Test
    fun `nonsense is answered with a sentence`() {
        for (nonsense in listOf("nonsense", "{}", "[1]", """{"token":"ab","kind":"dance"}""")) {
            val told = ask(nonsense).text("error")
            assertTrue(told, told.startsWith("the request cannot be used: "))
        }
    }

    @Test
    fun `a request that is none is answered with a sentence`() {
        for (none in listOf("not base64 !", null)) {
            assertEquals("the request is no JSON in base64url", askEncoded(none).text("error"))
        }
    }

    private fun loadRequest(name: String, files: List<File>): String {
        val folder = File(app.cacheDir, "brought").apply { mkdirs() }
        val hashes = files.associate { file -> file.name to file.inputStream().use(::sha256Of) }
        files.forEach { it.copyTo(File(folder, hashes.getValue(it.name))) }
        val told = hashes.entries.joinToString { "\"${it.key}\":\"${it.value}\"" }
        return """{"token":"cd","kind":"load","folder":"$folder","name":"$name","files":{$told},"show":"camera"}"""
    }

    private fun ask(json: String) = askEncoded(Base64.getUrlEncoder().withoutPadding().encodeToString(json.toByteArray()))

    private fun askEncoded(request: String?): JsonObject {
        val screen = open(ShellActivity::class.java, Intent().putExtra("request", request)).get()
        assertTrue("Leave the phone as it is." in texts(screen.window.decorView).joinToString())
        await(screen, "the end") { screen.isFinishing }
        after = generateSequence { shadowOf(screen).nextStartedActivity }.toList()
        return Json.parseToJsonElement(ShadowLog.getLogsForTag("mobile-deploy").last().msg).jsonObject
    }

    private fun JsonObject.text(key: String): String = getValue(key).jsonPrimitive.content
}
