package dev.mobiledeploy.host

import dev.mobiledeploy.core.BundleReader
import dev.mobiledeploy.core.Classifier
import dev.mobiledeploy.core.Failure
import dev.mobiledeploy.core.FailureException
import dev.mobiledeploy.core.FolderFiles
import dev.mobiledeploy.core.LoadedBundle
import dev.mobiledeploy.core.PixelSource
import dev.mobiledeploy.core.Turn
import java.io.File
import java.nio.ByteBuffer
import kotlin.math.abs
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertIs
import kotlin.test.assertTrue
import org.junit.jupiter.api.Test

/** Runs bundles of one small network, whose folders by recipe lie in the folder that `host.bundles` names. */
class BytedecoRunnerTest {
    private val folder = File(checkNotNull(System.getProperty("host.bundles")) { "-Dhost.bundles must name their folder" })
    private val float = bundle("float32")
    private val integer = bundle("int8")

    @Test
    fun `a float and an integer file of one network say nearly the same`() {
        val (one, other) = listOf(float, integer).map(::scores)
        for (i in one.indices) assertEquals(one[i], other[i], 0.05f)
        assertTrue(one.max() - one.min() > 0.1f, "an answer that tells classes apart")
    }

    @Test
    fun `kernels, threads and a second run change next to nothing`() {
        val expected = scores(float)
        for ((threads, usesXnnpack) in listOf(1 to true, 2 to true, 1 to false, 2 to false)) {
            BytedecoRunner("small", float.model, threads, usesXnnpack).use { runner ->
                assertEquals(usesXnnpack, "XNNPACK" in runner.used, runner.used)
                val classifier = Classifier(float, runner)
                repeat(2) { classifier.classify(Blotches, Turn.UPRIGHT) }
                for (i in expected.indices) assertEquals(expected[i], classifier.lastScores[i], 1e-5f)
            }
        }
    }

    @Test
    fun `the runtime tells its release`() {
        BytedecoRunner("small", float.model).use { assertTrue(it.runtime.matches(Regex("TensorFlow Lite 2\\.\\d+\\.\\d+")), it.runtime) }
    }

    @Test
    fun `a file that is cut off or none at all is refused and does not crash`() {
        val whole = ByteArray(float.model.remaining()).also { float.model.duplicate().get(it) }
        val damaged = listOf(0, 4, 100, whole.size / 2, whole.size - 200).map(whole::copyOf) + ByteArray(5000) { it.toByte() }
        for (bytes in damaged) assertIs<Failure.ModelUnreadable>(failureOf { BytedecoRunner("small", direct(bytes)) })
    }

    @Test
    fun `a file under another contract is refused before it is asked`() {
        val mixed = LoadedBundle(float.card, integer.contract, float.model)
        BytedecoRunner("small", mixed.model).use { runner ->
            assertEquals("input", assertIs<Failure.TensorWrong>(failureOf { Classifier(mixed, runner) }).which)
        }
    }

    @Test
    fun `a closed runner says so, and can be closed again`() {
        val runner = BytedecoRunner("small", float.model)
        val classifier = Classifier(float, runner)
        repeat(2) { runner.close() }
        assertFailsWith<IllegalStateException> { classifier.classify(Blotches, Turn.UPRIGHT) }
    }

    @Test
    fun `an input of another size is refused`() {
        BytedecoRunner("small", float.model).use { runner ->
            assertFailsWith<IllegalArgumentException> { runner.run(ByteBuffer.allocateDirect(4), ByteBuffer.allocateDirect(4)) }
        }
    }

    private fun bundle(recipe: String): LoadedBundle = BundleReader.read(FolderFiles(File(folder, recipe)))

    private fun scores(bundle: LoadedBundle): FloatArray = BytedecoRunner("small", bundle.model).use { runner ->
        Classifier(bundle, runner).apply { classify(Blotches, Turn.UPRIGHT) }.lastScores
    }

    private fun direct(bytes: ByteArray): ByteBuffer = ByteBuffer.allocateDirect(bytes.size).put(bytes).apply { rewind() }

    private fun failureOf(run: () -> Unit): Failure = assertFailsWith<FailureException> { run() }.failure
}

/** A picture that changes from place to place. */
private object Blotches : PixelSource {
    override val width = 40
    override val height = 30

    override fun readRow(y: Int, left: Int, pixels: IntArray) {
        for (i in pixels.indices) pixels[i] = (0xFF shl 24) or (abs((left + i) * 9 - y * 5) % 256 shl 16) or (y * 8 shl 8)
    }
}
