package dev.mobiledeploy.core.screen

import dev.mobiledeploy.core.BundleFiles
import dev.mobiledeploy.core.Failure
import dev.mobiledeploy.core.FailureException
import dev.mobiledeploy.core.OneThread
import dev.mobiledeploy.core.Outcome
import dev.mobiledeploy.core.PixelSource
import dev.mobiledeploy.core.Quantization
import dev.mobiledeploy.core.RunnerFactory
import dev.mobiledeploy.core.TensorInfo
import dev.mobiledeploy.core.TensorType
import dev.mobiledeploy.core.Turn
import dev.mobiledeploy.core.fakes.FakeFactory
import dev.mobiledeploy.core.fakes.FakeRunner
import dev.mobiledeploy.core.fakes.FlatPicture
import dev.mobiledeploy.core.fakes.SmallBundle
import dev.mobiledeploy.core.requirePictureFits
import org.junit.jupiter.api.Test
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.TimeUnit
import kotlin.test.assertEquals
import kotlin.test.assertIs
import kotlin.test.assertNotNull
import kotlin.test.assertTrue

/** An app without Android: it does what the screen asks, with the real thread, the real bundle reader and a fake runtime. */
private class SmallApp(factory: RunnerFactory, private val files: BundleFiles, private val picture: PixelSource) {
    private val posted = LinkedBlockingQueue<() -> Unit>()
    private val owner = OneThread("models", { posted += it }) { OpenModels(factory) { files } }
    var screen = beginPictureScreen(emptyMap(), USUAL).state
        private set

    fun show(): PictureScreen {
        on(PictureEvent.Started)
        on(PictureEvent.PicturePicked("content://1"))
        while (isBusy()) assertNotNull(posted.poll(5, TimeUnit.SECONDS), "the screen waits for ever: $screen").invoke()
        owner.close()
        return screen
    }

    private fun isBusy() = screen.picture is PictureState.Reading ||
        screen.slots.values.any { it.model is ModelState.Loading || it.answer is AnswerState.Pending }

    private fun on(event: PictureEvent) {
        val next = screen.on(event)
        screen = next.state
        next.effects.forEach(::carryOut)
    }

    private fun carryOut(effect: PictureEffect): Unit = when (effect) {
        is PictureEffect.ListModels -> on(PictureEvent.ModelsListed(listOf(files.name)))
        is PictureEffect.CloseModel -> owner.ask("closing", { it.close(effect.place) }, {})
        is PictureEffect.ReadPicture -> owner.ask("reading the picture", { requirePictureFits(picture.width, picture.height) }) {
            on(
                when (it) {
                    is Outcome.Done -> PictureEvent.PictureRead(effect.request)
                    is Outcome.Failed -> PictureEvent.PictureFailed(effect.request, it.failure)
                },
            )
        }
        is PictureEffect.OpenModel ->
            owner.ask("opening the model", { it.open(effect.place, effect.request, effect.name, effect.settings) }) {
                on(
                    when (it) {
                        is Outcome.Done -> PictureEvent.ModelOpened(effect.place, effect.request, it.value)
                        is Outcome.Failed -> PictureEvent.ModelFailed(effect.place, effect.request, it.failure)
                    },
                )
            }
        is PictureEffect.Classify ->
            owner.ask("asking the model", { it.classify(effect.place, effect.model, picture, Turn.UPRIGHT) }) {
                on(
                    when (it) {
                        is Outcome.Done -> PictureEvent.Answered(effect.place, effect.request, assertNotNull(it.value))
                        is Outcome.Failed -> PictureEvent.AnswerFailed(effect.place, effect.request, it.failure)
                    },
                )
            }
    }
}

/** Everything bad that can be put in becomes a state of the screen that a person can read. */
class BadInputTest {
    private val bundle = SmallBundle()
    private var runner: () -> FakeRunner = { FakeRunner() }
    private var picture: PixelSource = FlatPicture()
    private val factory = FakeFactory { runner() }

    private fun show() = SmallApp(factory, bundle, picture).show()
    private fun modelFailure() = assertIs<ModelState.Failed>(show().slots.getValue(Place.FIRST).model).failure
    private fun allClosed() = factory.opened.all { (it as FakeRunner).closed == 1 }

    @Test
    fun `nothing bad gives an answer`() {
        val slot = show().slots.getValue(Place.FIRST)
        assertEquals("bee", slot.answer.shown?.guesses?.first()?.label)
        assertEquals(emptyList(), assertIs<ModelState.Ready>(slot.model).report.sentences)
    }

    @Test
    fun `a model that is not the one of the bundle`() {
        bundle.files["small-int8.tflite"] = byteArrayOf(1, 2, 4)
        assertTrue(modelFailure().sentence.startsWith("small-int8.tflite was changed or damaged: its sha256 is "))
        assertTrue(factory.asked.isEmpty())
    }

    @Test
    fun `labels that are not those of the bundle`() {
        bundle.files["labels.txt"] = "ant\nbee\n".toByteArray()
        assertEquals("labels.txt", assertIs<Failure.HashMismatch>(modelFailure()).file)
    }

    @Test
    fun `labels of another count`() {
        val manifest = bundle.files.getValue("model.json").decodeToString()
        bundle.files["model.json"] = manifest.replace("\"label_count\": 3", "\"label_count\": 4").toByteArray()
        assertEquals(
            "small-int8 promises 4 labels, labels.txt holds 3. Export the bundle again.", modelFailure().sentence,
        )
    }

    @Test
    fun `a truncated model that the runtime refuses`() {
        runner = { throw FailureException(Failure.ModelUnreadable("small-int8", "the buffer is no valid flatbuffer model")) }
        assertEquals("The runtime does not open small-int8: the buffer is no valid flatbuffer model.", modelFailure().sentence)
        assertEquals(2, factory.asked.size)
    }

    @Test
    fun `a model of another shape or type`() {
        runner = { FakeRunner(input = FakeRunner.SMALL_INPUT.copy(shape = listOf(1, 4, 4, 3))) }
        assertEquals("input", assertIs<Failure.TensorWrong>(modelFailure()).which)
        runner = { FakeRunner(output = TensorInfo(TensorType.INT8, listOf(1, 3), Quantization(1f / 256, 0))) }
        assertEquals("output", assertIs<Failure.TensorWrong>(modelFailure()).which)
        assertTrue(allClosed(), "a refused model stays open")
    }

    @Test
    fun `a picture of 100 megapixels`() {
        picture = FlatPicture(width = 12_500, height = 8_000)
        val failed = assertIs<PictureState.Failed>(show().picture)
        assertEquals(
            "The picture is too large: 12500 x 8000 pixels, at most 80 million fit. Choose a smaller one.", failed.failure.sentence,
        )
    }

    @Test
    fun `a picture that breaks off, and a phone that runs out of memory`() {
        for (error in listOf(FailureException(UNREADABLE), OutOfMemoryError())) {
            picture = object : PixelSource by FlatPicture() {
                override fun readRow(y: Int, left: Int, pixels: IntArray) = throw error
            }
            assertIs<AnswerState.Failed>(show().slots.getValue(Place.FIRST).answer)
        }
    }

    @Test
    fun `a bundle without its model or its manifest`() {
        for (file in listOf("small-int8.tflite", "model.json")) {
            bundle.files.remove(file)
            assertEquals("small-int8 has no $file. Add the bundle again.", modelFailure().sentence)
        }
    }
}
