"""The two programs that are both called benchmark_model: telling them apart, and what to start them with.

Source: tflite/tools/benchmark and litert/tools/benchmark_litert_model of LiteRT, versions 1.2 to 2.2; the former as in
TensorFlow from 2.5 on.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from mobile_deploy.device.failures import ToolUnfitError
from mobile_deploy.device.measurement import RunRequest
from mobile_deploy.errors import BadOptionError, UnknownNameError
from mobile_deploy.tflite.timing import LONGEST_PHASE_S

ToolKind = Literal["interpreter", "compiled-model"]
"""Which of the two a benchmark_model is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolGrammar:
    """How one of the two programs spells what we ask of it.

    Attributes:
        kind: Which one.
        name: What people call it.
        marks: Flags that it always has and the other never.
        delegates: Flags with their values by delegate; what is missing it cannot do.
        profile: The flag that switches the profile of operators on.
    """

    kind: ToolKind
    name: str
    marks: frozenset[str]
    delegates: Mapping[str, tuple[tuple[str, str], ...]]
    profile: str


GRAMMARS: Mapping[ToolKind, ToolGrammar] = {
    "interpreter": ToolGrammar(
        kind="interpreter",
        name="LiteRT's Interpreter tool",
        marks=frozenset({"enable_op_profiling"}),
        # XNNPACK is in use unless it is switched off, but only said to be in use when it is switched on.
        delegates={
            "cpu": (("use_xnnpack", "true"),),
            "cpu-plain": (("use_xnnpack", "false"),),
            "gpu": (("use_gpu", "true"),),
        },
        profile="enable_op_profiling",
    ),
    "compiled-model": ToolGrammar(
        kind="compiled-model",
        name="LiteRT's CompiledModel tool",
        marks=frozenset({"use_cpu", "use_npu"}),
        # The CPU takes what the GPU cannot, unless --require_full_delegation=true is added: it needs use_cpu=false.
        delegates={"cpu": (("use_cpu", "true"),), "gpu": (("use_gpu", "true"), ("use_cpu", "false"))},
        profile="use_profiler",
    ),
}

MEMORY_FLAG = "report_peak_memory_footprint"
RESULT_FLAG = "result_file_path"

_REQUIRED = ("graph", "num_threads", "num_runs", "min_secs", "max_secs", "warmup_runs", "warmup_min_secs")
# They would take the result away, or change it so that it is no longer what the report says.
_HARMFUL = frozenset(
    {"help", "dry_run", "list_signatures", "op_profiling_output_mode", "op_profiling_output_file"}
    | {"profiling_output_csv_file"}
)
_OURS = frozenset(
    {*_REQUIRED, *_HARMFUL, MEMORY_FLAG, RESULT_FLAG}
    | {grammar.profile for grammar in GRAMMARS.values()}
    | {flag for grammar in GRAMMARS.values() for pairs in grammar.delegates.values() for flag, _ in pairs}
)

# Of the user's arguments as a shell reads them; old phones take a script of 4096 bytes, with ours in it.
_MOST_EXTRA_BYTES = 2000

_FLAG_LINE = re.compile(r"^\s*--([\w-]+)=[^\t\r\n]*\t\s*(?:bool|int32|int64|float|string)\b", re.MULTILINE | re.ASCII)
_SWEEP_FLAG = "perf_options_list"

