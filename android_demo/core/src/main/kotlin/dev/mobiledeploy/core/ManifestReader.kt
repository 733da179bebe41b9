package dev.mobiledeploy.core

private const val SCHEMA_VERSION = 1L
private val SHA256 = Regex("[0-9a-f]{64}")

/** What model.json says of the bundle's other files, before anyone has looked at them. */
internal class Manifest(val card: ModelCard, val labelsSha256: String, val contract: JsonFields)

/**
 * Reads a model.json that is not trusted.
 *
 * @throws BadJsonException A field is missing, has the wrong type or an impossible value.
 */
internal fun readManifest(text: String): Manifest {
    val manifest = readJsonObject(text)
    manifest.whole("schema_version", SCHEMA_VERSION..SCHEMA_VERSION)
    val name = manifest.text("name")
    if (!isFileName(name)) throw BadJsonException("name is ${printable(name)}, which is no file name")
    return Manifest(
        card = readCard(manifest, name, printable(manifest.text("recipe")), manifest.child("tflite")),
        labelsSha256 = readSha256(manifest.child("labels")),
        contract = manifest.child("contract"),
    )
}

/**
 * Reads the list of the bundles in an app's assets.
 *
 * @param json Content of assets/models/index.json.
 * @return Names of the bundles in the order in which they are shown; the first is the default.
 * @throws FailureException It is no such list.
 */
fun readIndex(json: String): List<String> = try {
    val index = readJsonObject(json)
    index.whole("schema_version", SCHEMA_VERSION..SCHEMA_VERSION)
    val names = index.texts("models")
    names.find { !isFileName(it) }?.let { throw BadJsonException("${printable(it)} is no file name") }
    if (names.isEmpty() || names.toSet().size < names.size) throw BadJsonException("it names no model, or one twice")
    names
} catch (error: BadJsonException) {
    throw FailureException(Failure.IndexUnreadable(error.message.orEmpty()), error)
}

internal fun readSha256(file: JsonFields): String =
    file.text("sha256").takeIf(SHA256::matches) ?: throw BadJsonException("a sha256 is not 64 hexadecimal digits")
