"""Several questions to a phone in one call: each may go unanswered without harm to the others."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping

from mobile_deploy.device.connection import Connection
from mobile_deploy.errors import printable

_LONGEST_TEXT = 200


def ask_all(connection: Connection, questions: Mapping[str, str], *, timeout_s: float, doing: str) -> dict[str, str]:
    """Runs a command per question.

    Args:
        connection: The phone.
        questions: A command by the name of its question.
        timeout_s: The deadline for all together, in seconds.
        doing: What it is for, for messages.

    Returns:
        What each printed on standard output, by the name; empty where the phone has no such command.

    Raises:
        PhoneLostError: The phone vanished or does not answer in time.
        PhoneRefusedError: The phone is there and opens no shell.
    """
    mark = secrets.token_hex(6)
    # What a phone prints cannot forge a mark that it does not know.
    script = "exec 2>/dev/null\n" + "\n".join(f"echo\necho {mark}{name}\n({line})" for name, line in questions.items())
    output = connection.shell(script, timeout_s=timeout_s, doing=doing).output
    answers = dict.fromkeys(questions, "")
    for part in output.split(f"\n{mark}")[1:]:
        name, _, text = part.partition("\n")
        if name in answers:
            answers[name] = text.strip("\n")
    return answers


def one_line(text: str) -> str:
    """Makes a text from a phone fit to be shown: one line, short, and nothing that moves a cursor."""
    return printable(" ".join(text.split()))[:_LONGEST_TEXT]


def whole_number(text: str) -> int | None:
    """Reads a whole number, not below 0; None when the text is none."""
    found = re.fullmatch(r"\s*(\d{1,18})\s*", text, re.ASCII)
    return int(found[1]) if found else None
