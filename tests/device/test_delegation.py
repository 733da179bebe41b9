"""Who ran a model is read from what the tool and the runtime say."""

from __future__ import annotations

import pytest

from mobile_deploy.device.delegation import Delegation, read_delegation
from mobile_deploy.device.log_lines import read_lines

APPLIED = "INFO: Explicitly applied {} delegate, and the model graph will be"
WHOLLY = f"{APPLIED} completely executed by the delegate.\n"
PARTLY = f"{APPLIED} partially executed by the delegate w/ 3 delegate kernels.\n"
REPLACED = "VERBOSE: Replacing {} out of {} node(s) with delegate ({}) node, yielding 2 partitions for subgraph {}.\n"


def read(log: str, asked: str) -> tuple[str, tuple[str, ...]]:
    delegation: Delegation = read_delegation(read_lines(log), asked)
    return delegation.used, delegation.doubts


@pytest.mark.parametrize(
    ("log", "asked", "used", "doubts"),
    [
        ("", "cpu", "", ()),
        (WHOLLY.format("XNNPACK"), "cpu", "XNNPACK, all operators", ()),
        (PARTLY.format("XNNPACK"), "cpu", "XNNPACK, part of the operators in 3 groups", ()),
        (WHOLLY.format("GPU"), "gpu", "GPU, all operators", ()),
        (
            PARTLY.format("GPU"),
            "gpu",
            "GPU, part of the operators in 3 groups",
            ("partially executed by the GPU delegate, in 3 groups",),
        ),
        ("INFO: Initialized OpenCL-based API.\n", "gpu", "GPU", ()),
        ("INFO: Created 0 GPU delegate kernels.\n", "gpu", "", ("gpu was asked, the log shows no sign of it",)),
        (WHOLLY.format("EXTERNAL"), "cpu", "EXTERNAL, all operators", ()),
        (WHOLLY.format("NNAPI"), "gpu", "NNAPI, all operators", ("gpu was asked, the log shows only NNAPI",)),
    ],
)
def test_a_log_tells_who_ran_it_and_whether_that_was_asked(log, asked, used, doubts):
    assert read(log, asked) == (used, doubts)


@pytest.mark.parametrize("name", ["LITERT_CL", "LITERT_WEBGPU", "TfLiteGpuDelegateV2", "MLDrift"])
def test_the_gpu_has_several_names(name):
    assert read(REPLACED.format(9, 9, name, 0), "gpu") == ("GPU, 9 of 9 operators", ())


def test_operators_of_several_graphs_are_added_up():
    log = REPLACED.format(60, 60, "LITERT_CL", 0) + REPLACED.format(3, 7, "LITERT_CL", 1)
    doubt = "partially executed by the GPU delegate, 63 of 67 operators"
    assert read(log, "gpu") == ("GPU, 63 of 67 operators", (doubt,))


def test_a_delegate_that_takes_no_operator_does_not_count():
    log = REPLACED.format(0, 67, "TfLiteXNNPackDelegate", 0)
    assert read(log, "cpu") == ("", ("not executed by the XNNPACK delegate",))
    assert read(log, "cpu-plain") == ("", ())


def test_a_gpu_of_unknown_extent_is_doubted_where_xnnpack_takes_operators():
    log = "INFO: Created 1 GPU delegate kernels.\n" + REPLACED.format(4, 10, "TfLiteXNNPackDelegate", 0)
    used = "GPU; XNNPACK, 4 of 10 operators"
    assert read(log, "gpu") == (used, ("partially executed by XNNPACK, 4 of 10 operators",))
