"""Where a model is timed: a phone over adb, the app on it, or this machine."""
