"""The debug key of this machine, the one that Android Studio signs with.

Apps of one key replace each other on a phone; hence the same file, password, alias and name in the certificate.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from mobile_deploy.android.failures import BuildStepFailedError, KeystoreUnusableError
from mobile_deploy.android.java import Java
from mobile_deploy.android.programs import run_step
from mobile_deploy.files import write_file

ALIAS = "androiddebugkey"
# Published in Android's manuals: a debug key protects nothing.
PASSWORD = "android"
_NAME = "CN=Android Debug, O=Android, C=US"
_VALID_DAYS = 10_950


def debug_keystore() -> Path:
    """Gives the path of the debug keystore, which may not exist yet.

    Returns:
        `debug.keystore` in the folder that ANDROID_USER_HOME names, else in ~/.android, as Android Studio has it.
    """
    folder = os.environ.get("ANDROID_USER_HOME")
    return (Path(folder) if folder else Path.home() / ".android") / "debug.keystore"


def ensure_keystore(java: Java, path: Path) -> None:
    """Makes the debug keystore if there is none, and sees to it that it can be used.

    Args:
        java: The JDK.
        path: The file.

    Raises:
        KeystoreUnusableError: What is there has another password or lacks the key, or none can be made.
        OutputNotWritableError: Its folder cannot be written.
    """
    if not path.exists():
        write_file(path, _new_keystore(java, path))
        return
    options = ("-list", "-keystore", path, "-storepass", PASSWORD, "-alias", ALIAS)
    try:
        run_step("keytool", (java.program("keytool"), *options))
    except BuildStepFailedError as error:
        raise KeystoreUnusableError(path=path, problem=" ".join(error.output.split())[:200]) from error


def _new_keystore(java: Java, path: Path) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "debug.keystore"
        key = ("-genkeypair", "-alias", ALIAS, "-keyalg", "RSA", "-keysize", "2048", "-validity", str(_VALID_DAYS))
        store = ("-keystore", made, "-storetype", "PKCS12", "-storepass", PASSWORD, "-keypass", PASSWORD)
        try:
            run_step("keytool", (java.program("keytool"), *key, *store, "-dname", _NAME))
        except BuildStepFailedError as error:
            raise KeystoreUnusableError(path=path, problem=" ".join(error.output.split())[:200]) from error
        return made.read_bytes()
