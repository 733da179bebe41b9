"""Tables of operators of both tools give the time of each operator in an inference."""

from __future__ import annotations

from pathlib import Path

import pytest

from mobile_deploy.device.op_profile import parse_profile

LOGS = Path(__file__).parent / "golden_logs"


def figures(name: str) -> list[tuple[str, str, float, float, int]]:
    profile = parse_profile((LOGS / f"{name}.log").read_text())
    return [(op.kind, op.name, pytest.approx(op.mean_ms), pytest.approx(op.share), op.calls) for op in profile]


def test_names_with_spaces_slashes_and_equals_signs_stay_whole():
    assert figures("interpreter_profile") == [
        ("Convolution (NHWC, QC8) IGEMM", "Delegate/Convolution (NHWC, QC8) IGEMM:0", 0.9, 0.9, 1),
        ("Fully Connected (NC, QS8) GEMM", "Delegate/Fully Connected (NC, QS8) GEMM:1", 0.075, 0.075, 1),
        ("MEAN/generic op", "[mobilenet/global_pool/Mean, with/a space]:65", 0.02, 0.02, 1),
        ("SOFTMAX", "[Identity;count=3 avg=2]:66", 0.005, 0.005, 1),
    ]


def test_calls_of_all_inferences_are_brought_down_to_one():
    assert figures("compiled_model_profile") == [
        ("Convolution (NHWC, QC8) IGEMM", "[Delegate]:0", 0.9, 0.75, 1),
        ("Fully Connected (NC, QS8) GEMM", "[Delegate]:1", 0.15, 0.125, 1),
        ("MEAN/generic", "[Builtin]:65", 0.15, 0.125, 3),
    ]


def test_a_type_with_commas_is_read_from_csv():
    assert figures("interpreter_profile_csv") == [
        ("Convolution (NHWC, QC8) IGEMM", "Delegate/Convolution (NHWC\t QC8) IGEMM:0", 0.9, 0.9, 1),
        ("MEAN", "[mobilenet/Mean\t other]:65", 0.1, 0.1, 1),
    ]


def test_an_operator_that_holds_a_graph_gives_way_to_what_the_graph_holds():
    """The older header has a column more. WHILE takes 400 ms: ten times 10 and ten times 30."""
    assert figures("interpreter_profile_tf_2_6") == [
        ("TfLiteXNNPackDelegate", "[x, y]:9", 800, pytest.approx(2 / 3), 1),
        ("ADD", "[loop/add]:0", 100, pytest.approx(1 / 12), 10),
        ("MUL", "[loop/mul]:1", 300, 0.25, 10),
    ]


def test_a_delegate_gives_way_to_what_runs_inside_it():
    assert figures("interpreter_profile_gpu") == [
        ("SOFTMAX", "[c]:66", 1, 0.25, 1),
        ("conv 1x1 (NHWC)", "Delegate/conv 1x1 (NHWC):0", 2, 0.5, 1),
        ("relu6", "Delegate/relu6:1", 1, 0.25, 1),
    ]


def test_what_runs_inside_a_delegate_may_have_any_name():
    text = (LOGS / "interpreter_profile_gpu.log").read_text().replace("Delegate/relu6:1", "relu6")
    assert [(op.kind, op.name) for op in parse_profile(text)][-1] == ("DelegateOpInvoke", "relu6")


@pytest.mark.parametrize(
    "name", ["interpreter_profile", "interpreter_profile_csv", "interpreter_profile_gpu", "compiled_model_profile"]
)
def test_shares_add_up_to_one(name):
    profile = parse_profile((LOGS / f"{name}.log").read_text())
    assert sum(op.share for op in profile) == pytest.approx(1)


def test_the_report_on_the_initialization_alone_is_no_profile():
    whole = (LOGS / "interpreter_profile.log").read_text()
    assert parse_profile(whole.partition("INFO: Operator-wise")[0]) == ()


def test_a_table_that_is_cut_short_gives_the_rows_that_are_whole():
    whole = (LOGS / "interpreter_profile.log").read_text()
    start = whole.index("Operator-wise")
    cut = whole.index("MEAN/generic op", start) + 20
    assert [op.kind for op in parse_profile(whole[:cut])] == [
        "Convolution (NHWC, QC8) IGEMM",
        "Fully Connected (NC, QS8) GEMM",
    ]


@pytest.mark.parametrize("text", ["", "\n\n", "== Run Order ==\n", "== Run Order ==\n[a] [b] [c]\nx 1 2\n"])
def test_other_texts_hold_no_profile(text):
    assert parse_profile(text) == ()
