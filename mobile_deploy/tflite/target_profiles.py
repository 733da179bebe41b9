"""Which operators each target takes, as data: the xnnpack, gpu, edgetpu and ethos-u profiles with their sources.

A row names operators, the types of the tensors that flow through them, and what they must fulfil. A profile says what
the target's own documents and code say; whether a certain driver on a certain phone then computes a file, and how fast,
only the phone tells.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mobile_deploy.tflite import target_conditions as must
from mobile_deploy.tflite.target_conditions import Condition

# What of the groups that a target could run it really runs: all, the largest, or the first.
Keeps = Literal["all", "largest", "first"]

_FLOAT = ("float32",)
_BYTE = ("int8", "uint8")
_FLOAT_OR_BYTE = (*_FLOAT, *_BYTE)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpRule:
    """One row: operators that a target treats alike.

    Attributes:
        ops: Their names.
        dtypes: Types of the tensors that flow in and out.
        conditions: What they must fulfil.
        unchecked: Limits that a file does not show, in words.
    """

    ops: tuple[str, ...]
    dtypes: tuple[str, ...]
    conditions: tuple[Condition, ...] = ()
    unchecked: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetProfile:
    """What one target takes.

    Attributes:
        name: Such as "xnnpack".
        title: What it is.
        source: Where the rows are from.
        version: Version or date of the source.
        conditions: What every operator must fulfil.
        rules: The rows.
        keeps: Which of the groups of operators it could run it really runs.
        note: What to know when reading the answer.
        runs_int16_fast: Whether it has fast kernels for 16-bit activations with 8-bit weights.
    """

    name: str
    title: str
    source: str
    version: str
    conditions: tuple[Condition, ...] = ()
    rules: tuple[OpRule, ...]
    keeps: Keeps = "all"
    note: str = ""
    runs_int16_fast: bool = False

    @property
    def runs_float(self) -> bool:
        """Whether it computes in float at all."""
        return any("float32" in rule.dtypes for rule in self.rules)

    def rule_for(self, op: str) -> OpRule | None:
        """Gives the row of an operator; None where the target does not know it."""
        return next((rule for rule in self.rules if op in rule.ops), None)


_CONVOLUTION = (must.STORED_WEIGHTS, must.CLAMP_AT_MOST)
_CLAMPED = (must.CLAMP_AT_MOST,)
_PARAMETERS = (must.STORED_PARAMETERS,)

XNNPACK = TargetProfile(
    name="xnnpack",
    title="XNNPACK on the CPU",
    source="https://github.com/google-ai-edge/LiteRT/blob/main/tflite/delegates/xnnpack/README.md; "
    "names and types measured by one-operator files in ai-edge-litert",
    version="README at commit 3a653aa8; ai-edge-litert 2.3.0 on x86-64",
    rules=(
        OpRule(ops=("CONV_2D",), dtypes=_FLOAT_OR_BYTE, conditions=_CONVOLUTION),
        OpRule(ops=("FULLY_CONNECTED",), dtypes=_FLOAT_OR_BYTE, conditions=_CONVOLUTION),
        OpRule(ops=("DEPTHWISE_CONV_2D",), dtypes=_FLOAT_OR_BYTE, conditions=(*_CONVOLUTION, must.NOT_HYBRID)),
        OpRule(ops=("TRANSPOSE_CONV",), dtypes=_FLOAT_OR_BYTE),
        OpRule(ops=("ADD", "MUL", "SUB"), dtypes=_FLOAT_OR_BYTE, conditions=_CLAMPED),
        OpRule(
            ops=("DEPTH_TO_SPACE", "LEAKY_RELU", "LOGISTIC", "SPACE_TO_DEPTH", "TANH"),
            dtypes=_FLOAT_OR_BYTE,
            unchecked="LEAKY_RELU: scales and slope in a fixed range",
        ),
        OpRule(ops=("CONCATENATION",), dtypes=_FLOAT_OR_BYTE, conditions=(must.input_counts(2, 5),)),
        OpRule(ops=("MAX_POOL_2D",), dtypes=_FLOAT_OR_BYTE, conditions=(must.POOLS_OR_KEEPS, must.CLAMP_AT_MOST)),
        OpRule(ops=("MEAN", "REDUCE_MAX", "REDUCE_MIN", "SUM"), dtypes=_FLOAT_OR_BYTE, conditions=_PARAMETERS),
        OpRule(
            ops=("PAD", "RESIZE_BILINEAR", "SLICE", "SPLIT", "TRANSPOSE"),
            dtypes=_FLOAT_OR_BYTE,
            unchecked="stored parameters",
        ),
        OpRule(ops=("RESHAPE",), dtypes=_FLOAT_OR_BYTE, conditions=(must.SAME_SCALES,)),
        OpRule(ops=("STRIDED_SLICE",), dtypes=_FLOAT_OR_BYTE, conditions=(must.UNIT_STEPS, must.NO_MASKS)),
        OpRule(ops=("BATCH_MATMUL", "ELU"), dtypes=(*_FLOAT, "int8")),
        OpRule(ops=("QUANTIZE",), dtypes=_FLOAT_OR_BYTE, conditions=(must.SAME_SIGN, must.PER_TENSOR)),
        OpRule(ops=("DEQUANTIZE",), dtypes=(*_FLOAT_OR_BYTE, "float16"), conditions=(must.PER_TENSOR,)),
        OpRule(ops=("AVERAGE_POOL_2D",), dtypes=_FLOAT, conditions=(must.POOLS_OR_KEEPS, must.CLAMP_AT_MOST)),
        OpRule(ops=("DIV",), dtypes=_FLOAT, conditions=_CLAMPED),
        OpRule(ops=("SOFTMAX",), dtypes=_FLOAT, conditions=(must.PLAIN_SOFTMAX,)),
        OpRule(ops=("PRELU",), dtypes=_FLOAT, conditions=_PARAMETERS),
        OpRule(
            ops=("ABS", "CEIL", "COS", "EXP", "FLOOR", "GELU", "HARD_SWISH", "LOG", "MAXIMUM", "MINIMUM", "NEG"),
            dtypes=_FLOAT,
        ),
        OpRule(
            ops=("RELU", "RELU6", "RELU_N1_TO_1", "ROUND", "RSQRT", "SIN", "SQRT", "SQUARE", "SQUARED_DIFFERENCE"),
            dtypes=_FLOAT,
        ),
    ),
    note="Builds from source enable 8-bit operators by a flag; released ones have it enabled.",
)

_GPU_TYPES = ("float32", "float16", "int8", "uint8")
_GPU_CONVOLUTION = (must.TANH_AT_MOST,)

GPU = TargetProfile(
    name="gpu",
    title="GPU delegate (OpenCL, OpenGL ES, Metal)",
    source="https://github.com/google-ai-edge/LiteRT/blob/main/tflite/tools/versioning/gpu_compatibility.cc; "
    "tflite/delegates/gpu/delegate_options.h for its defaults",
    version="commit 007226f4",
    conditions=(must.at_most_axes(4),),
    rules=(
        OpRule(ops=("CONV_2D", "TRANSPOSE_CONV"), dtypes=_GPU_TYPES, conditions=_GPU_CONVOLUTION),
        OpRule(
            ops=("DEPTHWISE_CONV_2D",),
            dtypes=_GPU_TYPES,
            conditions=(must.TANH_AT_MOST, must.ranks(4), must.DEPTHWISE_FITS),
        ),
        OpRule(ops=("FULLY_CONNECTED", "BATCH_MATMUL"), dtypes=_GPU_TYPES),
        OpRule(ops=("ADD", "MUL"), dtypes=_GPU_TYPES, conditions=(must.input_counts(2, 2), must.TANH_AT_MOST)),
        OpRule(ops=("ADD_N",), dtypes=_GPU_TYPES, conditions=(must.input_counts(2, 2),)),
        OpRule(
            ops=("DIV", "MAXIMUM", "MINIMUM", "POW", "SQUARED_DIFFERENCE", "SUB"),
            dtypes=_GPU_TYPES,
            conditions=(must.input_counts(2, 2), must.TANH_AT_MOST),
        ),
        OpRule(
            ops=("ABS", "CEIL", "COS", "ELU", "EXP", "FLOOR", "GELU", "HARD_SWISH", "LEAKY_RELU", "LOG", "LOGISTIC"),
            dtypes=_GPU_TYPES,
        ),
        OpRule(
            ops=("NEG", "PRELU", "RELU", "RELU6", "RELU_N1_TO_1", "ROUND", "RSQRT", "SIGN", "SIN", "SQRT", "SQUARE"),
            dtypes=_GPU_TYPES,
        ),
        OpRule(
            ops=(
                "CONCATENATION",
                "DEPTH_TO_SPACE",
                "PACK",
                "QUANTIZE",
                "RESHAPE",
                "SPACE_TO_DEPTH",
                "SPLIT",
                "SPLIT_V",
            ),
            dtypes=_GPU_TYPES,
        ),
        OpRule(
            ops=("DEQUANTIZE", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "TANH", "TILE", "TRANSPOSE"),
            dtypes=_GPU_TYPES,
        ),
        OpRule(ops=("AVERAGE_POOL_2D", "MAX_POOL_2D"), dtypes=_GPU_TYPES, conditions=(must.TANH_AT_MOST,)),
        OpRule(
            ops=("MEAN", "REDUCE_ALL", "REDUCE_ANY", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD", "REVERSE_V2", "SUM"),
            dtypes=_GPU_TYPES,
            conditions=_PARAMETERS,
        ),
        OpRule(
            ops=("MIRROR_PAD", "PAD", "PADV2"),
            dtypes=_GPU_TYPES,
            conditions=(must.FOUR_ROWS_OF_PADDING,),
            unchecked="MIRROR_PAD: reflection only",
        ),
        OpRule(ops=("SLICE",), dtypes=_GPU_TYPES, conditions=(must.ranks(3, 4),)),
        OpRule(ops=("STRIDED_SLICE",), dtypes=_GPU_TYPES, conditions=(must.ranks(3, 4), must.NO_MASKS)),
        OpRule(ops=("SOFTMAX",), dtypes=_GPU_TYPES, conditions=(must.PLAIN_SOFTMAX,)),
        OpRule(ops=("GATHER", "TOPK_V2"), dtypes=(*_GPU_TYPES, "int32")),
        OpRule(ops=("CAST", "SELECT", "SELECT_V2"), dtypes=("float32", "float16", "int32", "bool")),
        OpRule(
            ops=("Convolution2DTransposeBias", "MaxPoolingWithArgmax2D", "MaxUnpooling2D", "Resampler"),
            dtypes=("float32", "float16", "int32"),
        ),
    ),
    keeps="largest",
    note="It computes in float, 8-bit files too. By default it takes one group alone (max_delegated_partitions).",
)

EDGETPU = TargetProfile(
    name="edgetpu",
    title="Coral Edge TPU",
    source="https://coral.ai/docs/edgetpu/models-intro/#supported-operations",
    version="compiler 16, runtime 14",
    conditions=(must.FIXED_SHAPES, must.QUANTIZED, must.INNER_AXES),
    rules=(
        OpRule(
            ops=("CONV_2D", "DEPTHWISE_CONV_2D"),
            dtypes=_BYTE,
            conditions=(must.STORED_WEIGHTS, must.EQUAL_DILATION),
        ),
        OpRule(ops=("FULLY_CONNECTED",), dtypes=_BYTE, conditions=(must.STORED_WEIGHTS, must.FLAT_OUTPUT)),
        OpRule(ops=("AVERAGE_POOL_2D", "CONCATENATION", "MAX_POOL_2D"), dtypes=_BYTE, conditions=(must.NO_ACTIVATION,)),
        OpRule(ops=("MEAN",), dtypes=_BYTE, conditions=(must.NO_BATCH_REDUCTION, must.DEPTH_BY_FOUR)),
        OpRule(ops=("REDUCE_MAX", "REDUCE_MIN", "SUM"), dtypes=_BYTE, conditions=(must.NO_BATCH_REDUCTION,)),
        OpRule(ops=("PAD",), dtypes=_BYTE, conditions=(must.NO_BATCH_PADDING,)),
        OpRule(ops=("SOFTMAX",), dtypes=_BYTE, conditions=(must.FLAT_SOFTMAX,)),
        OpRule(ops=("STRIDED_SLICE",), dtypes=_BYTE, conditions=(must.UNIT_STEPS, must.NO_NEW_AXES)),
        OpRule(
            ops=("ADD", "EXPAND_DIMS", "L2_NORMALIZATION", "LOGISTIC", "MAXIMUM", "MINIMUM", "MUL", "QUANTIZE"),
            dtypes=_BYTE,
        ),
        OpRule(
            ops=("RELU", "RELU6", "RELU_N1_TO_1", "RSQRT", "SLICE", "SPACE_TO_DEPTH", "SQUARED_DIFFERENCE", "SUB"),
            dtypes=_BYTE,
        ),
        OpRule(ops=("SQUEEZE", "TANH", "TRANSPOSE_CONV"), dtypes=_BYTE),
        OpRule(
            ops=("PACK", "SPLIT", "UNIDIRECTIONAL_SEQUENCE_LSTM"),
            dtypes=_BYTE,
            unchecked="not along the batch; LSTM in one direction",
        ),
        OpRule(
            ops=("PRELU", "RESHAPE", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "TRANSPOSE"),
            dtypes=_BYTE,
            unchecked="some sizes are left to the CPU",
        ),
    ),
    keeps="first",
    note="The compiler makes one part: the first operator that it refuses, and all that follow, run on the CPU.",
)

_NPU_TYPES = ("int8", "uint8", "int16")
_NPU_WIDE = (*_NPU_TYPES, "int32")
_NPU_WEIGHTS = (must.BYTE_WEIGHTS, must.QUANTIZED)
_NPU = (must.QUANTIZED, must.PER_TENSOR)

ETHOS_U = TargetProfile(
    name="ethos-u",
    runs_int16_fast=True,
    title="Arm Ethos-U55 and U65 by Vela",
    source="`vela --supported-ops-report` of ethos-u-vela, https://pypi.org/project/ethos-u-vela/",
    version="5.2.0",
    conditions=(must.OPEN_BATCH_AT_MOST,),
    rules=(
        OpRule(ops=("CONV_2D",), dtypes=_NPU_TYPES, conditions=(*_NPU_WEIGHTS, must.SMALL_STRIDES)),
        OpRule(ops=("DEPTHWISE_CONV_2D",), dtypes=_NPU_TYPES, conditions=(*_NPU_WEIGHTS, must.STRICT_STRIDES)),
        OpRule(
            ops=("FULLY_CONNECTED", "TRANSPOSE_CONV"),
            dtypes=_NPU_TYPES,
            conditions=(must.QUANTIZED,),
            unchecked="8-bit weights; strides of 1 or 2",
        ),
        OpRule(ops=("ADD", "MUL", "SUB"), dtypes=_NPU_WIDE, conditions=_NPU),
        OpRule(ops=("AVERAGE_POOL_2D",), dtypes=_NPU_TYPES, conditions=(*_NPU, must.NPU_POOLING, must.SMALL_STRIDES)),
        OpRule(ops=("MAX_POOL_2D",), dtypes=_NPU_TYPES, conditions=(*_NPU, must.SMALL_STRIDES)),
        OpRule(ops=("MEAN",), dtypes=_NPU_TYPES, conditions=(*_NPU, must.ONE_PICTURE, must.STORED_PARAMETERS)),
        OpRule(ops=("REDUCE_MAX", "REDUCE_MIN", "SUM"), dtypes=_NPU_TYPES, conditions=(*_NPU, must.STORED_PARAMETERS)),
        OpRule(ops=("MAXIMUM", "MINIMUM"), dtypes=_NPU_TYPES, conditions=(*_NPU, must.SAME_SCALES)),
        OpRule(ops=("MIRROR_PAD", "PAD", "PADV2"), dtypes=_NPU_TYPES, conditions=(must.STORED_PARAMETERS,)),
        OpRule(ops=("QUANTIZE",), dtypes=_NPU_TYPES, conditions=(must.PER_TENSOR,)),
        OpRule(ops=("EXPAND_DIMS", "RESHAPE", "SQUEEZE"), dtypes=_NPU_WIDE),
        OpRule(ops=("ELU",), dtypes=("int8",), conditions=_NPU),
        OpRule(ops=("GELU", "HARD_SWISH"), dtypes=_BYTE, conditions=_NPU),
        OpRule(ops=("BATCH_MATMUL",), dtypes=("int8",), conditions=_NPU),
        OpRule(ops=("LOG", "RSQRT"), dtypes=("int8", "int16"), conditions=_NPU),
        OpRule(
            ops=("ABS", "ARG_MAX", "CONCATENATION", "EXP", "LEAKY_RELU", "LOGISTIC", "NEG", "PACK", "PRELU"),
            dtypes=_NPU_WIDE,
            conditions=_NPU,
        ),
        OpRule(
            ops=("RELU", "RELU6", "RELU_0_TO_1", "RELU_N1_TO_1", "SOFTMAX", "SPLIT", "SPLIT_V", "SQUARED_DIFFERENCE"),
            dtypes=_NPU_TYPES,
            conditions=_NPU,
        ),
        OpRule(
            ops=("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "REVERSE_V2", "SLICE", "STRIDED_SLICE", "TANH", "TILE"),
            dtypes=_NPU_TYPES,
            conditions=_NPU,
            unchecked="resizing by 2, 4 or 8; stored parameters",
        ),
        OpRule(
            ops=("TRANSPOSE", "UNIDIRECTIONAL_SEQUENCE_LSTM", "UNPACK"),
            dtypes=_NPU_TYPES,
            unchecked="TRANSPOSE: sizes; LSTM: no peephole, projection or normalization",
        ),
    ),
    note="Weight sums and sizes have limits that are not checked here; Vela itself tells.",
)

PROFILES: tuple[TargetProfile, ...] = (XNNPACK, GPU, EDGETPU, ETHOS_U)
