package dev.mobiledeploy.core

/**
 * How a stored picture lies, as EXIF's Orientation tag says it.
 *
 * The upright picture has the stored one's columns as rows where [swapsAxes]; then its columns count from the right
 * where [fromRight], its rows from the bottom where [fromBottom].
 *
 * Source: Exif 2.32, tag 0x0112.
 *
 * @property exif Value of the tag.
 */
enum class Turn(val exif: Int, val swapsAxes: Boolean, val fromRight: Boolean, val fromBottom: Boolean) {
    UPRIGHT(1, false, false, false),
    MIRRORED(2, false, true, false),
    HALF_TURN(3, false, true, true),
    UPSIDE_DOWN_MIRRORED(4, false, false, true),
    TRANSPOSED(5, true, false, false),
    QUARTER_CLOCKWISE(6, true, true, false),
    TRANSVERSED(7, true, true, true),
    QUARTER_COUNTERCLOCKWISE(8, true, false, true);

    companion object {
        private val quarters = listOf(UPRIGHT, QUARTER_CLOCKWISE, HALF_TURN, QUARTER_COUNTERCLOCKWISE)
        private const val QUARTER_DEGREES = 90

        /** The turn that an EXIF tag asks for; a value that EXIF does not know leaves the picture as it is. */
        fun ofExif(tag: Int): Turn = entries.find { it.exif == tag } ?: UPRIGHT

        /**
         * The turn that makes a picture upright by rotating it clockwise, as a camera tells it.
         *
         * @param clockwise Degrees, a multiple of 90; it may be negative or beyond a full turn.
         */
        fun ofDegrees(clockwise: Int): Turn {
            require(clockwise % QUARTER_DEGREES == 0) { "$clockwise degrees is no multiple of $QUARTER_DEGREES" }
            return quarters[Math.floorMod(clockwise / QUARTER_DEGREES, quarters.size)]
        }
    }
}
