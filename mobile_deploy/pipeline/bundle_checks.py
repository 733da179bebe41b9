"""What a bundle holds against what its model.json says: each check finds its verdict whatever the others found."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mobile_deploy.bundle import MANIFEST_NAME, BundleRecord, check_hash, read_labels
from mobile_deploy.contract import ModelContract
from mobile_deploy.errors import BadOptionError, LabelCountError, MobileDeployError, UnreadableFileError
from mobile_deploy.files import reason_in_words
from mobile_deploy.pipeline.checks import Check, absent, guarded, held, unchecked
from mobile_deploy.recipes import GRANULARITIES, Granularity, Recipe, get_recipe
from mobile_deploy.tflite.audit import audit_graph, interface_problems
from mobile_deploy.tflite.graph import ABSENT, WEIGHTED_OPS, Graph, read_file, read_graph
from mobile_deploy.tflite.interface import name_outputs, output_meaning
from mobile_deploy.tflite.metadata import metadata_problems, read_metadata
from mobile_deploy.tflite.quantize import input_quantization

CONTRACT, OUTPUTS, RECIPE, AUDIT, METADATA = "contract", "outputs", "recipe", "recorded audit", "metadata"

# What a recorded audit says of the file alone.
_AUDITED = ("ops", "dtypes", "float_ops", "saturated_biases", "near_zero_scales")


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleParts:
    """What could be read of a bundle.

    Attributes:
        record: What model.json says.
        data: Bytes of the .tflite; None where they cannot be read.
        graph: Its graph; None where it is damaged.
        contract: The contract, with the labels that were found; None where there is none to read.
    """

    record: BundleRecord
    data: bytes | None = field(repr=False)
    graph: Graph | None = field(repr=False)
    contract: ModelContract | None

    @property
    def is_runnable(self) -> bool:
        """Whether the contract is that of the .tflite, so that pictures can be run."""
        return (
            self.graph is not None and self.contract is not None and not interface_problems(self.graph, self.contract)
        )


def check_files(record: BundleRecord) -> tuple[BundleParts, tuple[Check, ...]]:
    """Checks sizes and hashes, and reads what can be read.

    Args:
        record: What model.json says.

    Returns:
        The parts, and one check each for the .tflite, the labels and the contract.
    """
    data, graph, contract = None, None, None
    labels: tuple[str, ...] = ()
    tflite = guarded(record.tflite.name, lambda: _check_tflite(record))
    try:
        _size_of(record.tflite)
        data = read_file(record.tflite)
        graph = read_graph(data, source=record.tflite.name)
    except MobileDeployError as error:
        tflite = tflite if tflite.verdict == "failed" else held(record.tflite.name, [error.message], found="")
    try:
        labels = read_labels(record.labels)
        named = guarded(record.labels.name, lambda: _check_labels(record, labels))
    except MobileDeployError as error:
        named = held(record.labels.name, [error.message], found="")
    try:
        contract = _contract_of(record, labels)
        agreed = guarded(CONTRACT, lambda: _check_contract(contract, graph))
    except MobileDeployError as error:
        agreed = held(CONTRACT, [error.message], found="")
    return BundleParts(record=record, data=data, graph=graph, contract=contract), (tflite, named, agreed)


def _check_tflite(record: BundleRecord) -> Check:
    size_bytes = _size_of(record.tflite)
    if size_bytes != record.size_bytes:
        return held(record.tflite.name, [f"it holds {size_bytes} bytes, recorded are {record.size_bytes}"], found="")
    check_hash(record.tflite, record.sha256)
    return held(record.tflite.name, [], found=f"{size_bytes:,} bytes, sha256 {record.sha256[:12]}")


def _size_of(path: Path) -> int:
    try:
        found = path.stat()
    except OSError as error:
        raise UnreadableFileError(path=path, problem=reason_in_words(error)) from error
    except ValueError as error:  # no file can have such a name
        raise UnreadableFileError(path=path, problem=str(error)) from error
    if not stat.S_ISREG(found.st_mode):  # reading a pipe would wait for ever
        raise UnreadableFileError(path=path, problem="it is no file")
    return found.st_size


def _check_labels(record: BundleRecord, labels: tuple[str, ...]) -> Check:
    check_hash(record.labels, record.labels_sha256)
    promised = record.contract.get("label_count") if isinstance(record.contract, dict) else None
    problems = [] if promised == len(labels) else [f"{promised} labels promised, {len(labels)} found"]
    return held(record.labels.name, problems, found=f"{len(labels):,} names")


def _contract_of(record: BundleRecord, labels: tuple[str, ...]) -> ModelContract:
    """Reads the contract whatever the number of labels, which has a check of its own."""
    stored = record.contract
    counted = {**stored, "label_count": len(labels)} if isinstance(stored, dict) else stored
    return ModelContract.from_json(counted, labels=labels, source=MANIFEST_NAME)


def _check_contract(contract: ModelContract, graph: Graph | None) -> Check:
    if graph is None:
        return unchecked(CONTRACT, "the .tflite cannot be read")
    given, answer = contract.input, contract.output
    problems = [*interface_problems(graph, contract), *_range_problems(contract)]
    return held(
        CONTRACT, problems, found=f"{given.dtype} {given.side} x {given.side} in, {answer.dtype} {answer.size} out"
    )


def _range_problems(contract: ModelContract) -> Iterator[str]:
    """Holds the range of the pixels against the quantization of the input, which says the same in other words."""
    given = contract.input
    if given.quantization is None or given.pixel_scale == 0:  # of ends so close that no float lies between
        return
    right = input_quantization(given, given.dtype)
    if right is None:
        return
    same_scale = np.isclose(right.scale, given.quantization.scale, rtol=1e-6)  # the file stores float32
    if not same_scale or right.zero_point != given.quantization.zero_point:
        yield f"pixels are {given.low:g} to {given.high:g}, which would be {right}, not {given.quantization}"


def check_contents(parts: BundleParts) -> Iterator[Check]:
    """Checks what the .tflite is against what model.json says of it.

    Args:
        parts: What could be read.

    Yields:
        One check each for the outputs, the recipe, the recorded audit and the metadata.
    """
    record, contract, graph, data = parts.record, parts.contract, parts.graph, parts.data
    if contract is None or graph is None or data is None:
        why = "the .tflite cannot be read" if graph is None else "there is no contract to hold it against"
        yield from (unchecked(name, why) for name in (OUTPUTS, RECIPE, AUDIT, METADATA))
        return
    found = f"{contract.output.meaning}, {len(contract.labels):,} labels"
    yield guarded(OUTPUTS, lambda: held(OUTPUTS, [*_output_problems(contract, graph)], found=found))
    yield guarded(RECIPE, lambda: _check_recipe(record, contract, graph))
    yield guarded(AUDIT, lambda: _check_audit(record, contract, graph))
    yield guarded(METADATA, lambda: _check_metadata(data, contract, record.tflite.name))


def _output_problems(contract: ModelContract, graph: Graph) -> Iterator[str]:
    meaning, labels = contract.output.meaning, contract.labels
    try:
        output_meaning(graph, asked=meaning, labels=labels, source="the .tflite")
        name_outputs(graph, labels, meaning=meaning)
    except BadOptionError as error:
        yield error.message.removeprefix(f"{error.option}: ")
    except LabelCountError as error:
        yield f"{error.labels} labels for {error.outputs} outputs"
    if not labels and meaning != "embedding":
        yield f"no labels for {contract.output.size} outputs"


def _allows_float_ops(record: BundleRecord) -> bool:
    audit = record.manifest.get("audit")
    return isinstance(audit, dict) and audit.get("verdict") == "float ops"


def _check_recipe(record: BundleRecord, contract: ModelContract, graph: Graph) -> Check:
    recipe = get_recipe(record.recipe)
    report = audit_graph(graph, recipe, contract, allow_float_ops=_allows_float_ops(record))
    elsewhere = interface_problems(graph, contract)
    problems = [
        *(problem for problem in report.problems if problem not in elsewhere),
        *_recipe_problems(record, recipe, contract, graph),
    ]
    return held(RECIPE, problems, found=f"{recipe.name}, {len(graph.ops)} operators")


def _recipe_problems(record: BundleRecord, recipe: Recipe, contract: ModelContract, graph: Graph) -> Iterator[str]:
    if contract.input.dtype not in recipe.io_types:
        yield f"{recipe.name} has no {contract.input.dtype} input"
    yield from _arithmetic_problems(recipe, graph, allow_float=_allows_float_ops(record))
    recorded, found = record.manifest.get("granularity"), _granularity_of(graph)
    if found is not None and recorded in GRANULARITIES and recorded != found:
        yield f"its weights are {found}, recorded is {recorded}"


def _arithmetic_problems(recipe: Recipe, graph: Graph, *, allow_float: bool) -> Iterator[str]:
    """Says which types are not the recipe's; the audit of a file that was just made looks for what is left float."""
    right = {32: "float32", 16: "int16", 8: "int8"}[recipe.activation_bits]
    read = {
        graph.tensors[op.inputs[0]].dtype for op in graph.ops if op.name in WEIGHTED_OPS and op.inputs[:1] > (ABSENT,)
    }
    wrong = sorted(read - {right} - ({"float32"} if allow_float else set()))
    if wrong:
        yield f"{recipe.name} computes in {right}, the file in {', '.join(wrong)}"
    narrow = sorted({t.dtype for t in graph.tensors if t.is_constant} & {"int8", "float16"})
    if recipe.weight_bits == 32 and narrow:
        yield f"{recipe.name} stores float32 weights, the file {', '.join(narrow)}"


