"""The sources of an app of one screen: what every build must cope with, and no more."""

from __future__ import annotations

import shutil
from pathlib import Path

from mobile_deploy.android.sources import app_sources

MANIFEST = """\
<manifest xmlns:android="http://schemas.android.com/apk/res/android">
    <application android:label="@string/app_name">
        <activity android:name=".TinyActivity" android:exported="true" />
    </application>
</manifest>
"""
STRINGS = '<resources><string name="app_name">tiny</string></resources>\n'
CORE = """\
package dev.mobiledeploy.core

import kotlinx.serialization.json.Json
import kotlinx.serialization.json.jsonObject

interface Greeting {
    fun words(): List<String> = listOf("b", "a")
}

object Greeter : Greeting {
    fun greet(json: String) = (words().sorted() + Json.parseToJsonElement(json).jsonObject.keys).joinToString()
}
"""
# A lambda, a default method of an interface, a resource, the runtime and JSON: what dx and ProGuard stumble over.
ACTIVITY = """\
package dev.mobiledeploy.demo

import android.app.Activity
import android.os.Bundle
import android.widget.TextView
import dev.mobiledeploy.core.Greeter
import org.tensorflow.lite.Interpreter
import java.nio.ByteBuffer

class TinyActivity : Activity() {
    override fun onCreate(saved: Bundle?) {
        super.onCreate(saved)
        val view = TextView(this)
        view.setText(R.string.app_name)
        view.setOnClickListener { view.post { view.text = Greeter.greet("{}") } }
        runCatching { Interpreter(ByteBuffer.allocateDirect(9)) }.onFailure { view.text = it.message }
        setContentView(view)
    }
}
"""


def write_tiny_app(folder: Path, *, activity: str = ACTIVITY) -> Path:
    """Writes the sources into a folder, which is made; gives the folder."""
    files = {
        "core/src/main/kotlin/Greeter.kt": CORE,
        "app/src/main/kotlin/TinyActivity.kt": activity,
        "app/src/main/AndroidManifest.xml": MANIFEST,
        "app/src/main/res/values/strings.xml": STRINGS,
        "app/proguard-rules.pro": "# The manifest names all that is kept.\n",
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    shutil.copytree(app_sources() / "toolchain", folder / "toolchain")
    return folder
