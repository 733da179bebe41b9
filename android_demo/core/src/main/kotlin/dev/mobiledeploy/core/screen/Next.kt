package dev.mobiledeploy.core.screen

/** What a reducer gives: the next [state] of a screen, and the [effects] to carry out in this order. */
data class Next<out S, out E>(val state: S, val effects: List<E> = emptyList())

/** Goes on from the state that was reached; the effects of both steps follow each other. */
internal inline fun <S, E> Next<S, E>.then(step: (S) -> Next<S, E>): Next<S, E> {
    val next = step(state)
    return Next(next.state, effects + next.effects)
}
