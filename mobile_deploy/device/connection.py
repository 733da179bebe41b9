"""One phone's shell, over adb, with an end that can be told from a lost connection.

Adb 29.0.1 to 30.0.5 exits with 0 when the phone vanishes in the middle, and phones before Android 7 always report 0.
So every script is followed by a line of our own, with a fresh random token and the exit code: without it there was no
end. What the script prints on both streams is merged on the phone, which is the only order that older ones keep.
"""

from __future__ import annotations

import os
import re
import secrets
from dataclasses import dataclass

from mobile_deploy.device.adb import Adb, AdbAnswer, AdbTimeoutError
from mobile_deploy.device.failures import PhoneFullError, PhoneLostError, PhoneRefusedError
from mobile_deploy.device.phones import USABLE_STATE, fix_for
from mobile_deploy.errors import MobileDeployError

LONGEST_SCRIPT_BYTES = 3900
"""Longest script. Old phones take 4096 bytes, our frame and the name of the service included.

Source: MAX_PAYLOAD_V1 in AOSP system/core/adb/adb.h.
"""

_STATE_S = 5.0
_TERMINAL_ENDS = re.compile(r"\r+\n")  # phones without shell v2 print through a terminal
_QUOTED = re.compile(r"'.*'")  # paths and serial numbers, which may hold any word
_NO_SPACE = "No space left"
# These mean that the link broke, even where the phone is back already.
_LINK_TROUBLE = ("protocol fault", "read from device", "not found", "reset", "Broken pipe", "offline", "no devices")
# What adb prints about a phone that it does not let us use, by the state that it means.
_STATES = {
    "unauthorized": "unauthorized",
    "still authorizing": "authorizing",
    "still connecting": "connecting",
    "offline": "offline",
    "insufficient permissions": "no permissions",
    "no permissions": "no permissions",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ShellAnswer:
    """What a script on a phone gave.

    Attributes:
        code: Its exit code.
        output: All that it printed, with Unix line ends.
    """

    code: int
    output: str

    @property
    def complaint(self) -> str:
        """Its last words in one line, for a message."""
        return " ".join(self.output.split())[-300:] or f"exit code {self.code}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A phone that is reached over adb.

    Attributes:
        adb: The program.
        serial: The phone's serial number.
    """

    adb: Adb
    serial: str

    def shell(self, script: str, *, timeout_s: float, doing: str) -> ShellAnswer:
        """Runs a short script to its end.

        Args:
            script: For the phone's sh. Everything in it that is not our own must be quoted by `shlex.quote`.
            timeout_s: The deadline in seconds.
            doing: What it is for, such as "pushing model-0.tflite".

        Raises:
            PhoneLostError: The phone vanished or does not answer in time.
            PhoneRefusedError: The phone is there and opens no shell.
        """
        try:
            return self.shell_until(script, timeout_s=timeout_s, doing=doing)
        except AdbTimeoutError as error:
            raise self.silence(doing, timeout_s) from error

    def shell_until(self, script: str, *, timeout_s: float, doing: str) -> ShellAnswer:
        """Runs a script like `shell`, for callers who know what to do when it takes too long.

        Raises:
            AdbTimeoutError: It did not end in time; what it printed until then is in the error. It may still run.
            PhoneLostError: The phone vanished.
            PhoneRefusedError: The phone is there and opens no shell.
        """
        token = secrets.token_hex(8)
        framed = f"(\n{script}\n) </dev/null 2>&1\nended=$?\necho\necho {token}:$ended."
        size = len(os.fsencode(framed))
        if size > LONGEST_SCRIPT_BYTES:
            raise ValueError(f"a script of {size} bytes; at most {LONGEST_SCRIPT_BYTES} reach a phone")
        try:
            answer = self.adb.run(("shell", framed), timeout_s=timeout_s, serial=self.serial)
        except AdbTimeoutError as error:
            error.output = _TERMINAL_ENDS.sub("\n", error.output)
            raise
        output = _TERMINAL_ENDS.sub("\n", answer.output)
        # With its point, since a line that was cut short would pass off 12 as 1.
        end = re.search(rf"\n{token}:(\d+)\.\s*\Z", output)
        if end is None:
            raise self.failure(answer, doing)
        return ShellAnswer(code=int(end[1]), output=output[: end.start()])

    def transfer(self, *arguments: str, timeout_s: float, doing: str) -> None:
        """Runs adb's push or pull.

        Raises:
            PhoneFullError: The phone has no space left.
            PhoneLostError: The phone vanished or does not answer in time.
            PhoneRefusedError: The phone does not give or take the file.
        """
        try:
            answer = self.adb.run(arguments, timeout_s=timeout_s, serial=self.serial)
        except AdbTimeoutError as error:
            raise self.silence(doing, timeout_s) from error
        if answer.code != 0:
            raise self.failure(answer, doing)

    def state(self) -> str:
        """Gives the phone's state as adb names it, or what adb says instead, such as "device 'X' not found"."""
        try:
            answer = self.adb.run(("get-state",), timeout_s=_STATE_S, serial=self.serial)
        except MobileDeployError as error:
            return error.message
        return answer.output.strip() if answer.code == 0 else _state_named(answer.complaint)

    def check(self, answer: ShellAnswer, doing: str) -> None:
        """Does nothing when a script ended with 0.

        Raises:
            PhoneFullError: It failed for want of space.
            PhoneRefusedError: It failed for another reason.
        """
        if answer.code == 0:
            return
        if _NO_SPACE in answer.output:
            raise PhoneFullError(serial=self.serial, reason=answer.complaint)
        raise PhoneRefusedError(serial=self.serial, doing=doing, problem=answer.complaint)

    def silence(self, doing: str, timeout_s: float) -> PhoneLostError:
        """Makes the error for a phone that let a deadline pass."""
        return PhoneLostError(serial=self.serial, doing=doing, problem=f"no answer within {round(timeout_s, 1):g} s")

    def failure(self, answer: AdbAnswer, doing: str) -> MobileDeployError:
        """Makes the error for a call of adb that did not do its work, after a look at the phone's state."""
        # Push and pull complain on standard output where they also draw their progress.
        complaint = answer.complaint or " ".join(answer.output.split())[-300:] * (answer.code != 0)
        if _NO_SPACE in complaint:
            return PhoneFullError(serial=self.serial, reason=complaint)
        state = self.state()
        judged = _QUOTED.sub("", complaint)
        lost = not judged or any(words in judged for words in _LINK_TROUBLE)
        if state == USABLE_STATE and not lost:
            return PhoneRefusedError(serial=self.serial, doing=doing, problem=complaint)
        if state == USABLE_STATE:
            problem = f"{complaint or 'the connection broke off'}; it is there again"
        elif state in _STATES.values():
            problem = f"it is {state}; {fix_for(state)}"
        else:
            problem = state
        return PhoneLostError(serial=self.serial, doing=doing, problem=problem)


def _state_named(complaint: str) -> str:
    """Finds the state in what adb complains about; gives the complaint where it names none."""
    judged = _QUOTED.sub("", complaint)
    return next((state for words, state in _STATES.items() if words in judged), complaint)
