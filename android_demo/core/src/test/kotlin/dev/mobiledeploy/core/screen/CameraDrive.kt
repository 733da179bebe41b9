package dev.mobiledeploy.core.screen

internal val NEVER_ASKED = CameraAccess(hasCamera = true, isGranted = false, showsRationale = false)
internal val GRANTED = NEVER_ASKED.copy(isGranted = true)

/** A screen and what it asked for, driven event by event. */
internal class CameraDrive(saved: Map<String, String> = emptyMap()) {
    val effects = mutableListOf<CameraEffect>()
    var screen = beginCameraScreen(saved, USUAL)

    fun on(vararg events: CameraEvent) = apply {
        for (event in events) screen = screen.on(event).also { effects += it.effects }.state
    }

    fun count(effect: CameraEffect) = effects.count { it == effect }
    fun openings() = effects.filterIsInstance<CameraEffect.OpenCamera>().map { it.request }
    fun models() = effects.filterIsInstance<CameraEffect.OpenModel>().map { it.request }
    fun streaming() = on(CameraEvent.Started(GRANTED), CameraEvent.ModelsListed(listOf("a", "b")))
        .on(CameraEvent.ModelOpened(models().last(), REPORT), CameraEvent.CameraOpened(openings().last()))

    fun frame(label: String, nowMs: Long) = on(CameraEvent.FrameAnswered(models().last(), answerOf(label), nowMs))
    fun said() = effects.filterIsInstance<CameraEffect.Announce>().map { it.label }
}
