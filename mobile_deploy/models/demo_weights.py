"""The weights that ship: V2 at width 0.35 and 96 pixels, trained by this project on its own generated pictures.

`make demo-train` makes them again.
"""

from __future__ import annotations

from pathlib import Path

from mobile_deploy.data.demo import DEMO_CLASSES
from mobile_deploy.errors import BadOptionError
from mobile_deploy.variants.registry import ModelSpec

DEMO = "demo"
"""The word for them after --weights."""

DEMO_SPEC = ModelSpec(variant="v2", width_multiplier=0.35, side=96, classes=len(DEMO_CLASSES))
"""The network that they are for."""

_FILE_NAME = "demo_mobilenet_v2_0.35_96.h5"


def demo_weights_file(spec: ModelSpec) -> Path:
    """Finds the weights that ship.

    Args:
        spec: The network to fill. Its classes may be others: it then keeps its own, untrained head.

    Raises:
        BadOptionError: It is another network.
    """
    asked, known = ((s.variant, s.width_multiplier, s.side) for s in (spec, DEMO_SPEC))
    if asked != known:
        raise BadOptionError(
            option="--weights demo",
            problem=f"these weights are for {DEMO_SPEC.name}, not for {spec.name}",
            hint=f"pass --variant {DEMO_SPEC.variant} --alpha {DEMO_SPEC.width_multiplier} "
            f"--resolution {DEMO_SPEC.side}",
        )
    return Path(__file__).with_name(_FILE_NAME)


def check_demo_classes(count: int) -> None:
    """Refuses another number of classes than these weights tell apart.

    Args:
        count: As many as are asked for.

    Raises:
        BadOptionError: It is another.
    """
    if count != DEMO_SPEC.classes:
        raise BadOptionError(
            option="--weights demo",
            problem=f"these weights tell {DEMO_SPEC.classes} classes apart ({', '.join(DEMO_CLASSES)}), not {count}",
            hint="leave --classes and --labels out, or teach them other classes: "
            "mobile-deploy train --weights demo --data DIR",
        )
