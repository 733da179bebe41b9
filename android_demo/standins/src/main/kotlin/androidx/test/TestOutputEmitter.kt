package androidx.test.internal.platform.util

/** Writes no files. */
object TestOutputEmitter {
    @JvmStatic
    @Suppress("UNUSED_PARAMETER")
    fun dumpThreadStates(file: String) = Unit
}
