"""Makes the calibration pictures of this folder.

    python make_images.py            writes images/ and MANIFEST.sha256
    python make_images.py --check    makes them again in memory and compares
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np

from generator import planar, spatial
from generator.camera import photograph

HERE = Path(__file__).resolve().parent
SEED = 20
SHORT_SIDE = 256
RENDER_SCALE = 1.25
ASPECTS = (1.0, 4 / 3, 4 / 3, 3 / 2, 3 / 2, 3 / 4, 2 / 3, 16 / 9)
FAMILIES = (
    (spatial.animal, 26), (spatial.still_life, 14), (spatial.product, 10), (spatial.room, 8), (spatial.street, 8),
    (planar.foliage, 4), (planar.dead_leaves, 4), (planar.pebbles, 6), (planar.landscape, 8), (planar.flower, 6),
    (planar.facade, 6), (planar.sign, 6),
)

def make(family, number, index):
    rng = np.random.default_rng([SEED, number, index])
    aspect = float(rng.choice(ASPECTS))
    size = (round(SHORT_SIDE * max(1, aspect)), round(SHORT_SIDE * max(1, 1 / aspect)))
    shape = (round(size[1] * RENDER_SCALE), round(size[0] * RENDER_SCALE))
    return photograph(rng, family(rng, shape), size=size)

if __name__ == "__main__":
    import time
    out = Path(sys.argv[1]); out.mkdir(exist_ok=True, parents=True)
    only = sys.argv[2:] 
    for number, (family, count) in enumerate(FAMILIES):
        if only and family.__name__ not in only: continue
        t = time.time()
        for index in range(count):
            make(family, number, index).save(out / f"{family.__name__}_{index:02d}.jpg", quality=82)
        print(family.__name__, (time.time() - t) / count)
