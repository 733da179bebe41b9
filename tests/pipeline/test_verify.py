"""`verify`: every check passes on what was written, and fails when its own thing is broken."""

from __future__ import annotations

import json
import math
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes.answering import contract_of
from fakes.tflite_file import crashing
from fakes.tiny_bundles import LABELS, edit_manifest, make_tiny_bundles, rehash, tflite_of, tiny_network

import mobile_deploy
from mobile_deploy.bundle import load_bundle
from mobile_deploy.errors import BadOptionError, UnreadableFileError
from mobile_deploy.evaluation.parity import measure_parity
from mobile_deploy.pipeline.closeness import Closeness
from mobile_deploy.pipeline.verification import VerificationFailedError, VerifyResult
from mobile_deploy.pipeline.verify import _check_agreement, verify
from mobile_deploy.recipes import RECIPES, get_recipe
from mobile_deploy.tflite.audit import audit_graph
from mobile_deploy.tflite.graph import read_graph
from mobile_deploy.tflite.metadata import attach_metadata
from mobile_deploy.tflite.mixed import keep_float

EARLIER = Path(__file__).parent.parent / "data" / "bundles_without_metadata"
FILE = "kleines Netz-int8.tflite"
GOLDEN = "golden vectors"


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> dict[str, Path]:
    """Bundles of the tiny network in every recipe."""
    return make_tiny_bundles(tmp_path_factory.mktemp("made"), quant=tuple(RECIPES))


@pytest.fixture(scope="module")
def wide(tmp_path_factory) -> dict[str, Path]:
    """Those of a network whose convolution has 1,080 weights."""
    return make_tiny_bundles(tmp_path_factory.mktemp("wide"), quant=tuple(RECIPES), channels=40)


@pytest.fixture
def bundle(made, tmp_path) -> Path:
    """A copy of the int8 bundle."""
    return Path(shutil.copytree(made["int8"], tmp_path / "zwei Bündel" / made["int8"].name))


@pytest.fixture
def twin(made, bundle) -> Path:
    """A copy of its float32 bundle, beside it."""
    return Path(shutil.copytree(made["float32"], bundle.parent / made["float32"].name))


def found(directory: Path, **settings) -> VerifyResult:
    """The result, whatever it is."""
    try:
        return verify(directory, **{"samples": 2, **settings})
    except VerificationFailedError as error:
        assert error.exit_code == 1
        return error.result


def verdicts(directory: Path, verdict: str) -> dict[str, str]:
    """What was found by the checks of one verdict."""
    return {check.name: check.found for check in found(directory).checks if check.verdict == verdict}


@pytest.mark.parametrize("recipe", RECIPES)
def test_what_was_written_passes_every_check(made, recipe):
    result = verify(made[recipe])
    assert {check.verdict for check in result.checks} == {"ok"}
    names = [check.name for check in result.checks]
    assert names == [
        f"kleines Netz-{recipe}.tflite",
        "labels.txt",
        "contract",
        "outputs",
        "recipe",
        "recorded audit",
        "metadata",
        "runs",
        "golden_inputs.bin",
        "golden_outputs.bin",
        "golden vectors",
        "float twin",
    ]
    assert result.checks[-2].found == "8 vectors, identical"


@pytest.mark.parametrize("io", ["uint8", "int8", "float32"])
@pytest.mark.parametrize("granularity", ["per-channel", "per-tensor"])
def test_every_io_type_and_granularity_passes(tmp_path, io, granularity):
    made = make_tiny_bundles(tmp_path, quant=("int8",), io=io, granularity=granularity)
    assert verdicts(made["int8"], "ok").keys() >= {"contract", "recipe", "golden vectors"}
    assert verdicts(made["int8"], "failed") == {}
    assert list(verdicts(made["int8"], "not there")) == ["float twin"]


def test_bundles_of_an_earlier_version_pass_without_metadata_and_golden_vectors():
    for directory in EARLIER.iterdir():
        others = {check.name: check.verdict for check in found(directory).checks if check.verdict != "ok"}
        assert others == {"metadata": "not there", GOLDEN: "not there"}


