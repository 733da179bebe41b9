package dev.mobiledeploy.core

import dev.mobiledeploy.core.fakes.SmallBundle
import dev.mobiledeploy.core.fakes.say
import java.io.IOException
import java.io.InputStream
import java.nio.ByteBuffer
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertIs
import kotlin.test.assertTrue

class BundleReaderTest {
    private fun failureOf(files: BundleFiles) = assertFailsWith<FailureException> { BundleReader.read(files) }.failure

    /** A bundle whose contract has one output of a [meaning] for these labels. */
    private fun oneOutput(meaning: String, labels: String, count: Int) = SmallBundle(labels = labels)
        .say("contract.output.meaning", "\"$meaning\"").say("contract.output.size", "1").say("contract.label_count", "$count")

    @Test
    fun `a sound bundle gives its contract, its card and its model`() {
        val bundle = SmallBundle()
        val loaded = BundleReader.read(bundle)
        assertEquals(listOf("ant", "bee", "cat"), loaded.contract.labels)
        assertEquals(InputContract(2, TensorType.UINT8, 0.0, 255.0, Fit.Stretch, Quantization(1f, 0)), loaded.contract.input)
        assertEquals(bundle.sha256, loaded.card.sha256)
        assertEquals(bundle.files.getValue("small-int8.tflite").toList(), List(loaded.model.remaining()) { loaded.model[it] })
        assertTrue(loaded.model.isDirect)
    }

    @Test
    fun `a missing file is named with its bundle`() {
        for (file in listOf("model.json", "labels.txt", "small-int8.tflite")) {
            assertEquals(Failure.FileMissing("small-int8", file), failureOf(SmallBundle().apply { files.remove(file) }))
        }
    }

    @Test
    fun `a file that cannot be read is told with the reason`() {
        val bundle = SmallBundle()
        for (file in listOf("model.json", "labels.txt")) {
            val broken = object : BundleFiles by bundle {
                override fun open(file: String): InputStream? = if (file == this@BundleReaderTest.broken) BrokenStream() else bundle.open(file)
            }
            this.broken = file
            assertEquals(Failure.FileUnreadable("small-int8", file, "the cable was pulled"), failureOf(broken))
        }
        val unmapped = object : BundleFiles by bundle {
            override fun map(file: String): ByteBuffer = throw IOException()
        }
        assertEquals(Failure.FileUnreadable("small-int8", "small-int8.tflite", "the system refuses"), failureOf(unmapped))
    }

    private var broken = ""

    private class BrokenStream : InputStream() {
        override fun read(): Int = throw IOException("the cable was pulled")
    }

    @Test
    fun `a changed or truncated model and changed labels are told by their hashes`() {
        val recorded = SmallBundle().sha256
        for (damaged in listOf(byteArrayOf(1, 2, 4), byteArrayOf(1, 2), ByteArray(0), byteArrayOf(1, 2, 3, 0))) {
            val failure = failureOf(SmallBundle().apply { files["small-int8.tflite"] = damaged })
            assertEquals(Failure.HashMismatch("small-int8.tflite", recorded, sha256Of(ByteBuffer.wrap(damaged))), failure)
        }
        val labels = failureOf(SmallBundle().apply { files["labels.txt"] = "ant\nbee\ncow\n".toByteArray() })
        assertEquals("labels.txt", assertIs<Failure.HashMismatch>(labels).file)
    }

    @Test
    fun `labels that are no names are refused even if their hash is right`() {
        val failure = failureOf(SmallBundle(labels = "ant\nb\u0007\ncat\n"))
        assertEquals(Failure.LabelsUnreadable("small-int8", "line 2 holds a control character"), failure)
    }

    @Test
    fun `another count of labels than promised is told`() {
        assertEquals(Failure.LabelsWrong("small-int8", 3, 2), failureOf(SmallBundle(labels = "ant\nbee\n")))
        assertEquals(Failure.LabelsWrong("small-int8", 4, 3), failureOf(SmallBundle().say("contract.label_count", "4")))
    }

    @Test
    fun `another count of labels than of outputs is told`() {
        assertEquals(Failure.LabelsWrong("small-int8", 4, 3), failureOf(SmallBundle().say("contract.output.size", "4")))
        val none = SmallBundle(labels = "").say("contract.label_count", "0")
        assertEquals(Failure.LabelsWrong("small-int8", 3, 0), failureOf(none))
        assertEquals(Failure.LabelsWrong("small-int8", 1, 2), failureOf(oneOutput("softmax", "no\nyes\n", 2)))
        assertEquals(Failure.LabelsWrong("small-int8", 1, 3), failureOf(oneOutput("sigmoid", "a\nb\nc\n", 3)))
    }

    @Test
    fun `one sigmoid or logit may have two labels, and an embedding none`() {
        for (meaning in listOf("sigmoid", "logits")) {
            assertEquals(listOf("no", "yes"), BundleReader.read(oneOutput(meaning, "no\nyes\n", 2)).contract.labels)
            assertEquals(listOf("yes"), BundleReader.read(oneOutput(meaning, "yes\n", 1)).contract.labels)
        }
        val embedding = SmallBundle(labels = "").say("contract.label_count", "0").say("contract.output.meaning", "\"embedding\"")
        assertEquals(emptyList(), BundleReader.read(embedding).contract.labels)
    }

    @Test
    fun `texts of a size that none has are refused before they fill the memory`() {
        val manifest = SmallBundle().apply { files["model.json"] = ByteArray(8_000_001) { ' '.code.toByte() } }
        assertEquals(Failure.FileUnreadable("small-int8", "model.json", "model.json is over 8 MB large"), failureOf(manifest))
        var read = 0L
        val endless = object : BundleFiles by SmallBundle() {
            override fun open(file: String) = if (file == "labels.txt") EndlessStream { read += it } else SmallBundle().open(file)
        }
        assertEquals(Failure.FileUnreadable("small-int8", "labels.txt", "labels.txt is over 16 MB large"), failureOf(endless))
        assertEquals(16_000_001, read)
    }

    private class EndlessStream(private val onRead: (Int) -> Unit) : InputStream() {
        override fun read(): Int = error("one by one")

        override fun read(bytes: ByteArray, offset: Int, length: Int): Int = length.also(onRead)
    }

    @Test
    fun `the largest manifest that is allowed is read`() {
        val bundle = SmallBundle()
        val manifest = bundle.files.getValue("model.json")
        bundle.files["model.json"] = manifest.copyOf(8_000_000).apply { fill(' '.code.toByte(), manifest.size) }
        assertEquals(bundle.sha256, BundleReader.read(bundle).card.sha256)
    }

    @Test
    fun `the manifest decides which tflite of the bundle is read`() {
        val bundle = SmallBundle().say("name", "\"other\"")
        assertEquals(Failure.FileMissing("small-int8", "other.tflite"), failureOf(bundle))
    }

    @Test
    fun `every failure is a sentence that names the bundle and what to do`() {
        val failures = listOf(SmallBundle(labels = "ant\n"), SmallBundle().say("name", null), SmallBundle().apply { files.clear() })
        for (failure in failures.map(::failureOf)) {
            assertTrue(Regex(".*small-int8 .*\\. (Add|Export) the bundle again\\.").matches(failure.sentence), failure.sentence)
        }
    }
}
