package dev.mobiledeploy.core.fakes

import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.jsonObject

/** Makes model.json say something else in the field at [path], such as "contract.input.side"; null takes the field out. */
fun SmallBundle.say(path: String, json: String?): SmallBundle = apply {
    val manifest = Json.parseToJsonElement(files.getValue("model.json").decodeToString()).jsonObject
    files["model.json"] = manifest.with(path.split("."), json?.let(Json::parseToJsonElement)).toString().toByteArray()
}

private fun JsonObject.with(path: List<String>, value: JsonElement?): JsonObject {
    val name = path.first()
    val put = if (path.size == 1) value else getValue(name).jsonObject.with(path.drop(1), value)
    return JsonObject(if (put == null) this - name else this + (name to put))
}
