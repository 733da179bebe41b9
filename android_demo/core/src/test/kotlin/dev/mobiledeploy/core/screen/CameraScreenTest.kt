package dev.mobiledeploy.core.screen

import dev.mobiledeploy.core.Failure
import dev.mobiledeploy.core.NoModels
import org.junit.jupiter.api.Test
import kotlin.test.assertEquals
import kotlin.test.assertIs

class CameraScreenTest {
    @Test
    fun `a camera that another app takes is a state that offers to try again`() {
        val drive = CameraDrive().streaming()
        drive.on(CameraEvent.CameraLost(drive.openings().last() - 1, "of an opening that is over"))
        assertIs<CameraState.Streaming>(drive.screen.camera)
        drive.on(CameraEvent.CameraLost(drive.openings().last(), "another app took it"))
        assertEquals(CameraState.Lost("another app took it"), drive.screen.camera)
        assertEquals(CameraEffect.CloseCamera, drive.effects.last())
        drive.on(CameraEvent.TryPressed)
        assertIs<CameraState.Opening>(drive.screen.camera)
    }

    @Test
    fun `a screen that is left closes camera and model, and takes no frame any more`() {
        val drive = CameraDrive().streaming().frame("ant", 0).on(CameraEvent.Stopped)
        assertEquals(listOf(CameraEffect.CloseCamera, CameraEffect.CloseModel), drive.effects.takeLast(2))
        val left = drive.screen
        drive.frame("bee", 9_000).on(CameraEvent.CameraOpened(drive.openings().last()))
        assertEquals(left, drive.screen)
        drive.on(CameraEvent.Started(GRANTED))
        assertEquals(2, drive.openings().distinct().size)
        assertEquals(2, drive.models().distinct().size)
    }

    @Test
    fun `frames of a model that was changed are dropped`() {
        val drive = CameraDrive().streaming()
        val old = drive.models().last()
        drive.on(CameraEvent.ModelChosen("b"), CameraEvent.ModelOpened(drive.models().last() + 1, REPORT))
        drive.on(CameraEvent.FrameAnswered(old, answerOf("of a"), 0), CameraEvent.FrameFailed(old, DAMAGED))
        assertEquals(AnswerState.None, drive.screen.slot?.answer)
        assertEquals("b", drive.screen.slot?.name)
    }

    @Test
    fun `a model that fails is a readable state and can be tried again`() {
        val drive = CameraDrive().on(CameraEvent.Started(GRANTED), CameraEvent.ModelsListed(emptyList()))
        assertEquals(ModelList.Failed(NoModels), drive.screen.models)
        drive.on(CameraEvent.ModelsListed(listOf("a")))
        drive.on(CameraEvent.ModelFailed(drive.models().last() - 1, DAMAGED))
        assertIs<ModelState.Loading>(drive.screen.slot?.model)
        drive.on(CameraEvent.ModelFailed(drive.models().last(), DAMAGED))
        assertEquals(ModelState.Failed(DAMAGED), drive.screen.slot?.model)
        drive.on(CameraEvent.TryPressed)
        assertIs<ModelState.Loading>(drive.screen.slot?.model)
    }

    @Test
    fun `frames that fail show why`() {
        val drive = CameraDrive().streaming()
        drive.on(CameraEvent.FrameFailed(drive.models().last(), Failure.RunFailed("a", "it ran out of memory")))
        assertIs<AnswerState.Failed>(drive.screen.slot?.answer)
        drive.frame("ant", 0)
        assertIs<AnswerState.Given>(drive.screen.slot?.answer)
    }

    @Test
    fun `what is seen is said aloud when it changes, and no more often than every two seconds`() {
        val drive = CameraDrive().streaming()
        drive.frame("ant", 100).frame("ant", 5_000)
        assertEquals(listOf("ant"), drive.said())
        drive.frame("bee", 5_100).frame("cat", 6_000).frame("cat", 7_099)
        assertEquals(listOf("ant", "bee"), drive.said())
        drive.frame("cat", 7_100)
        assertEquals(listOf("ant", "bee", "cat"), drive.said())
        drive.frame("bee", 7_200).frame("cat", 9_900)
        assertEquals(listOf("ant", "bee", "cat"), drive.said())
    }

    @Test
    fun `the model and the settings outlive the process, and another screen can pass them on`() {
        val drive = CameraDrive().streaming().on(CameraEvent.ModelChosen("b"), CameraEvent.SettingsChosen(USUAL.copy(threads = 2)))
        val again = CameraDrive(drive.screen.saved()).on(CameraEvent.Started(GRANTED), CameraEvent.ModelsListed(listOf("a", "b")))
        assertEquals("b", again.screen.slot?.name)
        assertEquals(2, again.screen.settings.threads)
    }
}
