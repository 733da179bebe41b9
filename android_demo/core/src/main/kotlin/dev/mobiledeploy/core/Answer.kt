package dev.mobiledeploy.core

/** One class with its score: a probability for softmax and sigmoid, the raw value for logits. */
data class Guess(val index: Int, val label: String, val score: Float)

/** How long one picture took, in milliseconds: fitting and encoding, the inference, reading the answer. */
data class Timing(val preMs: Double, val runMs: Double, val postMs: Double)

/** What a model says to one picture: the best classes, best first. */
data class Answer(val guesses: List<Guess>, val timing: Timing)
