"""The network that ships, from its word to bundles that name its classes."""

from __future__ import annotations

import pytest

from mobile_deploy.data.demo import DEMO_CLASSES, make_demo_pictures
from mobile_deploy.errors import BadOptionError
from mobile_deploy.pipeline.evaluate import evaluate
from mobile_deploy.pipeline.export import export

NETWORK = {"variant": "v2", "alpha": 0.35, "resolution": 96, "weights": "demo"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return export(**NETWORK, quant=["float32", "int8"], output=tmp_path_factory.mktemp("demo"))


def test_the_classes_come_with_the_weights_and_nothing_is_untrained(made):
    assert not made.untrained
    for bundle in made.bundles:
        assert bundle.contract.labels == DEMO_CLASSES
        assert bundle.name == f"mobilenet_v2_0.35_96-{bundle.recipe}"
        weights = bundle.manifest["weights"]
        assert (weights["kind"], weights["new_head"]) == ("demo", False)
    assert "trained on generated pictures: they know nothing else" in made.notes[0]


def test_it_is_calibrated_on_drawn_pictures_of_all_classes(made):
    calibration = made.bundles[1].manifest["calibration"]
    assert (calibration["source"], calibration["count"]) == ("arrays", 128)


def test_the_int8_file_knows_pictures_that_nobody_trained_or_calibrated_on(made, tmp_path):
    make_demo_pictures(tmp_path / "set", per_class=5, seed=4)
    assert evaluate(made.bundles[1].directory, tmp_path / "set").model.accuracy.top1.count >= 36


def test_names_of_ones_own_stand_in_for_the_ten_classes(tmp_path):
    names = tmp_path / "names.txt"
    names.write_text("".join(f"Klasse {i}\n" for i in range(10)), encoding="utf-8")
    (bundle,) = export(**NETWORK, labels=names, quant=["float32"], output=tmp_path).bundles
    assert bundle.contract.labels[9] == "Klasse 9"


@pytest.mark.parametrize("count", [9, 1000])
def test_another_number_of_classes_is_refused_before_anything_is_made(count, tmp_path):
    with pytest.raises(BadOptionError, match=f"not {count}$"):
        export(**NETWORK, classes=count, output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_its_features_alone_need_no_classes(tmp_path):
    (bundle,) = export(**NETWORK, include_top=False, quant=["float32"], output=tmp_path).bundles
    assert bundle.contract.output.meaning == "embedding"
