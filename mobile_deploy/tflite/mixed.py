"""Makes an integer file compute some of its operators in float, with the weights of its float twin.

A value exists in the form its maker gives it, and is converted where a reader wants another form: between two float
operators nothing is converted, and a float answer is rounded once, straight to what the file promises.
"""

from __future__ import annotations

import copy
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from mobile_deploy.tflite.graph import ABSENT, Graph, OpRecord, read_graph
from mobile_deploy.tflite.twins import CONVERSIONS, activation_inputs, pair_ops
from mobile_deploy.tflite.write import serialize

_SUFFIXES = {"QUANTIZE": b"_quantized", "DEQUANTIZE": b"_dequantized"}


def keep_float(
    data: bytes,
    float_data: bytes,
    ops: Collection[int],
    *,
    source: object = "the integer file",
    float_source: object = "the float file",
) -> bytes:
    """Computes some operators of an integer file in float.

    Args:
        data: Bytes of an int8 or int16x8 .tflite.
        float_data: Bytes of the float file that was quantized.
        ops: Indices of operators in the float file's order.
        source: What to call the integer file in errors: a path.
        float_source: What to call the float file in errors: a path.

    Returns:
        The bytes of the mixed file, with the integer file's input and output.

    Raises:
        NotTheTwinError: The files do not belong together.
        UnreadableFileError: One of them is no .tflite.
        ValueError: There is no operator of such an index.
    """
    stored, twin = read_graph(data, source=source), read_graph(float_data, source=float_source)
    pairs = pair_ops(stored, twin, source=source, twin_source=float_source)
    chosen = {pair.stored.index: pair.twin for pair in pairs if pair.twin.index in ops}
    if len(chosen) < len(set(ops)):
        known = {pair.twin.index for pair in pairs}
        raise ValueError(f"no operators {sorted(set(ops) - known)}; there are {len(known)}")
    mixing = _Mixing(stored=stored, twin=twin, made=set(stored.inputs))
    for op in stored.ops:
        if op.name in CONVERSIONS:
            mixing.note_conversion(op)
        elif op.index in chosen:
            mixing.add_float(op, chosen[op.index])
        else:
            mixing.add_stored(op)
    mixing.finish()
    return serialize(stored.model)


