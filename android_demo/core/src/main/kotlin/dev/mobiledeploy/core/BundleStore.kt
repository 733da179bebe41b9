package dev.mobiledeploy.core

import java.io.File
import java.io.FileInputStream
import java.io.FileOutputStream
import java.io.IOException

private const val BYTES_PER_MB = 1_000_000

/**
 * The bundles that were brought to the phone, each in a folder of its name under "models". One is there whole or not at all,
 * also when the process ends in the middle. What lies in "incoming" and "replaced" is on its way.
 *
 * @param root A folder of the app's own.
 */
class BundleStore(root: File) {
    private val models = File(root, "models")
    private val incoming = File(root, "incoming")
    private val replaced = File(root, "replaced")

    /** Lists the bundles by name. */
    fun names(): List<String> = synchronized(LOCK) {
        recover()
        models.listFiles(File::isDirectory).orEmpty().map(File::getName).filter(::isFileName).sorted()
    }

    /** Gives a bundle's files; null when there is none of that name. */
    fun files(name: String): BundleFiles? = synchronized(LOCK) {
        recover()
        File(models, name).takeIf { isFileName(name) && it.isDirectory }?.let(::FolderFiles)
    }

    /**
     * Takes a bundle over, in place of an older one of its name.
     *
     * @param name The bundle's name.
     * @param folder Where its files lie, each under its hash as its name.
     * @param files The sha256 of each file by the name that it has in the bundle.
     * @return The bundle, read and checked.
     * @throws FailureException A file is missing or another one, the whole is no sound bundle, or there is no space.
     */
    fun take(name: String, folder: File, files: Map<String, String>): LoadedBundle = synchronized(LOCK) {
        try {
            copy(name, folder, files)
            val bundle = BundleReader.read(FolderFiles(File(incoming, name)))
            if (bundle.card.name != name) throw FailureException(CopyFailed(name, "its model.json says ${bundle.card.name}"))
            putInPlace(name)
            bundle
        } catch (error: IOException) {
            throw FailureException(CopyFailed(name, reasonOf(error)), error)
        } finally {
            incoming.deleteRecursively()
        }
    }

    private fun copy(name: String, folder: File, files: Map<String, String>) {
        val odd = (files.keys + name).firstOrNull { !isFileName(it) }
        if (odd != null) throw FailureException(CopyFailed(name, "\"${printable(odd)}\" is no file name"))
        recover()
        val target = File(incoming, name)
        makeFolder(target)
        requireSpace(name, files.values.sumOf { File(folder, it).length() })
        for ((file, sha256) in files) copyFile(name, File(folder, sha256), File(target, file), sha256)
    }

    private fun requireSpace(name: String, neededBytes: Long) {
        val free = incoming.usableSpace
        if (neededBytes > free) {
            val problem = "it takes ${neededBytes / BYTES_PER_MB} MB, ${free / BYTES_PER_MB} MB are free"
            throw FailureException(CopyFailed(name, problem))
        }
    }

    private fun copyFile(name: String, source: File, target: File, sha256: String) {
        if (!source.isFile) throw FailureException(Failure.FileMissing(name, target.name))
        FileInputStream(source).use { from ->
            FileOutputStream(target).use { to ->
                from.copyTo(to)
                to.fd.sync()
            }
        }
        val found = FileInputStream(target).use(::sha256Of)
        if (found != sha256) throw FailureException(Failure.HashMismatch(target.name, sha256, found))
    }

    private fun putInPlace(name: String) {
        makeFolder(models)
        makeFolder(replaced)
        val place = File(models, name)
        if (place.exists()) rename(place, File(replaced, name))
        try {
            rename(File(incoming, name), place)
        } finally {
            recover()
        }
    }

    /** Finishes what a process that ended left behind: an older bundle is back unless the newer one is there. */
    private fun recover() {
        incoming.deleteRecursively()
        for (older in replaced.listFiles().orEmpty()) {
            val place = File(models, older.name)
            if (place.exists() || !older.renameTo(place)) older.deleteRecursively()
        }
    }

    private fun makeFolder(folder: File) {
        if (!folder.isDirectory && !folder.mkdirs()) throw IOException("${folder.name} cannot be made")
    }

    private fun rename(from: File, to: File) {
        if (!from.renameTo(to)) throw IOException("${from.name} cannot be moved to ${to.parentFile?.name}")
    }

    private companion object {
        // More than one screen may hold a store on the same folder.
        val LOCK = Any()
    }
}
