"""The two programs called benchmark_model are told apart and started with flags that they know."""

from __future__ import annotations

import pytest

from mobile_deploy.device.deadline import longest_s
from mobile_deploy.device.failures import ToolUnfitError
from mobile_deploy.device.measurement import DELEGATES, Configuration, RunRequest
from mobile_deploy.device.tool import GRAMMARS, ToolAbilities, arguments, probe
from mobile_deploy.errors import BadOptionError, UnknownNameError
from mobile_deploy.tflite.timing import LONGEST_PHASE_S

BASE = {
    "num_runs": ("50", "int32"),
    "min_secs": ("1", "float"),
    "max_secs": ("150", "float"),
    "num_threads": ("-1", "int32"),
    "benchmark_name": ("", "string"),
    "warmup_runs": ("1", "int32"),
    "warmup_min_secs": ("0.5", "float"),
    "graph": ("", "string"),
    "use_gpu": ("false", "bool"),
}
NEWER = {"report_peak_memory_footprint": ("false", "bool"), "result_file_path": ("", "string")}
INTERPRETER = {"enable_op_profiling": ("false", "bool"), "use_xnnpack": ("false", "bool")}
COMPILED = {"use_cpu": ("true", "bool"), "use_npu": ("false", "bool"), "use_profiler": ("false", "bool")}
COMPILED |= {"gpu-precision": ("auto", "string")}


def help_of(flags: dict[str, tuple[str, str]]) -> str:
    rows = [(f"--{name}={default}", kind) for name, (default, kind) in flags.items()]
    width = max(len(start) for start, _ in rows)
    listed = "".join(f"\t{start:<{width}}\t{kind}\toptional\tsee --other=3 for more\n" for start, kind in rows)
    return f"INFO: STARTING!\nERROR: usage: ./benchmark_model <flags>\nFlags:\n{listed}\n"


OLD = probe(help_of(BASE | INTERPRETER), tool="old")
NEW = probe(help_of(BASE | NEWER | INTERPRETER), tool="new")
COMPILED_MODEL = probe(help_of(BASE | NEWER | COMPILED), tool="compiled")


def request(delegate: str = "cpu", kind: str = "latency", **options: float) -> RunRequest:
    configuration = Configuration(model="v2", threads=4, delegate=delegate)
    return RunRequest(configuration=configuration, kind=kind, **options)


def given(abilities: ToolAbilities, asked: RunRequest, **options: object) -> dict[str, str]:
    """The arguments by name; each is given once."""
    pairs = [argument.removeprefix("--").split("=", 1) for argument in arguments(abilities, asked, **options)]
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


# Which tool it is


def test_each_tool_is_known_by_its_own_flags():
    assert (OLD.kind, NEW.kind, COMPILED_MODEL.kind) == ("interpreter", "interpreter", "compiled-model")
    assert OLD.flags == {*BASE, *INTERPRETER}
    assert "gpu-precision" in COMPILED_MODEL.flags


def test_a_terminal_changes_nothing():
    assert probe(help_of(BASE | NEWER | COMPILED).replace("\n", "\r\n"), tool="t") == COMPILED_MODEL


def test_the_result_file_is_known_to_newer_tools():
    assert [tool.writes_result_file for tool in (OLD, NEW, COMPILED_MODEL)] == [False, True, True]


def test_help_that_does_not_say_what_is_optional_is_read():
    """TensorFlow before 2.3."""
    old = help_of(BASE | INTERPRETER).replace("\toptional", "")
    assert probe(old, tool="t") == OLD


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ("/system/bin/sh: ./benchmark_model: not executable: 64-bit ELF file", "not built for the ABI armeabi-v7a"),
        ("sh: 1: ./benchmark_model: Exec format error", "not built for the ABI armeabi-v7a"),
        ('CANNOT LINK EXECUTABLE "./benchmark_model": library "libOpenCL.so" not found', "not built for the ABI"),
        ('error: "./benchmark_model" has unexpected e_machine: 62 (EM_X86_64)', "not built for the ABI"),
        ("./benchmark_model: error while loading shared libraries: libdl.so.2: cannot open", "not built for the ABI"),
        ("/bin/sh: ./benchmark_model: No such file or directory", "not built for the ABI"),
        ("/bin/sh: ./benchmark_model: Permission denied", "the phone does not let it start"),
        ("Hello!\nHow are you?", "it lists no flags, but says 'Hello!'"),
        ("", "it lists no flags and says nothing"),
    ],
)
def test_a_program_that_does_not_start_is_unfit_and_says_why(said, problem):
    with pytest.raises(ToolUnfitError) as caught:
        probe(said, tool="my/benchmark_model", abi="armeabi-v7a")
    assert problem in caught.value.message
    assert said.partition("\n")[0] in caught.value.message
    assert (caught.value.exit_code, caught.value.tool) == (3, "my/benchmark_model")
    assert "--tool FILE" in caught.value.hint


def test_another_program_with_such_flags_is_unfit():
    with pytest.raises(ToolUnfitError, match=r"does not list --num_runs, --min_secs"):
        probe(help_of({"graph": ("", "string"), "num_threads": ("1", "int32")}), tool="eval")
    with pytest.raises(ToolUnfitError, match=r"does not list --enable_op_profiling or --use_cpu or --use_npu"):
        probe(help_of(BASE), tool="other")
    with pytest.raises(ToolUnfitError, match="tries options by itself"):
        probe(help_of(BASE | INTERPRETER | {"perf_options_list": ("all", "string")}), tool="sweep")


