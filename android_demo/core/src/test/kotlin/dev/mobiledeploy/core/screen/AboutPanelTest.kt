package dev.mobiledeploy.core.screen

import dev.mobiledeploy.core.BundleReader
import dev.mobiledeploy.core.MeasuredAccuracy
import dev.mobiledeploy.core.MeasuredLatency
import dev.mobiledeploy.core.Share
import dev.mobiledeploy.core.fakes.SmallBundle
import org.junit.jupiter.api.Test
import java.util.Locale
import kotlin.test.assertEquals
import kotlin.test.assertFalse

class AboutPanelTest {
    private val bundle = SmallBundle(tflite = ByteArray(1_234_567)).let(BundleReader::read)
    private val latency = MeasuredLatency("Pixel 8", "Android 15", "LiteRT 2.1.0", 4, "cpu", 7.5, 7.25, 8.0)
    private val card = bundle.card.copy(
        accuracy = MeasuredAccuracy(Share(0.7104, 0.6903, 0.7297, 2000), top5 = null),
        latencies = listOf(latency, latency.copy(device = "", lowMs = null, threads = 1)),
    )

    private fun rows(untrained: Boolean = false, locale: Locale = Locale.ROOT) =
        aboutRows(card.copy(untrained = untrained), bundle.contract, locale)

    @Test
    fun `the panel tells what the bundle records`() {
        val told = rows().groupBy({ it.topic }, { it.text })
        assertEquals(listOf("small-int8"), told[AboutTopic.NAME])
        assertEquals(listOf(card.sha256), told[AboutTopic.SHA256])
        assertEquals(listOf("1.23 MB (1,234,567 bytes)"), told[AboutTopic.SIZE])
        assertEquals(listOf("2 x 2 px, uint8"), told[AboutTopic.INPUT])
        assertEquals(listOf("3"), told[AboutTopic.CLASSES])
        assertEquals(listOf("71.0 % (69.0 to 73.0 %, n = 2,000)"), told[AboutTopic.TOP1])
        assertEquals(
            listOf(
                "7.50 ms (7.25 to 8.00 ms): Pixel 8, Android 15, LiteRT 2.1.0, 4 threads, cpu",
                "7.50 ms: Android 15, LiteRT 2.1.0, 1 thread, cpu",
            ),
            told[AboutTopic.LATENCY],
        )
    }

    @Test
    fun `what is not known has no row`() {
        val topics = aboutRows(bundle.card.copy(audit = "", weights = ""), bundle.contract, Locale.ROOT).map { it.topic }
        assertEquals(
            listOf(AboutTopic.NAME, AboutTopic.SHA256, AboutTopic.SIZE, AboutTopic.RECIPE, AboutTopic.INPUT, AboutTopic.CLASSES),
            topics,
        )
    }

    @Test
    fun `an untrained model is said to be one`() {
        assertEquals("its answers mean nothing", rows(untrained = true).single { it.topic == AboutTopic.UNTRAINED }.text)
        assertFalse(rows().any { it.topic == AboutTopic.UNTRAINED })
    }

    @Test
    fun `numbers are written as the reader writes them`() {
        assertEquals("1,23 MB (1.234.567 bytes)", rows(locale = Locale.GERMANY).single { it.topic == AboutTopic.SIZE }.text)
    }
}
