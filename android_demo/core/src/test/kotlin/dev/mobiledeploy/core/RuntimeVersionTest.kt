package dev.mobiledeploy.core

import dev.mobiledeploy.core.fakes.FakeRunner
import dev.mobiledeploy.core.fakes.SmallBundle
import dev.mobiledeploy.core.fakes.say
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith

class RuntimeVersionTest {
    /** Whether a bundle that needs [least] is opened by a runtime that calls itself [runtime]. */
    private fun runs(least: String, runtime: String): Boolean {
        val bundle = BundleReader.read(SmallBundle().say("contract.minimum_runtime", "\"$least\""))
        val runner = object : FakeRunner() {
            override val runtime = runtime
        }
        val result = runCatching { Classifier(bundle, runner) }
        val failure = (result.exceptionOrNull() as FailureException?)?.failure
        if (failure != null) assertEquals(Failure.RuntimeTooOld("small-int8", least, runtime), failure)
        return failure == null
    }

    @Test
    fun `releases are compared number by number`() {
        val found = "TensorFlow Lite 2.16.1"
        for (least in listOf("1.15", "2.3", "2.9", "2.16", "2.16.0", "2.16.1", "2.16.1.0")) assertEquals(true, runs(least, found), least)
        for (least in listOf("2.16.2", "2.16.1.1", "2.17", "2.20", "3.0", "10.0")) assertEquals(false, runs(least, found), least)
        assertEquals(true, runs("2.16", "TensorFlow Lite 2.16.0-rc1"))
        assertEquals(false, runs("2.16.1", "TensorFlow Lite 2.16"))
    }

    @Test
    fun `LiteRT counts anew after 2 point 17`() {
        for (least in listOf("2.3", "2.16.1", "2.17")) assertEquals(true, runs(least, "LiteRT 1.0.1"), least)
        for (least in listOf("2.18", "2.20", "3.0")) assertEquals(false, runs(least, "LiteRT 1.4.2"), least)
        assertEquals(true, runs("2.20", "LiteRT 2.1.0"))
    }

    @Test
    fun `a runtime that names no release runs nothing`() {
        for (runtime in listOf("", "LiteRT", "the fake", "TensorFlow Lite 2")) assertEquals(false, runs("1.5", runtime), runtime)
    }

    @Test
    fun `a release that none can be is refused with the contract`() {
        for (text in listOf("", "2", "2.", ".3", "2.3.4.5.6", "2.x", "v2.3", "1234567.0", "2.3 ", "-2.3", "2,3")) {
            val bundle = SmallBundle().say("contract.minimum_runtime", "\"$text\"")
            val failure = assertFailsWith<FailureException>(text) { BundleReader.read(bundle) }.failure
            assertEquals(Failure.ManifestUnreadable("small-int8", "minimum_runtime $text is no release"), failure)
        }
    }
}