# What it is started with


def test_a_latency_run_says_all_that_it_depends_on():
    asked = request(runs=70, seconds=2.5, warmup_seconds=0.25)
    assert arguments(NEW, asked, model_path="/data/m 1/model-0.tflite", result_path="/data/r") == (
        "--graph=/data/m 1/model-0.tflite",
        "--num_threads=4",
        "--num_runs=70",
        "--min_secs=2.5",
        f"--max_secs={LONGEST_PHASE_S:g}",
        "--warmup_runs=1",
        "--warmup_min_secs=0.25",
        "--use_xnnpack=true",
        "--result_file_path=/data/r",
    )


def test_a_long_run_is_not_cut_short_by_the_tool():
    assert longest_s(request()) == request().warmup_seconds + float(given(NEW, request(), model_path="m")["max_secs"])
    assert float(given(NEW, request(seconds=600), model_path="m")["max_secs"]) >= 600
    assert float(given(NEW, request(warmup_seconds=200), model_path="m")["max_secs"]) >= 200


@pytest.mark.parametrize(
    ("abilities", "delegate", "flags"),
    [
        (NEW, "cpu", {"use_xnnpack": "true"}),
        (NEW, "cpu-plain", {"use_xnnpack": "false"}),
        (NEW, "gpu", {"use_gpu": "true"}),
        (COMPILED_MODEL, "cpu", {"use_cpu": "true"}),
        (COMPILED_MODEL, "gpu", {"use_gpu": "true", "use_cpu": "false"}),
    ],
)
def test_each_delegate_is_spelled_as_the_tool_does(abilities, delegate, flags):
    plain = given(abilities, request(delegate), model_path="m")
    assert {name: value for name, value in plain.items() if name.startswith("use_")} == flags


def test_both_tools_know_only_delegates_that_there_are():
    assert set(GRAMMARS["interpreter"].delegates) == set(DELEGATES)
    assert set(GRAMMARS["compiled-model"].delegates) == set(DELEGATES) - {"cpu-plain"}
    assert "needs the Interpreter tool" in DELEGATES["cpu-plain"]


def test_the_compiled_model_tool_has_no_plain_cpu_and_the_other_tool_is_named():
    with pytest.raises(BadOptionError, match="'cpu-plain' does not exist in LiteRT's CompiledModel tool") as caught:
        arguments(COMPILED_MODEL, request("cpu-plain"), model_path="m")
    assert caught.value.exit_code == 2
    assert "Interpreter tool, with --tool FILE" in caught.value.hint


def test_a_delegate_that_was_left_out_of_a_build_is_named():
    without = ToolAbilities(kind="interpreter", flags=NEW.flags - {"use_gpu"})
    with pytest.raises(BadOptionError, match="'gpu' needs --use_gpu"):
        arguments(without, request("gpu"), model_path="m")


def test_memory_and_profile_are_asked_for_in_runs_of_their_own():
    assert given(NEW, request(kind="memory"), model_path="m")["report_peak_memory_footprint"] == "true"
    assert "report_peak_memory_footprint" not in given(OLD, request(kind="memory"), model_path="m")
    assert given(NEW, request(kind="profile"), model_path="m")["enable_op_profiling"] == "true"
    assert given(COMPILED_MODEL, request(kind="profile"), model_path="m")["use_profiler"] == "true"
    for kind in ("trial", "latency"):
        asked = given(NEW, request(kind=kind), model_path="m")
        assert {"report_peak_memory_footprint", "enable_op_profiling"} & set(asked) == set()


def test_a_tool_without_a_profile_is_named():
    without = ToolAbilities(kind="compiled-model", flags=COMPILED_MODEL.flags - {"use_profiler"})
    with pytest.raises(BadOptionError, match=r"--profile: .* --use_profiler"):
        arguments(without, request(kind="profile"), model_path="m")


def test_a_result_file_is_not_asked_of_a_tool_that_writes_none():
    assert "result_file_path" not in given(OLD, request(), model_path="m", result_path="r")
    assert "result_file_path" not in given(NEW, request(), model_path="m")


# Arguments of the user


def test_arguments_of_the_user_come_last_and_unchanged():
    extra = ("--benchmark_name=a b=c\nd",)
    assert arguments(NEW, request(), model_path="m", extra=extra)[-1:] == extra


@pytest.mark.parametrize("extra", ["benchmark_name=x", "--benchmark_name", "--benchmark_name x", "-h", ""])
def test_an_argument_in_another_form_is_refused(extra):
    with pytest.raises(BadOptionError, match="is not --name=value"):
        arguments(NEW, request(), model_path="m", extra=[extra])


@pytest.mark.parametrize(
    "name",
    [
        *("graph", "num_threads", "num_runs", "min_secs", "result_file_path", "use_xnnpack", "use_gpu", "use_cpu"),
        *("enable_op_profiling", "use_profiler", "help", "dry_run", "op_profiling_output_mode"),
    ],
)
def test_what_is_ours_to_set_cannot_be_set_past_us(name):
    with pytest.raises(BadOptionError, match=f"--{name} is set by mobile-deploy"):
        arguments(NEW, request(), model_path="m", extra=[f"--{name}=1"])


def test_a_flag_that_the_tool_does_not_know_is_named_with_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean benchmark_name") as caught:
        arguments(NEW, request(), model_path="m", extra=["--benchmark_nane=x"])
    assert "graph" not in caught.value.message
