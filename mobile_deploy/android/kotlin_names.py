"""Names and literals as Kotlin writes them."""

from __future__ import annotations

import re
import unicodedata

from mobile_deploy.errors import BadOptionError
from mobile_deploy.files import sha256_of_bytes

# Source: Kotlin language specification, grammar, hard keywords.
_KEYWORDS = {
    *("as", "break", "class", "continue", "do", "else", "false", "for", "fun", "if", "in", "interface"),
    *("is", "null", "object", "package", "return", "super", "this", "throw", "true"),
    *("try", "typealias", "typeof", "val", "var", "when", "while"),
}
_PACKAGE = re.compile(r"[a-z_]\w*(?:\.[a-z_]\w*)*", re.ASCII | re.IGNORECASE)
_PLAIN = re.compile(r"[ !#%-\[\]-~]")  # printable ASCII without ", $ and \


def check_package(name: str) -> str:
    """Gives a package name back if Kotlin and Android take it.

    Raises:
        BadOptionError: They do not.
    """
    keyword = next((part for part in name.split(".") if part in _KEYWORDS), None)
    if not _PACKAGE.fullmatch(name) or keyword:
        problem = f"{keyword!r} is a Kotlin keyword" if keyword else f"{name!r} is no package such as com.example.app"
        raise BadOptionError(option="--package", problem=problem)
    return name


def object_name(name: str) -> str:
    """Makes a bundle's name the name of a Kotlin object; one that loses letters on the way gets digits of a hash.

    >>> object_name("mobilenet_v2_1.0_224-int8")
    'MobilenetV2_1_0_224Int8'
    >>> object_name("Blumen")
    'Blumen'
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    joined = ""
    for word in re.findall(r"[A-Za-z0-9]+", plain):
        # 1.0 and 10 are two numbers.
        gap = "_" if joined[-1:].isdigit() and word[0].isdigit() else ""
        joined += f"{gap}{word[0].upper()}{word[1:]}"
    if plain != name or not joined:
        joined += f"_{sha256_of_bytes(name.encode())[:6]}"
    return joined if joined[0].isalpha() else f"Model{joined}"


def text_literal(text: str) -> str:
    r"""Writes a text so that no character of it ends the literal, starts a template or hides.

    >>> text_literal('a "b" $c \\ ü')
    '"a \\"b\\" \\$c \\\\ \\u00fc"'
    """
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(character: str) -> str:
    if _PLAIN.fullmatch(character):
        return character
    if character in '"$\\':
        return f"\\{character}"
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))


def double_literal(value: float) -> str:
    """Writes a Double that reads back as the same number.

    >>> double_literal(-1.0), double_literal(0.875), double_literal(1e-05)
    ('-1.0', '0.875', '1e-05')
    """
    return repr(float(value))


def float_literal(value: float) -> str:
    """Writes a Float; a number that a float32 holds reads back as that one.

    >>> float_literal(0.00390625)
    '0.00390625f'
    """
    return f"{float(value)!r}f"
