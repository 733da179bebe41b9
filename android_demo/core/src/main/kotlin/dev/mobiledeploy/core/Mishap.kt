package dev.mobiledeploy.core

/** There is not enough memory for what was asked. */
data class OutOfMemory(val doing: String) : Failure {
    override val sentence get() = "The phone has not enough memory for $doing. Close other apps, or choose something smaller."
}

/** Something failed that never should. */
data class Unexpected(val doing: String, val problem: String) : Failure {
    override val sentence get() = "$doing failed: $problem. Try it again."
}

/** The app has no model to show. */
data object NoModels : Failure {
    override val sentence get() = "There is no model in this app. Bring one: mobile-deploy app push BUNDLE"
}

/** This phone, or this runtime, does not offer a delegate for the model. */
data class DelegateUnavailable(val delegate: Delegate, val problem: String) : Failure {
    override val sentence get() = "${delegate.word} cannot be used: $problem."
}

/** A bundle could not be taken over; what was there before is untouched. */
data class CopyFailed(val name: String, val problem: String) : Failure {
    override val sentence get() = "$name was not taken over: $problem. Run the same command again."
}

/** Says what an exception means to a person; [doing] is what was tried, such as "opening the model". */
fun failureOf(error: Throwable, doing: String): Failure = when (error) {
    is FailureException -> error.failure
    is OutOfMemoryError -> OutOfMemory(doing)
    else -> Unexpected(doing.replaceFirstChar(Char::uppercaseChar), reasonOf(error))
}

/** Gives the first line of what an exception says, without a full stop; in words where it says nothing. */
fun reasonOf(error: Throwable): String {
    val said = error.message?.trim()?.lineSequence()?.firstOrNull()?.trimEnd('.', ' ')
    return if (said.isNullOrEmpty()) "no reason was given (${error.javaClass.simpleName})" else said
}

/** Why something is refused, as one clause that can follow a colon. */
val Failure.reason: String
    get() = when (this) {
        is DelegateUnavailable -> problem
        is Failure.ModelUnreadable -> problem
        is Failure.RunFailed -> problem
        else -> sentence
    }