def test_the_networks_of_an_export_pass(bundles):
    for bundle in bundles.values():
        assert {c.name: c.verdict for c in found(bundle.directory).checks if c.verdict != "ok"} == {GOLDEN: "not there"}


# Each takes the folder of the int8 bundle and breaks one thing.


def flip_weight(directory: Path) -> None:
    data = tflite_of(directory).read_bytes()
    graph = read_graph(data)
    kernel = graph.constant(next(op for op in graph.ops if op.name == "FULLY_CONNECTED").inputs[1])
    at = data.index(kernel.tobytes())
    value = data[at] ^ 0x40
    tflite_of(directory).write_bytes(data[:at] + bytes([value]) + data[at + 1 :])


def flip_weight_and_hash(directory: Path) -> None:
    flip_weight(directory)
    rehash(directory)


def append_a_byte(directory: Path) -> None:
    with tflite_of(directory).open("ab") as file:
        file.write(b"\0")


def record_another_size(directory: Path) -> None:
    edit_manifest(directory, lambda m: m["tflite"].update(size_bytes=m["tflite"]["size_bytes"] + 1))


def truncate(directory: Path) -> None:
    tflite_of(directory).write_bytes(tflite_of(directory).read_bytes()[:40])
    rehash(directory)


def remove_tflite(directory: Path) -> None:
    tflite_of(directory).unlink()


def swap_labels(directory: Path) -> None:
    names = [LABELS[1], LABELS[0], *LABELS[2:]]
    (directory / "labels.txt").write_text("".join(f"{name}\n" for name in names), encoding="utf-8")


def swap_labels_and_hash(directory: Path) -> None:
    swap_labels(directory)
    rehash(directory)


def drop_label(directory: Path) -> None:
    (directory / "labels.txt").write_text("".join(f"{name}\n" for name in LABELS[:2]), encoding="utf-8")
    rehash(directory)


def drop_label_everywhere(directory: Path) -> None:
    drop_label(directory)
    edit_manifest(directory, lambda m: m["contract"].update(label_count=2))


def remove_labels(directory: Path) -> None:
    (directory / "labels.txt").unlink()


def contract(part: str, **values):
    """Changes the contract in model.json."""

    def change(directory: Path) -> None:
        edit_manifest(directory, lambda m: m["contract"][part].update(values))

    change.__name__ = f"{part}: {values}"
    return change


def manifest(**values):
    """Changes model.json."""

    def change(directory: Path) -> None:
        edit_manifest(directory, lambda m: m.update(values))

    change.__name__ = str(values)
    return change


def drop_contract_field(directory: Path) -> None:
    edit_manifest(directory, lambda m: m["contract"].pop("output"))


def recount_ops(directory: Path) -> None:
    edit_manifest(directory, lambda m: m["audit"]["ops"].update(CONV_2D=2))


def describe_other_labels(directory: Path) -> None:
    bundle = load_bundle(directory)
    other = replace(bundle.contract, labels=LABELS[::-1])
    data = attach_metadata(tflite_of(directory).read_bytes(), other, name=bundle.name)
    tflite_of(directory).write_bytes(data)
    rehash(directory)


def change_output_byte(directory: Path) -> None:
    path = directory / "golden_outputs.bin"
    data = bytearray(path.read_bytes())
    data[0] ^= 0x80
    path.write_bytes(data)


def change_output_byte_and_hash(directory: Path) -> None:
    change_output_byte(directory)
    rehash(directory)


def change_input_byte(directory: Path) -> None:
    path = directory / "golden_inputs.bin"
    path.write_bytes(path.read_bytes()[:-1] + b"\x7f")


def remove_inputs(directory: Path) -> None:
    (directory / "golden_inputs.bin").unlink()


def truncate_outputs(directory: Path) -> None:
    path = directory / "golden_outputs.bin"
    path.write_bytes(path.read_bytes()[:-1])
    rehash(directory)


