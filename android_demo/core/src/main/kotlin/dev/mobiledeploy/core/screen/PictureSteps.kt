package dev.mobiledeploy.core.screen

// Enough for a 90th percentile that the slowest few do not make.
private const val MEASURED_RUNS = 50

/** Begins to read a picture; what was said to another one is gone. */
internal fun PictureScreen.read(source: String): PictureNext {
    val request = requests + 1
    val reading = copy(
        picture = PictureState.Reading(request, source),
        slots = slots.mapValues { it.value.copy(answer = AnswerState.None) },
        measuring = null,
        requests = request,
    )
    return Next(reading, listOf(PictureEffect.ReadPicture(request, source)))
}

/** Puts a model that nobody has asked yet into a place, and opens it if the screen is seen. */
internal fun PictureScreen.put(place: Place, name: String): PictureNext =
    copy(slots = slots + (place to ModelSlot(name, ModelState.Resting)), measuring = null).woken(place)

/** Opens a model that rests, if the screen is seen. */
internal fun PictureScreen.woken(place: Place): PictureNext {
    val slot = slots.getValue(place)
    if (!isVisible || slot.model != ModelState.Resting) return Next(this)
    val request = requests + 1
    val loading = slot.copy(model = ModelState.Loading(request))
    val effect = PictureEffect.OpenModel(place, request, slot.name, settings)
    return Next(copy(slots = slots + (place to loading), requests = request), listOf(effect))
}

/** Changes a place if what opens its model is [request] and nothing later. */
internal fun PictureScreen.ifLoading(place: Place, request: Int, change: (ModelSlot) -> ModelSlot): PictureNext {
    val slot = slots[place]
    if (slot == null || slot.model != ModelState.Loading(request)) return Next(this)
    return Next(copy(slots = slots + (place to change(slot))))
}

/** Asks a model about the picture unless it has answered, or cannot. */
internal fun PictureScreen.askUnlessAnswered(place: Place): PictureNext = when (slots[place]?.answer) {
    is AnswerState.None, is AnswerState.Failed -> ask(place)
    is AnswerState.Given, is AnswerState.Pending, null -> Next(this)
}

/** Asks a model about the picture if both are ready. */
internal fun PictureScreen.ask(place: Place): PictureNext {
    val slot = slots[place]
    val model = slot?.model as? ModelState.Ready
    val shown = picture as? PictureState.Shown
    if (model == null || shown == null) return Next(this)
    val request = requests + 1
    val pending = slot.copy(answer = AnswerState.Pending(request, slot.answer.shown))
    val effect = PictureEffect.Classify(place, request, model.request, shown.request)
    return Next(copy(slots = slots + (place to pending), requests = request), listOf(effect))
}

internal fun PictureScreen.answered(event: PictureEvent.Answered): PictureNext {
    val slot = pending(event.place, event.request) ?: return Next(this)
    val given = slot.copy(answer = AnswerState.Given(event.answer), latency = slot.latency.add(event.answer.timing))
    return copy(slots = slots + (event.place to given)).measureOn(event.place)
}

internal fun PictureScreen.answerFailed(event: PictureEvent.AnswerFailed): PictureNext {
    val slot = pending(event.place, event.request) ?: return Next(this)
    val failed = slot.copy(answer = AnswerState.Failed(event.failure))
    val next = copy(slots = slots + (event.place to failed))
    return if (measuring?.place == event.place) next.measureAfter(event.place) else Next(next)
}

internal fun PictureScreen.measurePressed(): PictureNext = when {
    measuring != null -> Next(copy(measuring = null))
    picture !is PictureState.Shown -> Next(this)
    else -> measureFrom(Place.entries)
}

/** What is left of a place when nobody sees the screen. */
internal fun ModelSlot.rested(): ModelSlot = copy(
    model = if (model is ModelState.Failed) model else ModelState.Resting,
    answer = if (answer is AnswerState.Pending) answer.shown?.let(AnswerState::Given) ?: AnswerState.None else answer,
    latency = latency.cooled(),
)

private fun PictureScreen.pending(place: Place, request: Int): ModelSlot? =
    slots[place]?.takeIf { (it.answer as? AnswerState.Pending)?.request == request }

private fun PictureScreen.measureOn(place: Place): PictureNext = when {
    measuring?.place != place -> Next(this)
    measuring.left > 1 -> copy(measuring = measuring.copy(left = measuring.left - 1)).ask(place)
    else -> measureAfter(place)
}

private fun PictureScreen.measureAfter(place: Place): PictureNext = measureFrom(Place.entries.filter { it > place })

// One model after the other: side by side they would take turns in the caches and time each other.
private fun PictureScreen.measureFrom(places: List<Place>): PictureNext {
    val place = places.firstOrNull { slots[it]?.model is ModelState.Ready } ?: return Next(copy(measuring = null))
    val measured = copy(measuring = Measuring(place, MEASURED_RUNS))
    return if (slots.getValue(place).answer is AnswerState.Pending) Next(measured) else measured.ask(place)
}
