"""What can go wrong while the app is built or checked, one class per remedy."""

from __future__ import annotations

from collections.abc import Iterable

from mobile_deploy.errors import EnvironmentMissingError, ToolFailedError

_SHOWN_LINES = 12


class BuildToolMissingError(EnvironmentMissingError):
    """A program that builds or checks the app is not here, or is too old.

    Attributes:
        program: Its name.
    """

    def __init__(self, *, program: str, problem: str, hint: str) -> None:
        self.program = program
        super().__init__(f"{program} {problem}", hint=hint)


class ArtifactsNotFetchedError(EnvironmentMissingError):
    """Maven did not bring the compiler and the libraries.

    Attributes:
        missing: Their coordinates.
    """

    def __init__(self, *, missing: Iterable[str], problem: str) -> None:
        self.missing = tuple(missing)
        shown = ", ".join(self.missing[:3]) + (", ..." if len(self.missing) > 3 else "")
        hint = "check the network; behind a proxy or mirror name it in ~/.m2/settings.xml; what has arrived is kept"
        if "PKIX" in problem:
            hint = (
                "Java keeps certificates of its own and misses this network's: put it into /usr/local/share/"
                "ca-certificates and run sudo update-ca-certificates --fresh, or import it with keytool"
            )
        super().__init__(
            f"Maven did not fetch {len(self.missing)} of the build's files ({shown}): {problem}", hint=hint
        )


class DamagedArtifactError(EnvironmentMissingError):
    """Maven brought another file than the one that is locked.

    Attributes:
        artifact: Its coordinates.
    """

    def __init__(self, *, artifact: str, expected: str, found: str) -> None:
        self.artifact = artifact
        super().__init__(
            f"{artifact} is not the file that is locked: sha256 {found[:12]}, locked is {expected[:12]}",
            hint="remove it from ~/.m2/repository and run again; if it stays so, do not trust the mirror it comes from",
        )


class BuildStepFailedError(ToolFailedError):
    """A program that takes part in the build failed.

    Attributes:
        step: What it was doing, such as "compiling core".
        output: All that it said.
    """

    def __init__(self, *, step: str, output: str, hint: str = "") -> None:
        self.step = step
        self.output = output
        told = [line for line in output.splitlines() if line.strip()]
        # Compilers tell the errors first, and then how often they told them.
        shown = "\n".join(told[:_SHOWN_LINES] + (["..."] if len(told) > _SHOWN_LINES else []))
        super().__init__(f"{step} failed: {shown or 'it says nothing'}", hint=hint)


class ForbiddenApiError(ToolFailedError):
    """The app calls what Android 8.0 does not offer to apps.

    Attributes:
        calls: One line for each: where it is called, and what.
    """

    def __init__(self, *, calls: Iterable[str], allow_list: object) -> None:
        self.calls = tuple(calls)
        super().__init__(
            f"the app calls what the oldest Android it is for does not offer: {'; '.join(self.calls)}",
            hint=f"call something else, or put it behind a check of SDK_INT and its name into {allow_list}",
        )


class KeystoreUnusableError(EnvironmentMissingError):
    """The debug keystore does not open as Android Studio's does.

    Attributes:
        path: The file.
    """

    def __init__(self, *, path: object, problem: str) -> None:
        self.path = path
        super().__init__(
            f"cannot sign with {path}: {problem}",
            hint="a debug keystore has the password android and the key androiddebugkey; "
            "move this file away and a new one is made",
        )
