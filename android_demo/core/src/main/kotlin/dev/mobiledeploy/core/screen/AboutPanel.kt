package dev.mobiledeploy.core.screen

import dev.mobiledeploy.core.MeasuredLatency
import dev.mobiledeploy.core.ModelCard
import dev.mobiledeploy.core.ModelContract
import dev.mobiledeploy.core.Share
import java.util.Locale

/** What a row of the panel is about; the app has the words for it. */
enum class AboutTopic { NAME, UNTRAINED, SHA256, SIZE, RECIPE, INPUT, CLASSES, WEIGHTS, AUDIT, TOP1, TOP5, LATENCY }

/** One row of the panel. */
data class AboutRow(val topic: AboutTopic, val text: String)

private const val BYTES_PER_MB = 1e6
private const val PERCENT = 100

/**
 * Gives the rows of the panel about a model; what is not known has none.
 *
 * @param locale How numbers are written.
 */
fun aboutRows(card: ModelCard, contract: ModelContract, locale: Locale): List<AboutRow> = listOfNotNull(
    AboutRow(AboutTopic.NAME, card.name),
    AboutRow(AboutTopic.UNTRAINED, "its answers mean nothing").takeIf { card.untrained },
    AboutRow(AboutTopic.SHA256, card.sha256),
    AboutRow(AboutTopic.SIZE, "%.2f MB (%,d bytes)".format(locale, card.sizeBytes / BYTES_PER_MB, card.sizeBytes)),
    AboutRow(AboutTopic.RECIPE, card.recipe),
    contract.input.let { AboutRow(AboutTopic.INPUT, "%1\$d x %1\$d px, %2\$s".format(locale, it.side, it.type.word)) },
    AboutRow(AboutTopic.CLASSES, "%,d".format(locale, contract.labels.size)),
    AboutRow(AboutTopic.WEIGHTS, card.weights).takeIf { card.weights.isNotEmpty() },
    AboutRow(AboutTopic.AUDIT, card.audit).takeIf { card.audit.isNotEmpty() },
    card.accuracy?.let { AboutRow(AboutTopic.TOP1, told(it.top1, locale)) },
    card.accuracy?.top5?.let { AboutRow(AboutTopic.TOP5, told(it, locale)) },
) + card.latencies.map { AboutRow(AboutTopic.LATENCY, told(it, locale)) }

private fun told(share: Share, locale: Locale): String = "%.1f %% (%.1f to %.1f %%, n = %,d)".format(
    locale, PERCENT * share.value, PERCENT * share.low, PERCENT * share.high, share.total,
)

private fun told(latency: MeasuredLatency, locale: Locale): String {
    val interval = if (latency.lowMs == null || latency.highMs == null) {
        ""
    } else {
        " (%.2f to %.2f ms)".format(locale, latency.lowMs, latency.highMs)
    }
    val threads = if (latency.threads == 1L) "1 thread" else "%,d threads".format(locale, latency.threads)
    val setting = listOf(latency.device, latency.system, latency.runtime, threads, latency.delegate)
    return "%.2f ms".format(locale, latency.latencyMs) + interval + ": " + setting.filter(String::isNotEmpty).joinToString()
}