def _granularity_of(graph: Graph) -> Granularity | None:
    """Says what one weight scale covers; None where no 8-bit kernel has several channels."""
    kernels = [
        (graph.tensors[op.inputs[1]], WEIGHTED_OPS[op.name])
        for op in graph.ops
        if op.name in WEIGHTED_OPS and len(op.inputs) > 1 and op.inputs[1] >= 0
    ]
    counts = [len(t.scales) for t, axis in kernels if t.dtype == "int8" and axis < len(t.shape) and t.shape[axis] > 1]
    if not counts:
        return None
    return "per-channel" if max(counts) > 1 else "per-tensor"


def _check_audit(record: BundleRecord, contract: ModelContract, graph: Graph) -> Check:
    recorded = record.manifest.get("audit")
    if not isinstance(recorded, dict):
        return absent(AUDIT, f"{MANIFEST_NAME} holds none")
    found = audit_graph(graph, get_recipe(record.recipe), contract, allow_float_ops=True).to_json()
    problems = [
        f"{key} are {found[key]}, recorded are {recorded[key]}"
        for key in _AUDITED
        if key in recorded and recorded[key] != found[key]
    ]
    return held(AUDIT, problems, found=f"{recorded.get('verdict')}")


def _check_metadata(data: bytes, contract: ModelContract, source: str) -> Check:
    if read_metadata(data, source=source) is None:
        return absent(METADATA, "the .tflite carries none")
    return held(METADATA, metadata_problems(data, contract, source=source), found="says what the contract says")