_CANNOT_START = re.compile(
    r"not executable: \d+-bit ELF file|Exec format error|cannot execute|unexpected e_machine|instead of EM_"
    r"|CANNOT LINK EXECUTABLE|error while loading shared libraries|position independent executables"
    r"|version `[^']*' not found|inaccessible or not found|No such file or directory|benchmark_model: not found",
    re.IGNORECASE,
)
_FORBIDDEN = re.compile(r"Permission denied|Operation not permitted", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolAbilities:
    """What a benchmark_model can do, from its own help.

    Attributes:
        kind: Which of the two it is.
        flags: Names of its flags.
    """

    kind: ToolKind
    flags: frozenset[str]

    @property
    def grammar(self) -> ToolGrammar:
        """How it spells things."""
        return GRAMMARS[self.kind]

    @property
    def writes_result_file(self) -> bool:
        """Whether it can write its result as a file, with more digits than it prints."""
        return RESULT_FLAG in self.flags


def probe(help_text: str, *, tool: object, abi: str = "") -> ToolAbilities:
    """Tells which benchmark_model a program is.

    Args:
        help_text: All that it prints when it is started with --help, whatever its exit status.
        tool: Its path, for messages.
        abi: The ABI of the phone, for messages.

    Returns:
        What it can do.

    Raises:
        ToolUnfitError: It cannot be started on the phone, or is another program.
    """
    flags = frozenset(_FLAG_LINE.findall(help_text))
    if not flags:
        raise ToolUnfitError(tool=tool, problem=_not_started(help_text, abi))
    if _SWEEP_FLAG in flags:
        raise ToolUnfitError(tool=tool, problem=f"it is the one that tries options by itself (--{_SWEEP_FLAG})")
    if missing := [f"--{name}" for name in _REQUIRED if name not in flags]:
        raise ToolUnfitError(tool=tool, problem=f"its help does not list {', '.join(missing)}")
    for kind, grammar in GRAMMARS.items():
        if grammar.marks <= flags:
            return ToolAbilities(kind=kind, flags=flags)
    marks = " or ".join(f"--{mark}" for grammar in GRAMMARS.values() for mark in sorted(grammar.marks))
    raise ToolUnfitError(tool=tool, problem=f"its help does not list {marks}")


def _not_started(text: str, abi: str) -> str:
    lines = [line.strip() for line in re.split(r"[\r\n]+", text) if line.strip()]
    for pattern, problem in (
        (_FORBIDDEN, "the phone does not let it start"),
        (_CANNOT_START, f"it is not built for the ABI {abi}" if abi else "it is built for another ABI"),
    ):
        for line in lines:
            if pattern.search(line):
                return f"{problem} ({line[:200]})"
    return f"with --help it lists no flags{f', but says {lines[0][:200]!r}' if lines else ' and says nothing'}"


def arguments(
    abilities: ToolAbilities,
    request: RunRequest,
    *,
    model_path: str,
    result_path: str | None = None,
    extra: Iterable[str] = (),
) -> tuple[str, ...]:
    """Gives the arguments of one process, each as --name=value, which is the only form the tools know.

    Args:
        abilities: What the tool can do.
        request: What shall run.
        model_path: The model on the phone.
        result_path: Where the result file shall be written; left out where the tool writes none.
        extra: Arguments of the user, passed on at the end.

    Returns:
        The arguments without the name of the program.

    Raises:
        BadOptionError: The tool has no such delegate or profile, or an extra argument is not --name=value or sets what
            is ours to set.
        UnknownNameError: The tool does not know the flag of an extra argument.
    """
    # The tool stops at max_secs, however many inferences were asked for.
    longest_s = max(LONGEST_PHASE_S, 2 * request.seconds, 2 * request.warmup_seconds)
    settings = [
        ("graph", model_path),
        ("num_threads", str(request.configuration.threads)),
        ("num_runs", str(request.runs)),
        ("min_secs", f"{request.seconds:g}"),
        ("max_secs", f"{longest_s:g}"),
        ("warmup_runs", "1"),
        ("warmup_min_secs", f"{request.warmup_seconds:g}"),
        *_delegate(abilities, request.configuration.delegate),
    ]
    if request.kind == "memory" and MEMORY_FLAG in abilities.flags:
        settings.append((MEMORY_FLAG, "true"))
    if request.kind == "profile":
        settings.append(_profile(abilities))
    if result_path is not None and abilities.writes_result_file:
        settings.append((RESULT_FLAG, result_path))
    return (*(f"--{name}={value}" for name, value in settings), *_checked(abilities, extra))


def check_able(abilities: ToolAbilities, *, delegates: Iterable[str], profile: bool, extra: Iterable[str]) -> None:
    """Does nothing for a tool that can do all that is wanted; the rest is found before anything is measured.

    Args:
        abilities: What the tool can do.
        delegates: What shall run the models.
        profile: Whether the time by operator is wanted.
        extra: Arguments of the user.

    Raises:
        BadOptionError: The tool has no such delegate or profile, or an extra argument is not --name=value or sets what
            is ours to set.
        UnknownNameError: The tool does not know the flag of an extra argument.
    """
    for delegate in delegates:
        _delegate(abilities, delegate)
    if profile:
        _profile(abilities)
    _checked(abilities, extra)


def _delegate(abilities: ToolAbilities, name: str) -> tuple[tuple[str, str], ...]:
    known = abilities.grammar.delegates
    if name not in known:
        raise BadOptionError(
            option="--delegate",
            problem=f"{name!r} does not exist in {abilities.grammar.name}; there are {', '.join(known)}",
            hint="name another benchmark_model, LiteRT's Interpreter tool, with --tool FILE",
        )
    if missing := [flag for flag, _ in known[name] if flag not in abilities.flags]:
        raise BadOptionError(
            option="--delegate",
            problem=f"{name!r} needs --{missing[0]}, which this benchmark_model does not know",
            hint="name another benchmark_model with --tool FILE",
        )
    return known[name]


def _profile(abilities: ToolAbilities) -> tuple[str, str]:
    flag = abilities.grammar.profile
    if flag not in abilities.flags:
        raise BadOptionError(
            option="--profile",
            problem=f"this benchmark_model does not know --{flag}",
            hint="leave --profile out, or name another benchmark_model with --tool FILE",
        )
    return flag, "true"


def _checked(abilities: ToolAbilities, extra: Iterable[str]) -> tuple[str, ...]:
    extra = tuple(extra)
    if "\0" in "".join(extra) or len(shlex.join(extra).encode(errors="replace")) > _MOST_EXTRA_BYTES:
        problem = f"all together they must have under {_MOST_EXTRA_BYTES} bytes, none of them 0"
        raise BadOptionError(option="--tool-arg", problem=problem)
    for argument in extra:
        written = re.fullmatch(r"--([\w-]+)=(.*)", argument, re.DOTALL | re.ASCII)
        if written is None:
            raise BadOptionError(
                option="--tool-arg", problem=f"{argument!r} is not --name=value", hint="write --tool-arg=--name=value"
            )
        if written[1] in _OURS:
            raise BadOptionError(
                option="--tool-arg",
                problem=f"--{written[1]} is set by mobile-deploy itself",
                hint="use --threads, --delegate, --runs or --profile instead, or leave it out",
            )
        if written[1] not in abilities.flags:
            known = sorted(abilities.flags - _OURS)
            raise UnknownNameError(kind="flag of benchmark_model", name=written[1], known=known)
    return extra
