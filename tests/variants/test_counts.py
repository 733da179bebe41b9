from __future__ import annotations

import json
from dataclasses import astuple

import pytest

from mobile_deploy.variants.counts import VariantCounts, count
from mobile_deploy.variants.registry import VARIANTS, make_spec

# Mult-adds and totals of V1 and its comparisons: arXiv:1704.04861, Tables 4 and 5 (569 M and 4.2 M; 4866 M and 29.3 M;
# 307 M and 2.9 M), to the unit. V2 300 M, V3-Large 219 M, V3-Small: arXiv:1801.04381 Table 4, arXiv:1905.02244 Table 3;
# totals are what keras.applications prints.
# fmt: off
GOLDEN = {  # total, trainable, paper, mult-adds
    "v1":                    (4_253_864,  4_231_976,  4_209_088,  568_740_352),
    "v1-conv":               (29_306_056, 29_294_088, 29_281_120, 4_867_293_184),
    "v1-shallow":            (2_899_624,  2_887_976,  2_875_328,  307_323_392),
    "v2":                    (3_538_984,  3_504_872,  3_469_760,  300_774_272),
    "v3-large":              (5_507_432,  5_483_032,  5_451_272,  216_589_760),
    "v3-small":              (2_554_968,  2_542_856,  2_525_832,  56_510_400),
    "v3-large-minimalistic": (3_948_688,  3_924_288,  3_897_608,  209_136_704),
    "v3-small-minimalistic": (2_056_848,  2_044_736,  2_030_600,  52_288_448),
}
# fmt: on


@pytest.mark.parametrize("variant", VARIANTS)
def test_counts_equal_the_published_ones_to_the_unit(variant):
    assert astuple(count(make_spec(variant))) == GOLDEN[variant]


@pytest.mark.parametrize(("side", "mult_adds"), [(192, 418_121_728), (160, 290_675_200), (128, 186_400_768)])
def test_mult_adds_shrink_with_the_resolution_and_parameters_do_not(side, mult_adds):
    counts = count(make_spec("v1", side=side))
    assert counts.mult_adds == mult_adds
    assert counts.parameters_total == GOLDEN["v1"][0]


def test_features_cost_the_network_less_its_classifier():
    assert count(make_spec("v1", include_top=False)).mult_adds == 567_716_352


def test_another_class_changes_the_classifier_alone():
    assert count(make_spec("v2", classes=1001)).parameters_total == GOLDEN["v2"][0] + 1280 + 1


def test_counts_equal_every_derived_row_of_the_reference(shared_dir):
    variants = {variant.model_name: name for name, variant in VARIANTS.items()}
    variants |= {"conv_mobilenet": "v1-conv", "shallow_mobilenet": "v1-shallow"}
    derived = json.loads((shared_dir / "reference" / "params.json").read_text(encoding="utf-8"))["derived"]["rows"]
    rows = [row for row in derived if row["variant"] in variants]
    assert {variants[row["variant"]] for row in rows} >= set(GOLDEN)
    for row in rows:
        spec = make_spec(
            variants[row["variant"]],
            width_multiplier=row["alpha"],
            side=row["resolution"],
            classes=row["classes"] or 1000,
            include_top=row["include_top"],
        )
        assert count(spec) == VariantCounts(
            parameters_total=row["total"],
            parameters_trainable=row["trainable"],
            parameters_paper=row["weights_only"],
            mult_adds=row["macs"],
        ), spec
