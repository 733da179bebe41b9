package dev.mobiledeploy.core.shell

import dev.mobiledeploy.core.Answer
import dev.mobiledeploy.core.ModelCard
import dev.mobiledeploy.core.ModelRunner
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.put

/** The result of a benchmark by the names of the command line's report. */
internal fun resultFields(request: ShellRequest.Benchmark, result: BenchmarkResult): JsonObject = buildJsonObject {
    put("sha256", request.sha256)
    put("runtime", result.runtime)
    put("used", result.used)
    put("runs", result.timed.runs)
    put("init_ms", result.initMs)
    put("first_ms", result.firstMs)
    put("warmup_ms", result.warmUpMs)
    put("mean_ms", result.timed.meanMs)
    put("min_ms", result.timed.minMs)
    put("p5_ms", result.timed.p5Ms)
    put("centre_ms", result.timed.centreMs)
    put("p95_ms", result.timed.p95Ms)
    put("max_ms", result.timed.maxMs)
    put("std_ms", result.timed.stdMs)
    put("memory", if (request.kind == BenchmarkKind.MEMORY) memoryField(result.memory) else JsonNull)
    put("doubts", JsonArray(result.doubts.map(::JsonPrimitive)))
}

/** What a model says to a picture. */
internal fun answerFields(
    request: ShellRequest.Answer,
    answer: Answer,
    inputSha256: String,
    runner: ModelRunner,
): Map<String, JsonElement> = buildJsonObject {
    put("sha256", request.sha256)
    put("input_sha256", inputSha256)
    put("guesses", JsonArray(answer.guesses.map { guess ->
        buildJsonObject {
            put("index", guess.index)
            put("label", guess.label)
            put("score", guess.score)
        }
    }))
    put("pre_ms", answer.timing.preMs)
    put("run_ms", answer.timing.runMs)
    put("post_ms", answer.timing.postMs)
    put("runtime", runner.runtime)
    put("used", runner.used)
}

/** Which bundle was taken over. */
internal fun loadFields(card: ModelCard): Map<String, JsonElement> =
    mapOf("sha256" to JsonPrimitive(card.sha256), "loaded" to JsonPrimitive(card.name))

private fun memoryField(growth: MemoryGrowth) = buildJsonObject {
    put("init_mb", growth.initMb)
    put("overall_mb", growth.overallMb)
    put("peak_mb", JsonNull)
}
