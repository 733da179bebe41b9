from __future__ import annotations

import pytest

from mobile_deploy.variants.counts import count
from mobile_deploy.variants.detail import describe
from mobile_deploy.variants.registry import VARIANTS, make_spec

# arXiv:1704.04861, Table 2: mult-adds and parameters in per cent. The paper prints 1.19 for the 3x3 convolution, which
# is 1.91 with its digits in order: only so the column sums to 100.
TABLE_2 = {
    "conv 1x1": (94.86, 74.59),
    "conv dw 3x3": (3.06, 1.06),
    "conv 3x3": (1.91, 0.02),
    "fully connected": (0.18, 24.33),
}


def test_v1_has_the_shares_of_table_2():
    shares = {
        share.layer_type: (round(share.mult_adds_percent, 2), round(share.parameters_percent, 2))
        for share in describe(make_spec("v1")).shares
    }
    assert shares == TABLE_2


def test_v1_has_28_layers():
    assert describe(make_spec("v1")).layer_count_paper == 28


@pytest.mark.parametrize("variant", VARIANTS)
def test_layers_and_shares_add_up(variant):
    spec = make_spec(variant)
    detail = describe(spec)
    assert detail.counts == count(spec)
    assert sum(layer.counts.parameters_total for layer in detail.layers) == detail.counts.parameters_total
    assert sum(share.mult_adds_percent for share in detail.shares) == pytest.approx(100)
    assert sum(share.parameters_percent for share in detail.shares) == pytest.approx(100)


def test_the_typical_pair_of_v1_is_the_papers_14_by_14_by_512():
    # arXiv:1704.04861, Table 3: 462 million mult-adds for the full convolution, 52.3 for the pair.
    separation = describe(make_spec("v1")).separation
    assert (separation.depthwise, separation.pointwise) == ("conv_dw_7", "conv_pw_7")
    assert (separation.full_mult_adds, separation.pair_mult_adds) == (462_422_016, 52_283_392)
    assert separation.counted_ratio == pytest.approx(1 / 512 + 1 / 9)


@pytest.mark.parametrize("variant", [name for name in VARIANTS if name != "v1-conv"])
def test_the_counted_cost_ratio_is_the_formulas(variant):
    separation = describe(make_spec(variant)).separation
    assert separation.counted_ratio == pytest.approx(separation.predicted_ratio)


def test_full_convolutions_have_nothing_to_compare():
    assert describe(make_spec("v1-conv")).separation is None
