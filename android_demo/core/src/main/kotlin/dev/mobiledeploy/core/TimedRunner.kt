package dev.mobiledeploy.core

/** A runner whose runtime times the inference itself, without the copying of input and output. */
interface TimedRunner : ModelRunner {
    /** Time of the last inference in milliseconds; null where the runtime does not tell. */
    val lastRunMs: Double?
}