@dataclass(slots=True, kw_only=True)
class _Mixing:
    """The operator list that grows, and the forms in which each value is there.

    A value is called by the tensor of the integer file in which it appears first.

    Attributes:
        stored: The integer file; its `model` is changed.
        twin: The float file.
        operators: What will be computed, in order.
        made: Tensors of the integer file that hold something so far.
        conversions: The integer file's own conversions, by the tensor they make; done when somebody reads it.
        values: The value that a converted tensor holds.
        floats: The float tensor that holds a value.
        replaced: Values that are now computed in float.
        constants: Constants taken over, by their index in the float file.
    """

    stored: Graph
    twin: Graph
    operators: list[Any] = field(default_factory=list)
    made: set[int]
    conversions: dict[int, OpRecord] = field(default_factory=dict)
    values: dict[int, int] = field(default_factory=dict)
    floats: dict[int, int] = field(default_factory=dict)
    replaced: set[int] = field(default_factory=set)
    constants: dict[int, int] = field(default_factory=dict)

    @property
    def _subgraph(self) -> Any:  # noqa: ANN401  # the schema module is untyped
        return self.stored.model.subgraphs[0]

    def note_conversion(self, op: OpRecord) -> None:
        """Remembers how the integer file converts a value."""
        self.conversions[op.outputs[0]] = op
        self.values[op.outputs[0]] = self.values.get(op.inputs[0], op.inputs[0])

    def add_stored(self, op: OpRecord) -> None:
        """Computes an operator as the integer file does."""
        operator = self._subgraph.operators[op.index]
        operator.inputs = [i if i == ABSENT else self._as_stored(i) for i in op.inputs]
        self.operators.append(operator)
        self.made.update(op.outputs)

    def add_float(self, op: OpRecord, twin: OpRecord) -> None:
        """Computes an operator as the float file does."""
        given = iter([self._as_float(i) for i in activation_inputs(self.stored, op)])
        activations = activation_inputs(self.twin, twin)
        operator = copy.copy(self.twin.model.subgraphs[0].operators[twin.index])
        operator.opcodeIndex = self._code(self.twin.model.operatorCodes[operator.opcodeIndex])
        operator.inputs = [next(given) if i in activations else self._constant(i) for i in twin.inputs]
        operator.outputs = [self._float_result(i) for i in op.outputs]
        self.operators.append(operator)

    def finish(self) -> None:
        """Gives the file its outputs and its operators."""
        self._subgraph.outputs = [self._as_stored(i) for i in self.stored.outputs]
        self._subgraph.operators = self.operators

    def _as_stored(self, index: int) -> int:
        """Gives a tensor of the integer file, made if need be, or the float tensor that holds the same value."""
        tensor, value = self.stored.tensors[index], self.values.get(index, index)
        if index in self.made or tensor.is_constant:
            return index
        if tensor.dtype == "float32" and value in self.floats:
            return self.floats[value]
        self.made.add(index)
        if value in self.replaced:  # rounded once, whatever detours the integer file takes
            self._rename(index, "QUANTIZE")
            self._convert("QUANTIZE", self.floats[value], index)
        else:
            operator = self._subgraph.operators[self.conversions[index].index]
            operator.inputs = [self._as_stored(self.conversions[index].inputs[0])]
            self.operators.append(operator)
            if tensor.dtype == "float32":
                self.floats[value] = index
        return index

    def _as_float(self, index: int) -> int:
        """Gives the float tensor of a value, made if need be from the form in which it was computed."""
        value = self.values.get(index, index)
        if value not in self.floats:
            if self.stored.tensors[value].dtype == "float32":
                self.floats[value] = value
            else:
                self.floats[value] = self._new_float(value)
                self._rename(self.floats[value], "DEQUANTIZE")
                self._convert("DEQUANTIZE", value, self.floats[value])
        return self.floats[value]

    def _float_result(self, index: int) -> int:
        """Gives the float tensor that takes the place of an operator's integer result."""
        self.replaced.add(index)
        self.floats[index] = self._new_float(index)
        return self.floats[index]

    def _new_float(self, index: int) -> int:
        """Adds a float tensor of the name and shape of one of the integer file."""
        from ai_edge_litert import schema_py_generated as schema

        tensor = copy.copy(self._subgraph.tensors[index])
        tensor.type, tensor.buffer, tensor.quantization = schema.TensorType.FLOAT32, 0, None
        return self._added(tensor)

    def _added(self, tensor: Any) -> int:  # noqa: ANN401
        self._subgraph.tensors.append(tensor)
        return len(self._subgraph.tensors) - 1

    def _rename(self, index: int, conversion: str) -> None:
        tensor = self._subgraph.tensors[index]
        tensor.name += _SUFFIXES[conversion]

    def _constant(self, index: int) -> int:
        """Takes a constant over from the float file, once."""
        if index == ABSENT:
            return ABSENT
        if index not in self.constants:
            tensor = copy.copy(self.twin.model.subgraphs[0].tensors[index])
            self.stored.model.buffers.append(self.twin.model.buffers[tensor.buffer])
            tensor.buffer = len(self.stored.model.buffers) - 1
            self.constants[index] = self._added(tensor)
        return self.constants[index]

    def _convert(self, name: str, given: int, made: int) -> None:
        """Adds a QUANTIZE or DEQUANTIZE."""
        from ai_edge_litert import schema_py_generated as schema

        operator, code = schema.OperatorT(), schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = getattr(schema.BuiltinOperator, name)
        code.version = 1  # what the tensors need is set when the file is written
        operator.opcodeIndex, operator.inputs, operator.outputs = self._code(code), [given], [made]
        options = {"QUANTIZE": schema.QuantizeOptionsT, "DEQUANTIZE": schema.DequantizeOptionsT}[name]
        operator.builtinOptions = options()
        operator.builtinOptionsType = getattr(schema.BuiltinOptions, options.__name__.removesuffix("T"))
        self.operators.append(operator)

    def _code(self, wanted: Any) -> int:  # noqa: ANN401
        """Gives the index of an operator code of the mixed file, added where there is none like it.

        A float kernel gets a code of its own: its version is lower than that of the integer kernel.
        """
        codes = self.stored.model.operatorCodes
        key = _key(wanted)
        for index, code in enumerate(codes):
            if _key(code) == key:
                return index
        codes.append(copy.copy(wanted))
        return len(codes) - 1


def _key(code: Any) -> tuple[Any, ...]:  # noqa: ANN401
    return max(code.builtinCode, code.deprecatedBuiltinCode), code.customCode, code.version
