"""What a fake phone does wrong, and which dialect its daemon speaks."""

from __future__ import annotations

from dataclasses import dataclass

from fakes.phone import wire


@dataclass(slots=True, kw_only=True)
class Knobs:
    """Settings of a fake phone; all may be turned while it runs, those of the dialect before the host connects.

    Attributes:
        shell_v2: Whether exit codes and stderr reach the host; without, output is one stream.
        crlf: Whether lines end with CR LF, as through a terminal; None for as usual in the dialect.
        version: Version of the protocol.
        max_payload_bytes: Largest message.
        unauthorized: Whether the person at the phone has yet to accept this computer.
        offline: Whether the daemon answers with a malformed message.
        disk_full_after_bytes: Bytes that can still be pushed; None for plenty. With 0 scripts cannot write, either.
        vanish_after_push_bytes: The phone vanishes after so many bytes of file content; None for never.
        vanish_after_shell_calls: The phone vanishes when one more shell is opened; None for never.
        vanish_in_shell: The phone vanishes in a shell whose script holds this text; empty for never.
        vanish_after_output_bytes: After so many bytes of output in that shell.
        hang_in_shell: A shell whose script holds this text neither runs nor ends; empty for none.
        write_delay_s: Wait in seconds before each message of a stream.
        push_delay_s: Wait in seconds before each chunk of a pushed file is taken.
        corrupt_push: Whether the first byte of every pushed file is stored wrong.
    """

    shell_v2: bool = True
    crlf: bool | None = None
    version: int = wire.VERSION
    max_payload_bytes: int = wire.MAX_PAYLOAD_BYTES
    unauthorized: bool = False
    offline: bool = False
    disk_full_after_bytes: int | None = None
    vanish_after_push_bytes: int | None = None
    vanish_after_shell_calls: int | None = None
    vanish_in_shell: str = ""
    vanish_after_output_bytes: int = 0
    hang_in_shell: str = ""
    write_delay_s: float = 0.0
    push_delay_s: float = 0.0
    corrupt_push: bool = False

    @property
    def features(self) -> str:
        """What the daemon says it can do; without newer ways of sending files, so that hosts take the plain one."""
        return "shell_v2,cmd,stat_v2,fixed_push_mkdir" if self.shell_v2 else "cmd"

    @property
    def ends_lines_with_cr(self) -> bool:
        """Whether output passes as through a terminal."""
        return self.crlf if self.crlf is not None else not self.shell_v2
