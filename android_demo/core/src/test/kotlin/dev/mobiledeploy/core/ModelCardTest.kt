package dev.mobiledeploy.core

import dev.mobiledeploy.core.fakes.SmallBundle
import dev.mobiledeploy.core.fakes.say
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertNull

private const val TOP1 = "{\"value\": 0.75, \"low\": 0.7, \"high\": 0.8, \"count\": 300, \"total\": 400}"
private const val LATENCY = "{\"device\": \"Pixel\", \"soc\": \"x\", \"system\": \"Android 14\", \"runtime\": \"LiteRT 1.4\", " +
    "\"threads\": 4, \"delegate\": \"cpu\", \"latency_ms\": 12.5, \"low_ms\": 12.25, \"high_ms\": 13}"

class ModelCardTest {
    private fun card(path: String, json: String?) = BundleReader.read(SmallBundle().say(path, json)).card

    private fun untrained(weights: String, name: String = "small-int8") =
        BundleReader.read(SmallBundle(name).say("weights", weights)).card.untrained

    @Test
    fun `a card says what the manifest says`() {
        val bundle = SmallBundle()
        val card = ModelCard("small-int8", "int8", bundle.sha256, 3, "small.h5", "clean", false, null, emptyList())
        assertEquals(card, BundleReader.read(bundle).card)
        assertEquals("trained", card("weights", "{\"kind\": \"trained\"}").weights)
    }

    @Test
    fun `accuracy and latencies are shown as they were measured`() {
        val top1 = Share(0.75, 0.7, 0.8, 400)
        assertEquals(MeasuredAccuracy(top1, null), card("accuracy", "{\"top1\": $TOP1}").accuracy)
        assertEquals(MeasuredAccuracy(top1, top1), card("accuracy", "{\"top1\": $TOP1, \"top5\": $TOP1}").accuracy)
        val latency = MeasuredLatency("Pixel", "Android 14", "LiteRT 1.4", 4, "cpu", 12.5, 12.25, 13.0)
        assertEquals(listOf(latency), card("latency", "[$LATENCY]").latencies)
    }

    @Test
    fun `what cannot be believed is left out, and the rest is shown`() {
        for (json in listOf("null", "7", "{}", "{\"top1\": 0.75}", "{\"top1\": ${TOP1.replace("0.8", "1.01")}}")) {
            assertNull(card("accuracy", json).accuracy, json)
        }
        val noTotal = TOP1.replace("400", "0")
        assertEquals(MeasuredAccuracy(Share(0.75, 0.7, 0.8, 400), null), card("accuracy", "{\"top1\": $TOP1, \"top5\": $noTotal}").accuracy)
        assertEquals("" to "", card("weights", "[]").weights to card("audit", "{\"verdict\": 7}").audit)
        for (json in listOf("null", "{}", "[7, {}]", "[${LATENCY.replace("12.5", "\"12.5\"")}]")) {
            assertEquals(emptyList(), card("latency", json).latencies, json)
        }
        val mixed = card("latency", "[7, {}, ${LATENCY.replace("12.25", "null")}, $LATENCY]").latencies
        assertEquals(listOf(null, 12.25), mixed.map { it.lowMs })
    }

    @Test
    fun `of endless latencies the first hundred are shown`() {
        val many = (1..150).joinToString(prefix = "[", postfix = "]") { LATENCY.replace("12.5", "$it") }
        assertEquals(List(100) { it + 1.0 }, card("latency", many).latencies.map { it.latencyMs })
    }

    @Test
    fun `characters that would not show are replaced`() {
        val card = card("latency", "[${LATENCY.replace("Pixel", "Pi\\u202exel\\u0007")}]")
        assertEquals("Pi\uFFFDxel\uFFFD", card.latencies.single().device)
        assertEquals("a\uFFFDb", card("weights.name", "\"a\\nb\"").weights)
        assertEquals("in\uFFFDt8", card("recipe", "\"in\\u200bt8\"").recipe)
    }

    @Test
    fun `random weights are told by their kind, a new head or the name`() {
        assertEquals(true, untrained("{\"kind\": \"none\"}"))
        assertEquals(true, untrained("{\"kind\": \"imagenet\", \"new_head\": true}"))
        assertEquals(true, untrained("{\"kind\": \"file\"}", name = "v2-untrained-int8"))
        assertEquals(false, untrained("{\"kind\": \"trained\", \"new_head\": true}"))
        assertEquals(false, untrained("{\"kind\": \"imagenet\", \"new_head\": false}"))
        assertEquals(false, untrained("{\"kind\": \"imagenet\"}"))
        assertEquals(false, untrained("{\"kind\": \"file\"}", name = "untrained-eyes-int8"))
        assertEquals(false, untrained("7"))
    }
}
