"""A folder of our own on a phone: files are brought there and checked, programs run there, and it is gone at the end.

Only names of our own making exist in it, so no name that a user chose ever reaches a shell. Processes are known by
their working folder: whatever works in ours was started by us, also by an earlier run that was killed.
"""

from __future__ import annotations

import contextlib
import hashlib
import platform
import re
import secrets
import shlex
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mobile_deploy.device.adb import AdbTimeoutError
from mobile_deploy.device.connection import Connection
from mobile_deploy.device.cores import cores_of_mask, mask_of
from mobile_deploy.device.failures import PhoneRefusedError, RunTimedOutError
from mobile_deploy.errors import MobileDeployError, ToolFailedError
from mobile_deploy.files import cache_directory, sha256_of_file
from mobile_deploy.files.hashes import md5_of_file

BASES = ("/data/local/tmp", "/tmp")
"""Where the folder may be, best first: Android's place for programs of the shell, and any Unix's."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_STEP_S = 20.0
_CLEANING_S = 15.0
# The slowest link that is borne: an old phone on a weak wireless network.
_SLOWEST_BYTES_PER_S = 300_000
_LARGEST_PULL_BYTES = 32 * 2**20


class DamagedTransferError(ToolFailedError):
    """A file arrived on the phone, and is not what was sent.

    Attributes:
        serial: The phone.
        name: Name of the file there.
    """

    def __init__(self, *, serial: str, name: str, found: str) -> None:
        self.serial = serial
        self.name = name
        super().__init__(
            f"{name} arrived damaged on phone {serial!r}: it has {found or 'no content that can be read'}",
            hint="use another cable or port, and run the same command again",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramRun:
    """How a program on a phone ended.

    Attributes:
        code: Its exit code: 126 and 127 mean that it did not start, 128 and more that a signal ended it.
        output: All that it printed on both streams.
        cores: The cores it was allowed to run on; empty where the phone does not tell.
    """

    code: int
    output: str
    cores: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateFolder:
    """The folder, while it exists.

    Attributes:
        connection: The phone.
        path: Its path there.
    """

    connection: Connection
    path: str

    def push(self, content: Path | bytes, name: str, *, executable: bool = False) -> str:
        """Brings a file into the folder. It appears under its name only when it has arrived whole.

        Args:
            content: The file on this machine, or its bytes.
            name: Its name in the folder: letters, digits and ".", "_", "-".
            executable: Whether it is a program.

        Returns:
            Its path on the phone.

        Raises:
            DamagedTransferError: What arrived is something else.
            PhoneFullError: There is no space for it.
            PhoneLostError: The phone vanished or does not answer.
            PhoneRefusedError: The phone does not take it.
            UnreadableFileError: The file on this machine cannot be read.
        """
        path, doing = self._path(name), f"pushing {name}"
        if isinstance(content, bytes):
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder, "pushed")
                file.write_bytes(content)
                return self.push(file, name, executable=executable)
        prints = _fingerprints(content)
        timeout_s = _transfer_s(int(prints[-1][1]))
        local = str(content.resolve())
        self.connection.transfer("push", local, f"{path}.part", timeout_s=timeout_s, doing=doing)
        script = _checked_rename(path, prints, mode="700" if executable else "600")
        answer = self.connection.shell(script, timeout_s=timeout_s, doing=doing)
        if answer.code == _DIFFERS:
            raise DamagedTransferError(serial=self.connection.serial, name=name, found=answer.output.strip())
        self.connection.check(answer, doing)
        return path

    def pull(self, name: str) -> bytes | None:
        """Gives the content of a file in the folder; None when there is no such file.

        Args:
            name: Its name, as for `push`.

        Raises:
            PhoneLostError: The phone vanished or does not answer.
            PhoneRefusedError: It does not give the file, or the file has over 32 MiB.
        """
        path, doing = self._path(name), f"pulling {name}"
        answer = self.connection.shell(f"wc -c < {shlex.quote(path)}", timeout_s=_STEP_S, doing=doing)
        if answer.code != 0 or not answer.output.strip().isdecimal():
            return None
        size = int(answer.output)
        if size > _LARGEST_PULL_BYTES:
            problem = f"it has {size} bytes, at most {_LARGEST_PULL_BYTES} are taken"
            raise PhoneRefusedError(serial=self.connection.serial, doing=doing, problem=problem)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "pulled")
            self.connection.transfer("pull", path, str(file), timeout_s=_transfer_s(size), doing=doing)
            return file.read_bytes()

    def run(self, arguments: Sequence[str], *, timeout_s: float, what: object, cores: Sequence[int] = ()) -> ProgramRun:
        """Runs a program in the folder. It is killed there at the deadline and on any exception, Ctrl-C included.

        Args:
            arguments: The program, such as "./benchmark_model", and its arguments.
            timeout_s: The deadline in seconds.
            what: What is run, for messages.
            cores: The cores to bind it to; none for no binding. Where the phone cannot do that it runs unbound:
                compare with `cores` of the result.

        Raises:
            PhoneLostError: The phone vanished, or no longer answers after the deadline.
            PhoneRefusedError: The phone opens no shell.
            RunTimedOutError: The program did not end in time; its output until then is in the error.
        """
        mark = secrets.token_hex(8)
        script = _bound_start(self.path, arguments, mark=mark, cores=cores)
        try:
            answer = self.connection.shell_until(script, timeout_s=timeout_s, doing=f"running {what}")
        except AdbTimeoutError as error:
            self._kill()
            log = _split_mark(error.output, mark)[1]
            raise RunTimedOutError(what=what, timeout_s=timeout_s, log=log) from error
        except BaseException:
            with contextlib.suppress(MobileDeployError):
                self._kill()
            raise
        allowed, output = _split_mark(answer.output, mark)
        return ProgramRun(code=answer.code, output=output, cores=allowed)

    def _kill(self) -> None:
        folder = shlex.quote(self.path)
        script = f"kill -9 $(cat {folder}/pid) 2>/dev/null\n{_kill_in(self.path)}"
        self.connection.shell(script, timeout_s=_CLEANING_S, doing="killing the program")

    def _path(self, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name for a file in the private folder")
        return f"{self.path}/{name}"


@contextmanager
def private_folder(connection: Connection) -> Iterator[PrivateFolder]:
    """Makes a folder on a phone and removes it at the end, whatever happens; nothing else is ever removed.

    Folders that earlier runs of this user on this machine left behind are removed first, with what still runs in
    them. The phone's lock must be held, so that none of them is in use.

    Args:
        connection: The phone.

    Raises:
        PhoneFullError: There is no space for it.
        PhoneLostError: The phone vanished or does not answer.
        PhoneRefusedError: The phone lets nobody make a folder.
    """
    prefix = f"mobile-deploy-{_owner()}-"
    name = f"{prefix}{secrets.token_hex(4)}"
    try:
        yield PrivateFolder(connection=connection, path=_make(connection, prefix, name))
    finally:
        # What was measured, or what went wrong, matters more; the next run removes what stays.
        with contextlib.suppress(MobileDeployError):
            connection.shell(_removal(name), timeout_s=_CLEANING_S, doing="cleaning up")


def _owner() -> str:
    """Gives what runs that share the lock of a phone have in common: machine, user and cache."""
    return hashlib.sha256(f"{platform.node()}\0{cache_directory().absolute()}".encode()).hexdigest()[:10]


def _make(connection: Connection, prefix: str, name: str) -> str:
    doing = "making a folder"
    script = (
        f"{_removal(f'{prefix}*')}\nfor base in {' '.join(BASES)}; do\n"
        f'mkdir -m 700 "$base/{name}" && echo "made $base" && exit 0\ndone\nexit 1'
    )
    answer = connection.shell(script, timeout_s=_STEP_S, doing=doing)
    connection.check(answer, doing)
    made = re.findall(r"^made (.*)$", answer.output, re.MULTILINE)
    if not made or made[-1] not in BASES:
        raise PhoneRefusedError(serial=connection.serial, doing=doing, problem=answer.complaint)
    return f"{made[-1]}/{name}"


def _removal(pattern: str) -> str:
    """Writes the script that removes folders of ours and kills what runs in them.

    Args:
        pattern: Their name; a star at its end stands for any.
    """
    expression = pattern.replace("*", "[0-9a-f]*")
    kills = "\n".join(_kill_in(f"{base}/{expression}") for base in BASES)
    return f"{kills}\nrm -rf {' '.join(f'{base}/{pattern}' for base in BASES)}"


def _kill_in(folder: str) -> str:
    """Writes the script that kills every process that works in a folder, given as a regular expression without "#"."""
    expression = rf"s#.*/proc/\([0-9]*\)/cwd -> {folder}$#\1#p"
    return (
        f"for pid in $(ls -l /proc/[0-9]*/cwd 2>/dev/null | sed -n '{expression}'); do kill -9 $pid; done 2>/dev/null"
    )


_DIFFERS = 65  # EX_DATAERR; no program that the script calls ends with it


def _checked_rename(path: str, prints: Sequence[tuple[str, str]], *, mode: str) -> str:
    """Writes the script that renames PATH.part to PATH if the first fingerprint that the phone can take is the same."""
    file, part = shlex.quote(path), shlex.quote(f"{path}.part")
    tries = "\n".join(
        f"if said=$({command} < {part} 2>/dev/null); then\n"
        f"set -- $said\n"
        f'[ "$1" = {expected} ] || {{ echo "{command} $1"; exit {_DIFFERS}; }}\n'
        f"chmod {mode} {part} && mv -f {part} {file}; exit\nfi"
        for command, expected in prints
    )
    return f"{tries}\nexit {_DIFFERS}"


def _fingerprints(file: Path) -> tuple[tuple[str, str], ...]:
    """Gives what the phone may be asked about a file, best first, and the answers; the length in bytes is the last."""
    sha256 = sha256_of_file(file)
    return (
        ("sha256sum", sha256),
        ("toybox sha256sum", sha256),
        ("md5sum", md5_of_file(file)),
        ("wc -c", str(file.stat().st_size)),
    )


def _bound_start(folder: str, arguments: Sequence[str], *, mark: str, cores: Sequence[int]) -> str:
    """Writes the script that starts a program in a folder, after it has told its process id and its cores."""
    # The shell that tells is the process that becomes the program.
    telling = f'echo $$ > pid; echo "{mark}$(grep "^Cpus_allowed:" /proc/self/status 2>/dev/null)"; exec "$@"'
    lines = [f"cd {shlex.quote(folder)} || exit 126", "bind="]
    if cores:
        bind = f"taskset {mask_of(cores)}"
        # A phone without taskset, or with all these cores asleep, runs it unbound.
        lines.append(f"{bind} sh -c : >/dev/null 2>&1 && bind='{bind}'")
    return "\n".join((*lines, f"exec $bind sh -c {shlex.quote(telling)} sh {shlex.join(arguments)}"))


def _split_mark(output: str, mark: str) -> tuple[tuple[int, ...], str]:
    """Parts what the start told from what the program printed."""
    before, found, rest = output.partition(mark)
    if not found:
        return (), output
    told, _, printed = rest.partition("\n")
    return cores_of_mask(told.rpartition(":")[2].strip()), before + printed


def _transfer_s(size_bytes: int) -> float:
    return 30.0 + size_bytes / _SLOWEST_BYTES_PER_S
