"""What can go wrong between this machine and a phone, one class per remedy."""

from __future__ import annotations

from collections.abc import Iterable

from mobile_deploy.errors import EnvironmentMissingError, ToolFailedError, UsageError


class AdbMissingError(EnvironmentMissingError):
    """There is no adb, or it does not start."""

    def __init__(self, *, problem: str, hint: str) -> None:
        super().__init__(problem, hint=hint)


class NoPhoneError(EnvironmentMissingError):
    """No phone is connected, or not the one that was named.

    Attributes:
        serial: The one that was named; None for any.
        connected: The serial numbers that are there.
    """

    def __init__(self, *, serial: str | None = None, connected: Iterable[str] = ()) -> None:
        self.serial = serial
        self.connected = tuple(connected)
        named = "no phone is connected" if serial is None else f"no phone {serial!r} is connected"
        there = f"; connected: {', '.join(map(repr, self.connected))}" if self.connected else ""
        super().__init__(f"{named}{there}", hint="connect one by USB and switch on Developer options > USB debugging")


class PhoneNotUsableError(EnvironmentMissingError):
    """A phone is connected and cannot be used as it is.

    Attributes:
        serial: Its serial number.
        state: As adb names it: "offline", "unauthorized", ...
    """

    def __init__(self, *, serial: str, state: str, remedy: str) -> None:
        self.serial = serial
        self.state = state
        super().__init__(f"phone {serial!r} is {state}", hint=remedy)


class SeveralPhonesError(UsageError):
    """Several phones are connected and none was named.

    Attributes:
        serials: Their serial numbers.
    """

    def __init__(self, *, serials: Iterable[str]) -> None:
        self.serials = tuple(serials)
        super().__init__(
            f"{len(self.serials)} phones are connected: {', '.join(map(repr, self.serials))}",
            hint="name one with -s SERIAL, or pass --all-devices",
        )


class PhoneBusyError(EnvironmentMissingError):
    """Another process of this machine is measuring on the phone.

    Attributes:
        serial: The phone.
    """

    def __init__(self, *, serial: str) -> None:
        self.serial = serial
        super().__init__(
            f"another mobile-deploy is measuring on phone {serial!r}; two at once would disturb each other",
            hint="wait until it is done, or name another phone with -s SERIAL",
        )


class PhoneNotReadyError(EnvironmentMissingError):
    """Numbers that are taken now would not be believed.

    Attributes:
        objections: One clause for each, such as "battery at 12 %, needed are 30 %".
    """

    def __init__(self, *, serial: str, objections: Iterable[str], remedies: Iterable[str]) -> None:
        self.serial = serial
        self.objections = tuple(objections)
        super().__init__(
            f"phone {serial!r} is not fit to be measured: {'; '.join(self.objections)}",
            hint=f"{'; '.join(remedies)}; or pass --force, and the report will say so",
        )


class PhoneFullError(EnvironmentMissingError):
    """The phone has too little space for the model or the tool."""

    def __init__(self, *, serial: str, reason: str) -> None:
        self.serial = serial
        super().__init__(f"phone {serial!r} has too little space: {reason}", hint="free some space on it")


class ToolUnfitError(EnvironmentMissingError):
    """The benchmark program does not run on the phone, or is none.

    Attributes:
        tool: Its path.
    """

    def __init__(self, *, tool: object, problem: str, hint: str = "") -> None:
        self.tool = tool
        super().__init__(
            f"{tool} is no benchmark_model for this phone: {problem}",
            hint=hint or "name one that is built for the phone with --tool FILE, or leave --tool out to download it",
        )


class AppMissingError(EnvironmentMissingError):
    """The sample app is not on the phone, or is too old for what is asked of it."""

    def __init__(self, *, serial: str, problem: str) -> None:
        self.serial = serial
        super().__init__(
            f"phone {serial!r}: {problem}", hint="run: mobile-deploy app build BUNDLE, then mobile-deploy app install"
        )


class PhoneLostError(ToolFailedError):
    """The phone vanished or fell silent in the middle of the work.

    Attributes:
        serial: The phone.
        doing: What was being done, such as "pushing model-0.tflite".
    """

    def __init__(self, *, serial: str, doing: str, problem: str) -> None:
        self.serial = serial
        self.doing = doing
        super().__init__(
            f"phone {serial!r} was lost while {doing}: {problem}",
            hint="check the cable, unlock the phone and run the same command again",
        )


class PhoneRefusedError(ToolFailedError):
    """The phone refused a command that it should be able to carry out."""

    def __init__(self, *, serial: str, doing: str, problem: str, hint: str = "") -> None:
        self.serial = serial
        self.doing = doing
        super().__init__(f"phone {serial!r} refused {doing}: {problem}", hint=hint or "run: mobile-deploy devices")


class RunFailedError(ToolFailedError):
    """One process on a phone or on this machine failed; what others measured stays.

    Attributes:
        what: The configuration that was run.
        reason: What went wrong.
    """

    def __init__(self, *, what: object, reason: str, log: str = "", hint: str = "") -> None:
        self.what = what
        self.reason = reason
        self.log = log
        super().__init__(f"{what}: {reason}", hint=hint or "read the log in the report")


class RunTimedOutError(RunFailedError):
    """A process did not end in time and was killed."""

    def __init__(
        self, *, what: object, timeout_s: float, log: str = "", hint: str = "try fewer threads, or another delegate"
    ) -> None:
        self.timeout_s = timeout_s
        super().__init__(what=what, reason=f"it did not end within {timeout_s:g} s and was killed", log=log, hint=hint)


class GarbledResultError(RunFailedError):
    """A process ended well and printed no complete result."""

    def __init__(self, *, what: object, reason: str, log: str = "") -> None:
        super().__init__(
            what=what,
            reason=f"no complete result: {reason}",
            log=log,
            hint="name another benchmark_model with --tool FILE",
        )
