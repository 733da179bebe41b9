package dev.mobiledeploy.core

import java.nio.Buffer

// ByteBuffer has overrides of these since Java 9, to which a compiler binds and which Android 8 lacks.

/** Sets the position of any buffer. */
internal fun Buffer.moveTo(newPosition: Int) {
    position(newPosition)
}

/** Sets position 0 and the limit to the capacity. */
internal fun Buffer.openWhole() {
    clear()
}