def loosen_tolerance(directory: Path) -> None:
    edit_manifest(directory, lambda m: m["golden"].update(tolerance={"steps": 255}))


@pytest.mark.parametrize(
    ("tamper", "failing"),
    [
        (flip_weight, {FILE, GOLDEN}),
        (flip_weight_and_hash, {GOLDEN}),
        (append_a_byte, {FILE}),
        (record_another_size, {FILE}),
        (truncate, {FILE}),
        (remove_tflite, {FILE}),
        (swap_labels, {"labels.txt", "metadata"}),
        (swap_labels_and_hash, {"metadata"}),
        (drop_label, {"labels.txt", "outputs", "metadata"}),
        (drop_label_everywhere, {"outputs", "metadata"}),
        (remove_labels, {"labels.txt", "outputs", "metadata"}),
        (contract("input", range=[0.0, 1.0]), {"contract"}),
        (contract("input", quantization={"scale": 2 / 255, "zero_point": 128}), {"contract", "metadata"}),
        (contract("input", quantization={"scale": 2.1 / 255, "zero_point": 127}), {"contract", "metadata"}),
        (contract("input", quantization=None), {"contract", "metadata"}),
        (contract("input", dtype="int8"), {"contract", "metadata", GOLDEN}),
        (contract("input", dtype="float32", quantization=None), {"contract", "metadata", GOLDEN}),
        (contract("input", side=9), {"contract", GOLDEN}),
        (contract("output", quantization={"scale": 1 / 128, "zero_point": 0}), {"contract"}),
        (contract("output", dtype="int8"), {"contract", "metadata", GOLDEN}),
        (contract("output", size=4), {"contract", GOLDEN}),
        (contract("output", meaning="logits"), {"outputs"}),
        (contract("output", meaning="guesses"), {"contract"}),
        (drop_contract_field, {"contract"}),
        (manifest(contract=[]), {"contract", "labels.txt"}),
        (manifest(recipe="int16x8"), {"recipe"}),
        (manifest(recipe="int7"), {"recipe", "recorded audit"}),
        (manifest(granularity="per-tensor"), {"recipe"}),
        (recount_ops, {"recorded audit"}),
        (describe_other_labels, {"metadata"}),
        (change_output_byte, {"golden_outputs.bin"}),
        (change_output_byte_and_hash, {GOLDEN}),
        (change_input_byte, {"golden_inputs.bin"}),
        (remove_inputs, {"golden_inputs.bin"}),
        (truncate_outputs, {"golden_outputs.bin"}),
        (loosen_tolerance, {GOLDEN}),
        (manifest(golden=[]), {GOLDEN}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_broken_thing_fails_its_own_check(bundle, tamper, failing):
    tamper(bundle)
    failed = verdicts(bundle, "failed")
    assert failed.keys() == failing, failed
    assert all(failed.values())


@pytest.mark.parametrize(
    ("recipe", "claimed", "words"),
    [
        ("int8", "int16x8", "int16x8 has no uint8 input; int16x8 computes in int16, the file in int8"),
        ("int16x8", "int8", "computes in int8, the file in int16"),
        ("int16x8", "float32", "computes in float32, the file in int16; float32 stores float32 weights, the file int8"),
        ("dynamic", "float32", "stores float32 weights, the file int8"),
        ("float16", "float32", "stores float32 weights, the file float16"),
        ("float32", "float16", "2 kernels are not float16"),
        ("float32", "int8", "left in float"),
        ("float16", "dynamic", "1 kernels are not int8"),
    ],
)
def test_a_file_of_another_recipe_is_told(wide, tmp_path, recipe, claimed, words):
    directory = Path(shutil.copytree(wide[recipe], tmp_path / "b"))
    edit_manifest(directory, lambda m: m.update(recipe=claimed))
    assert words in verdicts(directory, "failed")["recipe"]


def test_float_leftovers_that_were_allowed_pass_and_others_fail(bundle):
    file = tflite_of(bundle)
    mixed = float_dense(file.read_bytes())
    file.write_bytes(attach_metadata(mixed, load_bundle(bundle).contract, name=bundle.name))
    rehash(bundle)
    failed = verdicts(bundle, "failed")
    assert "1 FULLY_CONNECTED" in failed["recipe"]
    assert "float_ops" in failed["recorded audit"]
    report = audit_of(bundle)
    edit_manifest(bundle, lambda m: m.update(audit=report))
    assert "recipe" not in verdicts(bundle, "failed")
    edit_manifest(bundle, lambda m: m["audit"].update(verdict="clean"))
    assert "left in float" in verdicts(bundle, "failed")["recipe"]


def audit_of(directory: Path) -> dict:
    """What an export with float leftovers allowed would record."""
    graph = read_graph(tflite_of(directory).read_bytes())
    contract = load_bundle(directory).contract
    return audit_graph(graph, get_recipe("int8"), contract, allow_float_ops=True).to_json()


def float_dense(data: bytes) -> bytes:
    """The int8 file with its dense layer in float."""
    twin = tiny_network()
    dense = next(op.index for op in read_graph(twin).ops if op.name == "FULLY_CONNECTED")
    return keep_float(data, twin, {dense})


def test_a_broken_twin_beside_fails(bundle, twin):
    assert verdicts(bundle, "ok")["float twin"] == twin.name
    append_a_byte(twin)
    assert "not the file" in verdicts(bundle, "failed")["float twin"]
    rehash(twin)
    assert "not what this was made with" in verdicts(bundle, "failed")["float twin"]
    assert found(bundle).closeness == ()


def test_a_float_bundle_that_is_not_the_recorded_twin_fails(twin):
    edit_manifest(twin, lambda m: m.update(float_twin={"sha256": "0" * 64}))
    assert list(verdicts(twin, "failed")) == ["float twin"]


def test_what_cannot_be_checked_is_named_so(bundle):
    remove_tflite(bundle)
    assert list(verdicts(bundle, "not checked")) == [
        "contract",
        "outputs",
        "recipe",
        "recorded audit",
        "metadata",
        "runs",
        "golden vectors",
    ]
    assert verdicts(bundle, "ok").keys() == {"labels.txt", "golden_inputs.bin", "golden_outputs.bin"}


@pytest.mark.parametrize("key", ["audit", "golden", "float_twin"])
def test_what_model_json_need_not_hold_is_not_there(bundle, key):
    edit_manifest(bundle, lambda m: m.pop(key))
    name = {"audit": "recorded audit", "golden": GOLDEN, "float_twin": "float twin"}[key]
    assert verdicts(bundle, "failed") == {}
    assert name in verdicts(bundle, "not there")


def test_a_crash_of_the_interpreter_is_a_failed_check(made, tmp_path):
    directory = Path(shutil.copytree(made["float32"], tmp_path / "b"))
    tflite_of(directory).write_bytes(crashing())
    rehash(directory)
    failed = verdicts(directory, "failed")
    assert "crashed" in failed["runs"]
    assert verdicts(directory, "not checked")[GOLDEN] == "the .tflite does not run"


def test_numbers_that_are_not_finite_are_a_failed_check(made, tmp_path):
    directory = Path(shutil.copytree(made["float32"], tmp_path / "b"))
    data = tflite_of(directory).read_bytes()
    graph = read_graph(data)
    bias = graph.constant(graph.ops[0].inputs[2]).tobytes()
    tflite_of(directory).write_bytes(data.replace(bias, np.full(4, math.nan, np.float32).tobytes()))
    rehash(directory)
    assert verdicts(directory, "failed")["runs"] == "it gives numbers that are not finite"


def test_a_file_in_place_of_a_bundle_is_refused(bundle):
    for path in (tflite_of(bundle), bundle / "absent"):
        with pytest.raises(UnreadableFileError, match="no bundle folder") as caught:
            verify(path)
        assert caught.value.exit_code == 5


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"schema_version": 1}', '{"schema_version": 2}'])
def test_a_folder_without_a_readable_manifest_is_refused(bundle, text):
    (bundle / "model.json").write_text(text)
    with pytest.raises(UnreadableFileError):
        verify(bundle)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no pipes with names")
def test_a_pipe_in_place_of_a_file_does_not_hang(bundle):
    for name in (FILE, "labels.txt", "golden_inputs.bin"):
        (bundle / name).unlink()
        os.mkfifo(bundle / name)
        assert name in verdicts(bundle, "failed")


def test_what_strangers_write_cannot_move_the_cursor(bundle):
    edit_manifest(bundle, lambda m: m["audit"].update(verdict="\x1b[2Jclean", ops={"\x1b[2J": 1}))
    edit_manifest(bundle, lambda m: m.update(recipe="int8\x1b[2J"))
    assert "\x1b" not in str(found(bundle))


def test_the_api_takes_a_string_and_gives_tables(bundle, twin):
    result = mobile_deploy.verify(str(bundle), samples=2)
    assert "golden vectors" in str(result)
    assert "same (%)" in str(result)
    assert result._repr_html_().count("<table>") == 2
    assert json.loads(json.dumps(result.to_json()["closeness"], allow_nan=False))[0]["pictures"] == 2


def test_the_twin_beside_is_compared_and_listed_once(bundle, twin):
    (pair,) = verify(bundle).closeness
    assert (pair.reference, pair.model, pair.parity.pictures) == (twin.name, bundle.name, 32)
    for named in (twin, str(tflite_of(twin))):
        assert len(verify(bundle, against=named, samples=2).closeness) == 1


def test_without_a_twin_and_without_against_nothing_is_compared(bundle):
    result = verify(bundle)
    assert result.closeness == ()
    assert result.closeness_table() is None


def test_an_agreement_that_was_asked_for_is_a_check(bundle, twin):
    result = verify(bundle, min_agreement=10)
    assert (result.checks[-1].name, result.checks[-1].verdict) == (f"agreement with {twin.name}", "ok")
    other = tiny_network(seed=4)
    (bundle.parent / "anders.tflite").write_bytes(other)
    with pytest.raises(VerificationFailedError, match="at least 90 % asked for") as caught:
        verify(bundle, against=bundle.parent / "anders.tflite", min_agreement=90)
    assert [check.name for check in caught.value.result.failures] == ["agreement with anders"]


def test_an_agreement_at_the_bar_is_enough_whatever_floating_point_makes_of_it():
    answers = np.eye(2, dtype=np.float32)[[0] * 50]
    others = np.eye(2, dtype=np.float32)[[0] * 29 + [1] * 21]
    parity = measure_parity(answers, others, contract_of(("a", "b")))
    pair = Closeness(reference="float32", model="int8", parity=parity)
    assert [check.verdict for check in _check_agreement([pair], percent=58)] == ["ok"]
    assert [check.verdict for check in _check_agreement([pair], percent=58.1)] == ["failed"]


@pytest.mark.parametrize("percent", [-1, 100.5, math.nan])
def test_an_agreement_is_a_percentage(bundle, percent):
    with pytest.raises(BadOptionError, match="--min-agreement"):
        verify(bundle, min_agreement=percent)


def test_an_agreement_needs_something_to_agree_with(bundle):
    with pytest.raises(BadOptionError, match="no two models"):
        verify(bundle, min_agreement=90)


def test_a_bundle_that_does_not_run_is_not_compared(bundle, twin):
    remove_tflite(bundle)
    assert verdicts(bundle, "not checked").keys() >= {"runs"}
    result = found(bundle, against=twin)
    assert result.closeness == ()
    assert result.checks[-1].name == "closeness"


def test_a_missing_reference_is_refused_before_anything_is_run(bundle):
    with pytest.raises(UnreadableFileError, match="absent"):
        verify(bundle, against=["absent.tflite"])
