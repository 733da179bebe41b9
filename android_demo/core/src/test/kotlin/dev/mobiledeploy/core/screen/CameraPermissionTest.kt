package dev.mobiledeploy.core.screen

import org.junit.jupiter.api.Test
import kotlin.test.assertEquals
import kotlin.test.assertIs
import kotlin.test.assertTrue

class CameraPermissionTest {
    @Test
    fun `nobody is asked for the camera before the screen is opened`() {
        val drive = CameraDrive()
        assertEquals(CameraState.NotOpened, drive.screen.camera)
        drive.on(CameraEvent.Started(NEVER_ASKED))
        assertEquals(CameraState.Asking, drive.screen.camera)
        assertEquals(1, drive.count(CameraEffect.AskPermission))
        assertTrue(drive.openings().isEmpty())
    }

    @Test
    fun `a granted camera is opened and streams`() {
        val drive = CameraDrive().on(CameraEvent.Started(NEVER_ASKED))
        drive.on(CameraEvent.PermissionAnswered(isGranted = true, mayAskAgain = false))
        assertEquals(CameraState.Opening(drive.openings().single()), drive.screen.camera)
        drive.on(CameraEvent.CameraOpened(drive.openings().single()))
        assertIs<CameraState.Streaming>(drive.screen.camera)
    }

    @Test
    fun `a person who refused once is told why and can be asked again`() {
        val drive = CameraDrive().on(CameraEvent.Started(NEVER_ASKED), CameraEvent.PermissionAnswered(false, mayAskAgain = true))
        assertEquals(CameraState.Refused, drive.screen.camera)
        drive.on(CameraEvent.Started(NEVER_ASKED.copy(showsRationale = true)))
        assertEquals(1, drive.count(CameraEffect.AskPermission))
        drive.on(CameraEvent.TryPressed)
        assertEquals(CameraState.Asking, drive.screen.camera)
        assertEquals(2, drive.count(CameraEffect.AskPermission))
    }

    @Test
    fun `a person who refused in an earlier visit is told why before being asked`() {
        val drive = CameraDrive().on(CameraEvent.Started(NEVER_ASKED.copy(showsRationale = true)))
        assertEquals(CameraState.Refused, drive.screen.camera)
        assertEquals(0, drive.count(CameraEffect.AskPermission))
    }

    @Test
    fun `a person who refused for ever is shown the way to the settings and never asked again`() {
        val drive = CameraDrive().on(CameraEvent.Started(NEVER_ASKED), CameraEvent.PermissionAnswered(false, mayAskAgain = false))
        assertEquals(CameraState.RefusedForEver, drive.screen.camera)
        drive.on(CameraEvent.TryPressed, CameraEvent.Stopped, CameraEvent.Started(NEVER_ASKED), CameraEvent.SettingsPressed)
        assertEquals(CameraState.RefusedForEver, drive.screen.camera)
        assertEquals(1, drive.count(CameraEffect.AskPermission))
        assertEquals(CameraEffect.OpenSettings, drive.effects.last())
        drive.on(CameraEvent.Stopped, CameraEvent.Started(GRANTED))
        assertIs<CameraState.Opening>(drive.screen.camera)
    }

    @Test
    fun `a phone without a camera says so and asks nothing`() {
        val drive = CameraDrive().on(CameraEvent.Started(NEVER_ASKED.copy(hasCamera = false)), CameraEvent.TryPressed)
        assertEquals(CameraState.NoCamera, drive.screen.camera)
        assertEquals(0, drive.count(CameraEffect.AskPermission))
    }

    @Test
    fun `a question that outlives the process is not asked twice`() {
        val drive = CameraDrive().on(CameraEvent.Started(NEVER_ASKED), CameraEvent.Stopped)
        val again = CameraDrive(drive.screen.saved()).on(CameraEvent.Started(NEVER_ASKED))
        assertEquals(0, again.count(CameraEffect.AskPermission))
        again.on(CameraEvent.PermissionAnswered(isGranted = true, mayAskAgain = true))
        assertIs<CameraState.Opening>(again.screen.camera)
    }

    @Test
    fun `a question that vanishes leaves a screen that can ask`() {
        val drive = CameraDrive().on(CameraEvent.Started(NEVER_ASKED), CameraEvent.QuestionInterrupted)
        assertEquals(CameraState.NotOpened, drive.screen.camera)
        drive.on(CameraEvent.TryPressed)
        assertEquals(CameraState.Asking, drive.screen.camera)
    }

    @Test
    fun `permission that comes while nobody sees the screen opens nothing until it is seen`() {
        val drive = CameraDrive().on(CameraEvent.Started(NEVER_ASKED), CameraEvent.Stopped)
        drive.on(CameraEvent.PermissionAnswered(isGranted = true, mayAskAgain = true))
        assertTrue(drive.openings().isEmpty())
        drive.on(CameraEvent.Started(GRANTED))
        assertEquals(1, drive.openings().size)
    }
}
