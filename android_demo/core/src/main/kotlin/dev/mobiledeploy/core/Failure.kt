package dev.mobiledeploy.core

/**
 * Everything that can go wrong, as data; [sentence] says it to a person: what failed with the value, and what to do.
 */
sealed interface Failure {
    val sentence: String

    /** A file of a bundle is missing. */
    data class FileMissing(val bundle: String, val file: String) : Failure {
        override val sentence get() = "$bundle has no $file. Add the bundle again."
    }

    /** A file of a bundle is there and cannot be read. */
    data class FileUnreadable(val bundle: String, val file: String, val problem: String) : Failure {
        override val sentence get() = "$file of $bundle cannot be read: $problem. Add the bundle again."
    }

    /** model.json cannot be read or says what no model can be. */
    data class ManifestUnreadable(val bundle: String, val problem: String) : Failure {
        override val sentence get() = "model.json of $bundle cannot be used: $problem. Export the bundle again."
    }

    /** A file is not the one that the bundle was written with. */
    data class HashMismatch(val file: String, val expected: String, val found: String) : Failure {
        override val sentence
            get() = "$file was changed or damaged: its sha256 is ${found.take(12)}, recorded is ${expected.take(12)}. Add the bundle again."
    }

    /** labels.txt is no list of names. */
    data class LabelsUnreadable(val bundle: String, val problem: String) : Failure {
        override val sentence get() = "labels.txt of $bundle cannot be used: $problem. Export the bundle again."
    }

    /** The app's own list of its bundles cannot be read. */
    data class IndexUnreadable(val problem: String) : Failure {
        override val sentence get() = "The list of this app's models cannot be used: $problem. Build the app again."
    }

    /** labels.txt does not fit the model. */
    data class LabelsWrong(val bundle: String, val expected: Int, val found: Int) : Failure {
        override val sentence get() = "$bundle promises $expected labels, labels.txt holds $found. Export the bundle again."
    }

    /** The runtime refuses the file: truncated, of another kind, or with unknown operators. */
    data class ModelUnreadable(val bundle: String, val problem: String) : Failure {
        override val sentence get() = "The runtime does not open $bundle: $problem."
    }

    /** A tensor is not what model.json promises. */
    data class TensorWrong(val bundle: String, val which: String, val promised: String, val found: String) : Failure {
        override val sentence
            get() = "The $which of $bundle is $found, model.json promises $promised. Export the bundle again."
    }

    /** The model gives an embedding, which names no classes. */
    data class NamesNoClasses(val bundle: String) : Failure {
        override val sentence get() = "$bundle gives an embedding, which names no classes. Choose a classifier."
    }

    /** The runtime is too old to compute the file right. */
    data class RuntimeTooOld(val bundle: String, val needed: String, val found: String) : Failure {
        override val sentence get() = "$bundle needs runtime $needed or newer, this app has $found."
    }

    /** An inference failed. */
    data class RunFailed(val bundle: String, val problem: String) : Failure {
        override val sentence get() = "$bundle could not be run: $problem."
    }

    /** What was picked is no picture, or a damaged one. */
    data class PictureUnreadable(val problem: String) : Failure {
        override val sentence get() = "The picture cannot be read: $problem. Choose another one."
    }

    /** The picture has more pixels than can be held. */
    data class PictureTooLarge(val width: Int, val height: Int, val mostPixels: Long) : Failure {
        override val sentence
            get() = "The picture is too large: $width x $height pixels, at most ${mostPixels / 1_000_000} million fit. Choose a smaller one."
    }
}

/** Carries a [Failure] through code that cannot go on. */
class FailureException(val failure: Failure, cause: Throwable? = null) : Exception(failure.sentence, cause)
