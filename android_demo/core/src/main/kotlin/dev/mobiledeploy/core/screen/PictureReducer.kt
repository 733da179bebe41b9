package dev.mobiledeploy.core.screen

import dev.mobiledeploy.core.Failure
import dev.mobiledeploy.core.NoModels
import dev.mobiledeploy.core.RunSettings

/** A [PictureScreen] with what is to be done for it. */
typealias PictureNext = Next<PictureScreen, PictureEffect>

/**
 * Begins the screen.
 *
 * @param saved What [PictureScreen.saved] gave before the process ended; empty at the first time.
 * @param usual How models are run unless that says otherwise.
 */
fun beginPictureScreen(saved: Map<String, String>, usual: RunSettings): PictureNext {
    val wished = mapOf(Place.FIRST to SavedKeys.FIRST, Place.SECOND to SavedKeys.SECOND)
        .mapNotNull { (place, key) -> saved[key]?.let { place to it } }.toMap()
    val screen = PictureScreen(ModelList.Listing, settingsIn(saved, usual), wished)
    return saved[SavedKeys.PICTURE]?.let(screen::read) ?: Next(screen)
}

/** Gives what [beginPictureScreen] needs to begin where this screen ends, as texts that outlive the process. */
fun PictureScreen.saved(): Map<String, String> {
    val names = wished + slots.mapValues { it.value.name }
    val source = when (picture) {
        is PictureState.None -> null
        is PictureState.Reading -> picture.source
        is PictureState.Shown -> picture.source
        is PictureState.Failed -> picture.source
    }
    val optional = listOf(
        SavedKeys.FIRST to names[Place.FIRST], SavedKeys.SECOND to names[Place.SECOND], SavedKeys.PICTURE to source,
    )
    return settings.saved() + optional.mapNotNull { (key, value) -> value?.let { key to it } }
}

/** Gives what follows when [event] happens to a screen. */
fun PictureScreen.on(event: PictureEvent): PictureNext = when (event) {
    is PictureEvent.Started -> started()
    is PictureEvent.Stopped -> stopped()
    is PictureEvent.ModelsListed -> listed(event.names)
    is PictureEvent.ListFailed -> Next(copy(models = ModelList.Failed(event.failure)))
    is PictureEvent.ModelArrived ->
        Next(copy(wished = wished + (Place.FIRST to event.name)), listOf(PictureEffect.ListModels))
    is PictureEvent.ModelChosen -> chosen(event.place, event.name)
    is PictureEvent.SettingsChosen -> set(event.settings)
    is PictureEvent.ModelOpened ->
        ifLoading(event.place, event.request) { it.copy(model = ModelState.Ready(event.request, event.report)) }
            .then { it.askUnlessAnswered(event.place) }
    is PictureEvent.ModelFailed ->
        ifLoading(event.place, event.request) { it.copy(model = ModelState.Failed(event.failure)) }
    is PictureEvent.PicturePicked -> read(event.source)
    is PictureEvent.PictureRead -> pictureRead(event.request)
    is PictureEvent.PictureFailed -> pictureFailed(event.request, event.failure)
    is PictureEvent.Answered -> answered(event)
    is PictureEvent.AnswerFailed -> answerFailed(event)
    is PictureEvent.MeasurePressed -> measurePressed()
    is PictureEvent.RetryPressed -> retried()
}

private fun PictureScreen.started(): PictureNext =
    slots.keys.fold(PictureNext(copy(isVisible = true), listOf(PictureEffect.ListModels))) { next, place ->
        next.then { it.woken(place) }
    }

private fun PictureScreen.stopped(): PictureNext = Next(
    copy(isVisible = false, measuring = null, slots = slots.mapValues { it.value.rested() }),
    slots.keys.map(PictureEffect::CloseModel),
)

private fun PictureScreen.listed(names: List<String>): PictureNext {
    if (names.isEmpty()) return Next(copy(models = ModelList.Failed(NoModels)))
    val listed: PictureNext = Next(copy(models = ModelList.Listed(names), wished = emptyMap()))
    return Place.entries.fold(listed) { next, place ->
        val known = slots[place]?.name?.takeIf(names::contains)
        val name = wished[place]?.takeIf(names::contains)
        when {
            name != null -> next.then { it.put(place, name) }
            known != null -> next
            place == Place.FIRST -> next.then { it.put(place, names.first()) }
            else -> next.then { it.emptied(place) }
        }
    }
}

private fun PictureScreen.chosen(place: Place, name: String?): PictureNext = when {
    name == null -> if (place == Place.SECOND) emptied(place) else Next(this)
    name !in (models as? ModelList.Listed)?.names.orEmpty() -> Next(this)
    slots[place].let { it?.name == name && it.model !is ModelState.Failed } -> Next(this)
    else -> put(place, name)
}

private fun PictureScreen.emptied(place: Place): PictureNext = when (place) {
    in slots -> Next(copy(slots = slots - place, measuring = null), listOf(PictureEffect.CloseModel(place)))
    else -> Next(this)
}

private fun PictureScreen.set(settings: RunSettings): PictureNext {
    if (settings == this.settings) return Next(this)
    return slots.entries.fold(PictureNext(copy(settings = settings))) { next, (place, slot) ->
        next.then { it.put(place, slot.name) }
    }
}

private fun PictureScreen.retried(): PictureNext {
    val listed: PictureNext = when (models) {
        is ModelList.Failed -> Next(copy(models = ModelList.Listing), listOf(PictureEffect.ListModels))
        is ModelList.Listed, is ModelList.Listing -> Next(this)
    }
    val failed = slots.filterValues { it.model is ModelState.Failed }
    val reopened = failed.entries.fold(listed) { next, (place, slot) -> next.then { it.put(place, slot.name) } }
    val asked = slots.filterValues { it.answer is AnswerState.Failed }.keys
        .fold(reopened) { next, place -> next.then { it.askUnlessAnswered(place) } }
    return if (picture is PictureState.Failed) asked.then { it.read(picture.source) } else asked
}

private fun PictureScreen.pictureRead(request: Int): PictureNext {
    val reading = picture as? PictureState.Reading
    if (reading?.request != request) return Next(this)
    val shown: PictureNext = Next(copy(picture = PictureState.Shown(request, reading.source)))
    return slots.keys.fold(shown) { next, place -> next.then { it.askUnlessAnswered(place) } }
}

private fun PictureScreen.pictureFailed(request: Int, failure: Failure): PictureNext {
    val reading = picture as? PictureState.Reading
    if (reading?.request != request) return Next(this)
    return Next(copy(picture = PictureState.Failed(reading.source, failure)))
}
