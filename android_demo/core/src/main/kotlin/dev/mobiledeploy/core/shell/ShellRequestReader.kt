package dev.mobiledeploy.core.shell

import dev.mobiledeploy.core.BadJsonException
import dev.mobiledeploy.core.Delegate
import dev.mobiledeploy.core.JsonFields
import dev.mobiledeploy.core.RunSettings
import dev.mobiledeploy.core.isFileName
import dev.mobiledeploy.core.printable
import dev.mobiledeploy.core.readJsonObject
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.jsonObject
import java.util.Base64

private const val LONGEST = 200_000
private const val LONGEST_TOLD = 40
private const val MOST_FILES = 20
private const val MOST_THREADS = 64L
private const val MOST_RUNS = 1_000_000L
private const val MOST_SECONDS = 86_400.0
private val TOKEN = Regex("[0-9a-f]{1,64}")
private val SHA256 = Regex("[0-9a-f]{64}")
private val SAMPLE = Regex("samples/[^/]+")

/** Reads a request: a JSON object in base64url. Whatever is wrong with it becomes [ShellRequest.Unusable]. */
fun readShellRequest(encoded: String?): ShellRequest {
    val text = decode(encoded) ?: return ShellRequest.Unusable("", "the request is no JSON in base64url")
    var token = ""
    return try {
        val fields = readJsonObject(text)
        token = matching(fields, "token", TOKEN)
        readRequest(token, fields, text)
    } catch (error: BadJsonException) {
        ShellRequest.Unusable(token, "the request cannot be used: ${error.message}")
    }
}

private fun decode(encoded: String?): String? {
    if (encoded.isNullOrEmpty() || encoded.length > LONGEST) return null
    return try {
        String(Base64.getUrlDecoder().decode(encoded), Charsets.UTF_8)
    } catch (_: IllegalArgumentException) {
        null
    }
}

private fun readRequest(token: String, fields: JsonFields, text: String): ShellRequest {
    val benchmark = BenchmarkKind.entries.find { it.word == fields.text("kind") }
    return when {
        benchmark != null -> readBenchmark(token, benchmark, fields)
        fields.text("kind") == "answer" -> readAnswer(token, fields)
        fields.text("kind") == "load" -> readLoad(token, fields, text)
        else -> throw BadJsonException("this app knows no kind ${printable(fields.text("kind").take(LONGEST_TOLD))}")
    }
}

private fun readBenchmark(token: String, kind: BenchmarkKind, fields: JsonFields) = ShellRequest.Benchmark(
    token = token,
    kind = kind,
    model = absolute(fields, "model"),
    sha256 = matching(fields, "sha256", SHA256),
    settings = readSettings(fields),
    runs = fields.whole("runs", 1..MOST_RUNS).toInt(),
    seconds = seconds(fields, "seconds"),
    warmUpSeconds = seconds(fields, "warmup_seconds"),
)

private fun readAnswer(token: String, fields: JsonFields) = ShellRequest.Answer(
    token = token,
    model = fileName(fields, "model"),
    sha256 = matching(fields, "sha256", SHA256),
    picture = matching(fields, "picture", SAMPLE),
    settings = readSettings(fields),
)

private fun readLoad(token: String, fields: JsonFields, text: String): ShellRequest.Load {
    val files = fields.child("files")
    val names = Json.parseToJsonElement(text).jsonObject.getValue("files").jsonObject.keys
    if (names.isEmpty() || names.size > MOST_FILES) throw BadJsonException("it names ${names.size} files, not 1 to $MOST_FILES")
    return ShellRequest.Load(
        token = token,
        folder = absolute(fields, "folder"),
        name = fileName(fields, "name"),
        files = names.associateWith { matching(files, it, SHA256) },
        show = fields.oneOf("show", ShowAfter.entries, ShowAfter::word),
    )
}

private fun readSettings(fields: JsonFields) = RunSettings(
    threads = fields.whole("threads", 1..MOST_THREADS).toInt(),
    delegate = fields.oneOf("delegate", Delegate.entries, Delegate::word),
)

private fun seconds(fields: JsonFields, name: String): Double {
    val value = fields.number(name)
    return if (value in 0.0..MOST_SECONDS) value else throw BadJsonException("$name is $value, not from 0 to $MOST_SECONDS")
}

private fun matching(fields: JsonFields, name: String, pattern: Regex): String =
    fields.text(name).takeIf(pattern::matches) ?: throw BadJsonException("$name is not as it should be")

private fun absolute(fields: JsonFields, name: String): String =
    fields.text(name).takeIf { it.startsWith("/") && '\u0000' !in it } ?: throw BadJsonException("$name is no path from the root")

private fun fileName(fields: JsonFields, name: String): String =
    fields.text(name).takeIf(::isFileName) ?: throw BadJsonException("$name names no bundle")
