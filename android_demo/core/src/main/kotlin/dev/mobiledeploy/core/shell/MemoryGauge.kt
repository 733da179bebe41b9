package dev.mobiledeploy.core.shell

import java.io.File
import java.io.IOException

private const val KB_PER_MB = 1024.0

// Source: proc(5), /proc/pid/clear_refs: the peak begins anew at what is resident now.
private const val RESET_PEAK = "5"

/** Tells how much memory the process takes. */
interface MemoryGauge {
    /** Begins anew; what is resident now counts as nothing. */
    fun begin()

    /** Growth of the peak resident size since [begin], in MB; null where the system does not tell. */
    fun growthMb(): Double?
}

/**
 * The gauge of Linux, and so of Android.
 *
 * @param process The folder in which the system tells about this process.
 */
class ProcessMemory(private val process: File = File("/proc/self")) : MemoryGauge {
    private var beforeMb: Double? = null

    override fun begin() {
        beforeMb = try {
            File(process, "clear_refs").writeText(RESET_PEAK)
            statusMb("VmRSS")
        } catch (_: IOException) {
            // The peak stays as it is, and only what rises above it shows.
            statusMb("VmHWM")
        }
    }

    override fun growthMb(): Double? {
        val before = beforeMb
        val peak = statusMb("VmHWM")
        return if (before == null || peak == null) null else maxOf(0.0, peak - before)
    }

    private fun statusMb(field: String): Double? = try {
        File(process, "status").readLines().firstOrNull { it.startsWith("$field:") }
            ?.removePrefix("$field:")?.trim()?.substringBefore(' ')?.toLongOrNull()?.let { it / KB_PER_MB }
    } catch (_: IOException) {
        null
    }
}
