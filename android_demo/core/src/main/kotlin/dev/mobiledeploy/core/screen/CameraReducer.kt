package dev.mobiledeploy.core.screen

import dev.mobiledeploy.core.NoModels
import dev.mobiledeploy.core.RunSettings

/** A [CameraScreen] with what is to be done for it. */
typealias CameraNext = Next<CameraScreen, CameraEffect>

/**
 * Begins the screen.
 *
 * @param saved What [CameraScreen.saved] gave before the process ended, or which model another screen wants.
 * @param usual How models are run unless that says otherwise.
 */
fun beginCameraScreen(saved: Map<String, String>, usual: RunSettings) = CameraScreen(
    models = ModelList.Listing,
    settings = settingsIn(saved, usual),
    wished = saved[SavedKeys.FIRST],
    // Android brings the answer to a question that outlived the process; another question would be dropped.
    camera = if (saved[SavedKeys.ASKING] != null) CameraState.Asking else CameraState.NotOpened,
)

/** Gives what [beginCameraScreen] needs to begin where this screen ends, as texts that outlive the process. */
fun CameraScreen.saved(): Map<String, String> {
    val name = listOfNotNull(slot?.name ?: wished).associateBy { SavedKeys.FIRST }
    val asking = listOf("true").filter { camera == CameraState.Asking }.associateBy { SavedKeys.ASKING }
    return settings.saved() + name + asking
}

/** Gives what follows when [event] happens to a screen. */
fun CameraScreen.on(event: CameraEvent): CameraNext = when (event) {
    is CameraEvent.Started -> started(event.access)
    is CameraEvent.Stopped -> stopped()
    is CameraEvent.PermissionAnswered -> permissionAnswered(event)
    is CameraEvent.QuestionInterrupted -> ifAsking { Next(copy(camera = CameraState.NotOpened)) }
    is CameraEvent.TryPressed -> tried()
    is CameraEvent.SettingsPressed -> Next(this, listOf(CameraEffect.OpenSettings))
    is CameraEvent.CameraOpened -> cameraOpened(event.request)
    is CameraEvent.CameraLost -> cameraLost(event)
    is CameraEvent.ModelsListed -> listed(event.names)
    is CameraEvent.ListFailed -> Next(copy(models = ModelList.Failed(event.failure)))
    is CameraEvent.ModelArrived -> Next(copy(wished = event.name), listOf(CameraEffect.ListModels))
    is CameraEvent.ModelChosen -> chosen(event.name)
    is CameraEvent.SettingsChosen -> set(event.settings)
    is CameraEvent.ModelOpened -> ifLoading(event.request, ModelState.Ready(event.request, event.report))
    is CameraEvent.ModelFailed -> ifLoading(event.request, ModelState.Failed(event.failure))
    is CameraEvent.FrameAnswered -> frameAnswered(event)
    is CameraEvent.FrameFailed -> frameFailed(event)
}

private fun CameraScreen.started(access: CameraAccess): CameraNext {
    val visible: CameraNext = Next(copy(isVisible = true), listOf(CameraEffect.ListModels))
    return visible.then { it.woken() }.then { it.cameraStarted(access) }
}

private fun CameraScreen.cameraStarted(access: CameraAccess): CameraNext = when {
    !access.hasCamera -> Next(copy(camera = CameraState.NoCamera))
    camera is CameraState.Opening || camera is CameraState.Streaming -> Next(this)
    access.isGranted -> cameraOpening()
    camera == CameraState.Asking || camera == CameraState.Refused || camera == CameraState.RefusedForEver -> Next(this)
    access.showsRationale -> Next(copy(camera = CameraState.Refused))
    else -> asking()
}

private fun CameraScreen.stopped(): CameraNext {
    val isOpen = camera is CameraState.Opening || camera is CameraState.Streaming
    val isLeft = isOpen || camera is CameraState.Lost
    val state = copy(
        isVisible = false,
        camera = if (isLeft) CameraState.NotOpened else camera,
        slot = slot?.rested(),
    )
    return Next(state, listOf(CameraEffect.CloseCamera).filter { isOpen } + listOf(CameraEffect.CloseModel))
}

private fun CameraScreen.permissionAnswered(event: CameraEvent.PermissionAnswered): CameraNext = ifAsking {
    when {
        event.isGranted && isVisible -> cameraOpening()
        event.isGranted -> Next(copy(camera = CameraState.NotOpened))
        event.mayAskAgain -> Next(copy(camera = CameraState.Refused))
        else -> Next(copy(camera = CameraState.RefusedForEver))
    }
}

private fun CameraScreen.tried(): CameraNext {
    val listed: CameraNext = when (models) {
        is ModelList.Failed -> Next(copy(models = ModelList.Listing), listOf(CameraEffect.ListModels))
        is ModelList.Listed, is ModelList.Listing -> Next(this)
    }
    val reopened = listed.then { if (it.slot?.model is ModelState.Failed) it.put(it.slot.name) else Next(it) }
    return when (camera) {
        is CameraState.NotOpened, is CameraState.Refused -> reopened.then { it.asking() }
        is CameraState.Lost -> reopened.then { it.cameraOpening() }
        else -> reopened
    }
}

private fun CameraScreen.cameraOpened(request: Int): CameraNext =
    if (camera == CameraState.Opening(request)) Next(copy(camera = CameraState.Streaming(request))) else Next(this)

private fun CameraScreen.cameraLost(event: CameraEvent.CameraLost): CameraNext {
    val isThisOne = camera == CameraState.Opening(event.request) || camera == CameraState.Streaming(event.request)
    if (!isThisOne) return Next(this)
    return Next(copy(camera = CameraState.Lost(event.problem)), listOf(CameraEffect.CloseCamera))
}

private fun CameraScreen.listed(names: List<String>): CameraNext {
    if (names.isEmpty()) return Next(copy(models = ModelList.Failed(NoModels)))
    val listed = copy(models = ModelList.Listed(names), wished = null)
    val wished = wished?.takeIf(names::contains)
    return when {
        wished != null -> listed.put(wished)
        slot != null && slot.name in names -> Next(listed)
        else -> listed.put(names.first())
    }
}

private fun CameraScreen.chosen(name: String): CameraNext = when {
    name !in (models as? ModelList.Listed)?.names.orEmpty() -> Next(this)
    slot?.name == name && slot.model !is ModelState.Failed -> Next(this)
    else -> put(name)
}

private fun CameraScreen.set(settings: RunSettings): CameraNext {
    if (settings == this.settings) return Next(this)
    val changed = copy(settings = settings)
    return if (slot == null) Next(changed) else changed.put(slot.name)
}
