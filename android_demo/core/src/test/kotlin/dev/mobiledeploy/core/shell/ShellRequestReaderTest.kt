package dev.mobiledeploy.core.shell

import dev.mobiledeploy.core.Delegate
import dev.mobiledeploy.core.RunSettings
import org.junit.jupiter.api.Test
import java.util.Base64
import kotlin.test.assertEquals
import kotlin.test.assertIs
import kotlin.test.assertTrue

private const val TOKEN = "0123456789abcdef0123456789abcdef"
private val HASH = "5a".repeat(32)
private const val TIMES = """"runs": 50, "seconds": 1.0, "warmup_seconds": 0.5"""
private const val RUN = """"threads": 4, "delegate": "gpu""""

internal fun encoded(json: String): String = Base64.getUrlEncoder().withoutPadding().encodeToString(json.toByteArray())

class ShellRequestReaderTest {
    private val benchmark = """{"token": "$TOKEN", "kind": "latency", "model": "/data/local/tmp/m/model-0.tflite",
        "sha256": "$HASH", $RUN, $TIMES}"""
    private val answer = """{"token": "$TOKEN", "kind": "answer", "model": "small-int8", "sha256": "$HASH",
        "picture": "samples/boat.png", $RUN}"""
    private val load = """{"token": "$TOKEN", "kind": "load", "folder": "/data/local/tmp/m", "name": "small-int8",
        "files": {"model.json": "$HASH"}, "show": "camera"}"""

    private fun read(json: String) = readShellRequest(encoded(json))
    private fun problem(json: String) = assertIs<ShellRequest.Unusable>(read(json)).also { assertEquals(TOKEN, it.token) }.problem

    @Test
    fun `each kind is read`() {
        val settings = RunSettings(4, Delegate.GPU)
        assertEquals(
            ShellRequest.Benchmark(TOKEN, BenchmarkKind.LATENCY, "/data/local/tmp/m/model-0.tflite", HASH, settings, 50, 1.0, 0.5),
            read(benchmark),
        )
        assertEquals(ShellRequest.Answer(TOKEN, "small-int8", HASH, "samples/boat.png", settings), read(answer))
        assertEquals(
            ShellRequest.Load(TOKEN, "/data/local/tmp/m", "small-int8", mapOf("model.json" to HASH), ShowAfter.CAMERA),
            read(load),
        )
        for (kind in listOf("trial", "memory")) {
            assertEquals(kind, assertIs<ShellRequest.Benchmark>(read(benchmark.replace("latency", kind))).kind.word)
        }
    }

    @Test
    fun `what is no request says so without a token`() {
        val deep = "{\"a\":".repeat(20_000)
        val texts = listOf(null, "", "???", "A".repeat(200_001)) + listOf("[]", "{", "null", deep).map(::encoded)
        for (text in texts) assertEquals("", assertIs<ShellRequest.Unusable>(readShellRequest(text)).token)
    }

    @Test
    fun `a token that is none is not repeated`() {
        assertEquals("", assertIs<ShellRequest.Unusable>(read(benchmark.replace(TOKEN, "<b>"))).token)
    }

    @Test
    fun `each wrong field is named`() {
        val changes = listOf(
            Triple(benchmark, "\"latency\"", "\"guess\"") to "kind",
            Triple(benchmark, "/data/local", "data/local") to "model",
            Triple(benchmark, HASH, HASH.drop(1)) to "sha256",
            Triple(benchmark, "\"threads\": 4", "\"threads\": 0") to "threads",
            Triple(benchmark, "\"threads\": 4", "\"threads\": true") to "threads",
            Triple(benchmark, "gpu", "npu") to "delegate",
            Triple(benchmark, "\"runs\": 50", "\"runs\": 0") to "runs",
            Triple(benchmark, "\"runs\": 50", "\"runs\": 1e3") to "runs",
            Triple(benchmark, "\"seconds\": 1.0", "\"seconds\": -1") to "seconds",
            Triple(benchmark, "\"seconds\": 1.0", "\"seconds\": 86401") to "seconds",
            Triple(benchmark, ", \"warmup_seconds\": 0.5", "") to "warmup_seconds",
            Triple(answer, "samples/", "../") to "picture",
            Triple(answer, "small-int8", "..") to "model",
            Triple(load, "small-int8", "a/b") to "name",
            Triple(load, "\"$HASH\"", "7") to "files.model.json",
            Triple(load, "{\"model.json\": \"$HASH\"}", "{}") to "files",
            Triple(load, "camera", "all") to "show",
        )
        for ((change, field) in changes) {
            val (json, from, to) = change
            val told = problem(json.replace(from, to))
            assertTrue(field in told && told.startsWith("the request cannot be used: "), "$to: $told")
        }
    }

    @Test
    fun `an unknown kind is told without what a terminal would obey`() {
        assertEquals(
            "the request cannot be used: this app knows no kind \uFFFD[2J",
            problem(benchmark.replace("latency", "\\u001b[2J")),
        )
    }
}
