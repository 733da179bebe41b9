"""A phone whose benchmark_model times the models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mobile_deploy.device.condition import read_condition
from mobile_deploy.device.cores import cores_for
from mobile_deploy.device.deadline import longest_s
from mobile_deploy.device.facts import PhoneFacts
from mobile_deploy.device.failures import RunTimedOutError, ToolUnfitError
from mobile_deploy.device.measurement import Condition, Configuration, Measurement, RunRequest
from mobile_deploy.device.private_folder import PrivateFolder
from mobile_deploy.device.settings import keep_awake
from mobile_deploy.device.tool import ToolAbilities, arguments, probe
from mobile_deploy.device.tool_log import parse_log

_PROGRAM = "benchmark_model"
_HELP_S = 30.0
# To start, to read the model and to compile it for a GPU, which takes phones up to a minute.
_GRACE_S = 90.0
# How much slower than expected a run may be before it is given up: a throttled phone is two to four times slower.
_PATIENCE = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledTool:
    """A benchmark_model in a phone's private folder.

    Attributes:
        abilities: What it can do.
        extra: Arguments of the user, passed on to it.
        origin: Where it came from, as JSON values: at least "sha256".
    """

    abilities: ToolAbilities
    extra: tuple[str, ...]
    origin: Mapping[str, Any]

    @property
    def runtime(self) -> str:
        """What tells this tool from another one, such as "LiteRT 2.2.0 (compiled-model)"."""
        version = self.origin.get("version")
        which = f"LiteRT {version}" if version else f"benchmark_model {self.origin['sha256'][:12]}"
        return f"{which} ({self.abilities.kind})"


def install_tool(
    folder: PrivateFolder, program: Path, *, abi: str, extra: Sequence[str], origin: Mapping[str, Any]
) -> InstalledTool:
    """Brings a benchmark_model to a phone and asks it what it can do.

    Args:
        folder: The phone's private folder.
        program: The file on this machine.
        abi: The phone's first ABI, for messages.
        extra: Arguments of the user, passed on to the tool.
        origin: Where the program came from, as JSON values: at least "sha256".

    Raises:
        ToolUnfitError: It does not run there, or is no benchmark_model.
        PhoneLostError: The phone vanished or does not answer.
        PhoneFullError: There is no space for it.
    """
    folder.push(program, _PROGRAM, executable=True)
    try:
        said = folder.run((f"./{_PROGRAM}", "--help"), timeout_s=_HELP_S, what="benchmark_model --help")
    except RunTimedOutError as error:
        problem = f"it does not answer --help within {_HELP_S:g} s"
        raise ToolUnfitError(tool=program, problem=problem) from error
    return InstalledTool(abilities=probe(said.output, tool=program, abi=abi), extra=tuple(extra), origin=dict(origin))


class PhoneTarget:
    """A phone with a tool and models in its private folder.

    Args:
        folder: The private folder.
        facts: What the phone is.
        tool: The tool in the folder.
        models: Paths of the models on the phone by name.
        grace_s: How long a process may take beyond what is expected of it in seconds.
    """

    def __init__(
        self,
        folder: PrivateFolder,
        facts: PhoneFacts,
        *,
        tool: InstalledTool,
        models: Mapping[str, str],
        grace_s: float = _GRACE_S,
    ) -> None:
        self._folder = folder
        self._facts = facts
        self._tool = tool
        self._models = dict(models)
        self._grace_s = grace_s
        self._inference_s: dict[Configuration, float] = {}
        self._results = 0

    @property
    def name(self) -> str:
        """What people call the phone."""
        return self._facts.name

    def cores(self, threads: int) -> tuple[int, ...]:
        """Gives the cores that a process with so many threads is bound to: the big ones first."""
        return cores_for(self._facts.cores, threads)

    def condition(self) -> Condition:
        """Says how hot, charged and fast it is now, and switches its screen on again if that went off.

        Raises:
            PhoneLostError: It no longer answers.
        """
        condition = read_condition(self._folder.connection)
        keep_awake(self._folder.connection, condition)
        return condition

    def run(self, request: RunRequest) -> Measurement:
        """Runs one process to its end.

        Raises:
            RunFailedError: The process failed, or what it printed is no result.
            PhoneLostError: The phone no longer answers.
        """
        self._results += 1
        result = f"result-{self._results}.pb"
        configuration, abilities = request.configuration, self._tool.abilities
        spelled = arguments(
            abilities,
            request,
            model_path=self._models[configuration.model],
            result_path=f"{self._folder.path}/{result}",
            extra=self._tool.extra,
        )
        cores = self.cores(configuration.threads)
        ended = self._folder.run(
            (f"./{_PROGRAM}", *spelled), timeout_s=self._timeout_s(request), what=configuration, cores=cores
        )
        # On a full phone the file stays empty, and the figures are printed all the same.
        proto = (self._folder.pull(result) or None) if abilities.writes_result_file else None
        measured = parse_log(ended.output, request=request, abilities=abilities, proto=proto, exit_status=ended.code)
        self._inference_s[configuration] = measured.centre_ms / 1e3
        return replace(measured, doubts=(*measured.doubts, *_core_doubts(cores, ended.cores)))

    def to_json(self) -> dict[str, Any]:
        """Gives all that identifies the phone and the tool, as JSON values."""
        facts = self._facts
        return {
            "kind": "phone",
            "name": self.name,
            "system": facts.system,
            "runtime": self._tool.runtime,
            **facts.to_json(),
            "tool": {
                "kind": self._tool.abilities.kind,
                **self._tool.origin,
                "extra_arguments": list(self._tool.extra),
            },
        }

    def _timeout_s(self, request: RunRequest) -> float:
        """Gives how long a process may take: a multiple of what is expected, and no longer than the tool itself allows.

        Where nothing is known of the configuration yet, it is what the tool allows.
        """
        most_s = longest_s(request)
        inference_s = self._inference_s.get(request.configuration)
        if inference_s is None:
            return self._grace_s + most_s
        timed_s = max(request.seconds, request.runs * inference_s)
        expected_s = timed_s + request.warmup_seconds + inference_s
        # The tool looks at its clock between inferences: each of its two phases may end one late.
        return self._grace_s + min(_PATIENCE * expected_s, most_s + 2 * _PATIENCE * inference_s)


def _core_doubts(asked: Sequence[int], told: Sequence[int]) -> tuple[str, ...]:
    if not asked or tuple(told) == tuple(asked):
        return ()
    if not told:
        return ("the phone does not tell on which cores it ran",)
    return (f"it was to run on the cores {_listed(asked)} and could run on {_listed(told)}",)


def _listed(cores: Sequence[int]) -> str:
    return ",".join(map(str, cores))
