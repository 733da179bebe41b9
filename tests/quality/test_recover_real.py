"""Recovery with real weights: trained on 400 photographs without labels, judged on 100 others."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from quality.plain_converter import NETWORKS

from mobile_deploy.bundle import Bundle
from mobile_deploy.contract import IMAGENET_FIT
from mobile_deploy.data.images import load_picture
from mobile_deploy.evaluation.logits import read_logits
from mobile_deploy.evaluation.parity import logit_sqnr_db
from mobile_deploy.pipeline.export import export

pytestmark = pytest.mark.slow

EVERY = 5  # each fifth photograph is judged by


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """Logits of the float file and of two int8 files on photographs that none of them has seen."""

    network: str
    reference: np.ndarray = field(repr=False)
    before: np.ndarray = field(repr=False)
    after: np.ndarray = field(repr=False)

    @property
    def sqnr_db(self) -> tuple[float, float]:
        return logit_sqnr_db(self.reference, self.before), logit_sqnr_db(self.reference, self.after)

    @property
    def flips(self) -> tuple[float, float]:
        best = self.reference.argmax(axis=1)
        return tuple(float(np.mean(logits.argmax(axis=1) != best)) for logits in (self.before, self.after))


@pytest.fixture(scope="module", params=NETWORKS)
def recovered(request, shared_dir, tmp_path_factory) -> Recovered:
    network, (alpha, name) = request.param, NETWORKS[request.param]
    paths = sorted((shared_dir / "imagenet_sample" / "images").iterdir())
    folder = tmp_path_factory.mktemp("photographs")
    for path in (path for i, path in enumerate(paths) if i % EVERY):
        (folder / path.name).symlink_to(path.resolve())
    unseen = np.stack([load_picture(path, side=224, fit=IMAGENET_FIT) for path in paths[::EVERY]])

    def exported(**settings) -> dict[str, Bundle]:
        made = export(
            network,
            alpha=alpha,
            weights=shared_dir / "pretrained" / name,
            calibration=folder,
            calibration_samples=400,
            quant=("float32", "int8"),
            output=tmp_path_factory.mktemp("bundles"),
            **settings,
        )
        print(f"\n{made}", *made.notes, sep="\n")
        return {bundle.recipe: bundle for bundle in made.bundles}

    def logits(bundle: Bundle) -> np.ndarray:
        return read_logits(bundle.tflite.read_bytes(), unseen, bundle.contract.input)

    plain, trained = exported(), exported(recover_minutes=4)
    found = Recovered(
        network=network,
        reference=logits(plain["float32"]),
        before=logits(plain["int8"]),
        after=logits(trained["int8"]),
    )
    print(f"{network}: logit SQNR {found.sqnr_db} dB, flips {found.flips} on {len(unseen)} unseen photographs")
    return found


def test_v1_says_again_what_the_float_network_says(recovered):
    if recovered.network != "v1":
        pytest.skip("the bar is for V1, which loses most")
    assert recovered.sqnr_db[1] >= 17
    assert recovered.flips[1] <= 0.14


def test_no_network_is_worse_than_before(recovered):
    before, after = recovered.sqnr_db
    # Where recovery is left out, both are the same file.
    assert after >= before
