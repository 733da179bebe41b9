"""The Android app: building it from the sources that ship, and checking what was built."""
