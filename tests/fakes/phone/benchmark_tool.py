"""A benchmark_model for the fake phone: a file that a test pushes there and that runs.

It makes latencies up from a heat model, or really runs the model with LiteRT, or prints a given log.
"""

from __future__ import annotations

import json
import sys
import sysconfig
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from fakes.phone.device import FakePhone

_TESTS = Path(__file__).resolve().parents[2]
_SCRIPT = """#!{python} -IS
import json, sys
sys.path.insert(0, {tests!r})
from fakes.phone.tool_program import main
main(json.loads({task!r}))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """A log that the tool prints instead of running anything.

    Attributes:
        text: Its standard output.
        errors: Its standard error.
        exit_code: How it ends.
        signal: The signal that ends it; 0 for none.
        hangs: Whether it then sits there until it is killed.
        when: Only for runs whose arguments hold this text, such as "--use_gpu=true".
        calls: Only for these runs, counted from 1; empty for all.
    """

    text: str = ""
    errors: str = ""
    exit_code: int = 0
    signal: int = 0
    hangs: bool = False
    when: str = ""
    calls: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeTool:
    """How the tool behaves.

    Attributes:
        grammar: "interpreter" or "compiled-model".
        real: Whether it really runs the model; otherwise latencies are made up in virtual time.
        replays: Logs that it prints instead; the first that fits.
        default_ms: Made-up latency with one thread.
        latency_ms: The same by SHA-256 of the model.
        noise: Standard deviation of the logarithm of latencies between processes.
        seed: Of that noise.
        gpu: What becomes of the GPU delegate: "full", "partial", "none", "silent" (CPU without a word) or "fail".
        percentiles: Whether phases tell p5, median and p95, as from LiteRT 1.2 on.
        without: Flags that it does not know.
    """

    grammar: str = "interpreter"
    real: bool = False
    replays: tuple[Replay, ...] = ()
    default_ms: float = 10.0
    latency_ms: dict[str, float] = field(default_factory=dict)
    noise: float = 0.02
    seed: int = 0
    gpu: str = "full"
    percentiles: bool = True
    without: tuple[str, ...] = ()

    @classmethod
    def replaying(cls, text: str, **settings: Any) -> Self:
        """Makes a tool that prints a log in every run; settings are those of `Replay`."""
        return cls(replays=(Replay(text=text, **settings),))

    def changed(self, **settings: Any) -> Self:
        """Gives the same tool with other settings."""
        return replace(self, **settings)

    def write(self, file: Path) -> Path:
        """Writes the file that a test pushes."""
        task = asdict(self) | {"libraries": [sysconfig.get_paths()["purelib"]]}
        file.write_text(_SCRIPT.format(python=sys.executable, tests=str(_TESTS), task=json.dumps(task)))
        file.chmod(0o755)
        return file


def runs_of(phone: FakePhone) -> tuple[dict[str, Any], ...]:
    """Gives what the tool noted of each run on a phone: arguments, cpus_allowed, init_us, warmup_us, runs_us, ..."""
    file = phone.state / "runs.jsonl"
    return tuple(map(json.loads, file.read_text().splitlines())) if file.exists() else ()


def started_runs(phone: FakePhone) -> tuple[str, ...]:
    """Gives the arguments of every run that began, replays too."""
    return phone.noted("benchmark_model")
