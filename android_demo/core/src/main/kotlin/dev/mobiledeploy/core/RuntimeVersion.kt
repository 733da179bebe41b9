package dev.mobiledeploy.core

private val RELEASE = Regex("[0-9]{1,6}(\\.[0-9]{1,6}){1,3}")

// LiteRT counts anew: its 1.0 follows TFLite 2.17. Of its later releases it is not known which TFLite they follow, only
// that its second count began after the last TFLite of the first.
// Source: tflite/tools/versioning/runtime_version.cc, google-ai-edge/LiteRT.
private const val NEW_COUNT = "LiteRT"
private val BEFORE_FIRST_LITERT = listOf(2, 17)
private val BEFORE_SECOND_LITERT = listOf(3)

/** A release of the runtime in TFLite's count. */
internal class RuntimeVersion private constructor(private val numbers: List<Int>) : Comparable<RuntimeVersion> {
    override fun compareTo(other: RuntimeVersion): Int {
        for (i in 0 until maxOf(numbers.size, other.numbers.size)) {
            val difference = numbers.getOrElse(i) { 0 }.compareTo(other.numbers.getOrElse(i) { 0 })
            if (difference != 0) return difference
        }
        return 0
    }

    companion object {
        /** Reads what a contract asks for, such as "2.14"; null if it names no release. */
        fun ofContract(text: String): RuntimeVersion? = text.takeIf(RELEASE::matches)?.let { RuntimeVersion(numbersOf(it)) }

        /** Reads what a [ModelRunner] says of itself, such as "LiteRT 1.4.2"; null if it names no release. */
        fun ofRunner(text: String): RuntimeVersion? {
            val numbers = numbersOf(RELEASE.find(text)?.value ?: return null)
            val before = when {
                !text.startsWith(NEW_COUNT) -> emptyList()
                numbers.first() < 2 -> BEFORE_FIRST_LITERT
                else -> BEFORE_SECOND_LITERT
            }
            return RuntimeVersion(before + numbers)
        }

        private fun numbersOf(release: String) = release.split(".").map(String::toInt)
    }
}
