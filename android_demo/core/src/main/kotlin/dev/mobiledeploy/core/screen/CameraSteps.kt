package dev.mobiledeploy.core.screen

/** Takes a model that has seen no frame yet, and opens it if the screen is seen. */
internal fun CameraScreen.put(name: String): CameraNext = copy(slot = ModelSlot(name, ModelState.Resting)).woken()

/** Opens the model if it rests and the screen is seen. */
internal fun CameraScreen.woken(): CameraNext {
    if (!isVisible || slot == null || slot.model != ModelState.Resting) return Next(this)
    val request = requests + 1
    val loading = slot.copy(model = ModelState.Loading(request))
    return Next(copy(slot = loading, requests = request), listOf(CameraEffect.OpenModel(request, slot.name, settings)))
}

/** Gives the model a new state if what opens it is [request] and nothing later. */
internal fun CameraScreen.ifLoading(request: Int, model: ModelState): CameraNext =
    if (slot?.model == ModelState.Loading(request)) Next(copy(slot = slot.copy(model = model))) else Next(this)

internal fun CameraScreen.frameAnswered(event: CameraEvent.FrameAnswered): CameraNext {
    val answering = answering(event.model) ?: return Next(this)
    val given = answering.copy(
        answer = AnswerState.Given(event.answer),
        latency = answering.latency.add(event.answer.timing),
    )
    val best = event.answer.guesses.firstOrNull()?.label ?: return Next(copy(slot = given))
    val said = spoken.see(best, event.nowMs)
    return Next(copy(slot = given, spoken = said), listOf(CameraEffect.Announce(best)).filter { said != spoken })
}

internal fun CameraScreen.frameFailed(event: CameraEvent.FrameFailed): CameraNext {
    val answering = answering(event.model) ?: return Next(this)
    return Next(copy(slot = answering.copy(answer = AnswerState.Failed(event.failure))))
}

internal fun CameraScreen.cameraOpening(): CameraNext {
    val request = requests + 1
    val opening = copy(camera = CameraState.Opening(request), requests = request)
    return Next(opening, listOf(CameraEffect.OpenCamera(request)))
}

internal fun CameraScreen.asking(): CameraNext =
    Next(copy(camera = CameraState.Asking), listOf(CameraEffect.AskPermission))

internal inline fun CameraScreen.ifAsking(change: () -> CameraNext): CameraNext =
    if (camera == CameraState.Asking) change() else Next(this)

private fun CameraScreen.answering(model: Int): ModelSlot? =
    slot?.takeIf { (it.model as? ModelState.Ready)?.request == model }
