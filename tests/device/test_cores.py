"""Which cores are fast, and which a run is bound to."""

from __future__ import annotations

import pytest

from mobile_deploy.device.cores import (
    Cluster,
    Core,
    big_cores,
    clusters,
    cores_for,
    cores_of_mask,
    default_threads,
    mask_of,
)


def phone(*counts_and_ghz: tuple[int, float], offline: tuple[int, ...] = (), capacities: tuple[int, ...] = ()):
    speeds = [round(ghz * 1e6) for count, ghz in counts_and_ghz for _ in range(count)]
    return tuple(
        Core(
            index=index,
            max_khz=None if index in offline else speed or None,
            capacity=capacities[index] if capacities else None,
            online=index not in offline,
        )
        for index, speed in enumerate(speeds)
    )


PIXEL_2 = phone((4, 1.9), (4, 2.35))
PIXEL_6 = phone((4, 1.8), (2, 2.25), (2, 2.8))
PIXEL_8 = phone((4, 1.7), (4, 2.37), (1, 2.91))
SNAPDRAGON_ELITE = phone((6, 3.53), (2, 4.32))
EQUAL = phone((8, 2.0))
ODD = phone((1, 3.2), (3, 2.8), (4, 2.0))
SILENT = phone((8, 0.0))


@pytest.mark.parametrize(
    ("cores", "expected"),
    [
        (PIXEL_2, (4, 5, 6, 7)),
        # Exactly two have the highest clock: they alone are big.
        (PIXEL_6, (6, 7)),
        (SNAPDRAGON_ELITE, (6, 7)),
        # One does: all above the lowest clock are.
        (PIXEL_8, (4, 5, 6, 7, 8)),
        (ODD, (0, 1, 2, 3)),
        (EQUAL, tuple(range(8))),
        (SILENT, ()),
        ((), ()),
    ],
)
def test_big_cores_are_chosen_as_litert_does(cores, expected):
    assert big_cores(cores) == expected


def test_where_all_clocks_are_equal_capacities_decide():
    cores = phone((8, 2.0), capacities=(400,) * 4 + (1024,) * 4)
    assert big_cores(cores) == (4, 5, 6, 7)
    without_clocks = tuple(Core(index=core.index, capacity=core.capacity) for core in cores)
    assert big_cores(without_clocks) == (4, 5, 6, 7)


@pytest.mark.parametrize(
    ("cores", "threads", "expected"),
    [
        (PIXEL_2, 1, (4, 5, 6, 7)),
        (PIXEL_2, 4, (4, 5, 6, 7)),
        (PIXEL_2, 5, tuple(range(8))),
        (PIXEL_6, 2, (6, 7)),
        (PIXEL_6, 4, (4, 5, 6, 7)),
        (PIXEL_6, 5, tuple(range(8))),
        (PIXEL_6, 99, tuple(range(8))),
        (SILENT, 4, ()),
        ((), 1, ()),
    ],
)
def test_a_run_gets_the_next_fastest_cores_while_it_has_more_threads(cores, threads, expected):
    assert cores_for(cores, threads) == expected


def test_cores_that_are_asleep_are_never_given():
    assert cores_for(phone((4, 1.9), (4, 2.35), offline=(6, 7)), 2) == (4, 5)
    asleep = tuple(
        Core(index=core.index, max_khz=core.max_khz, online=core.index < 4) for core in PIXEL_2
    )  # with files that tell their clock
    assert big_cores(asleep) == ()
    assert cores_for(asleep, 1) == (0, 1, 2, 3)


@pytest.mark.parametrize(
    ("cores", "expected"),
    [(PIXEL_2, 4), (PIXEL_6, 2), (PIXEL_8, 4), (phone((2, 2.0)), 2), (SILENT, 4), (phone((1, 0.0)), 1), ((), 1)],
)
def test_as_many_threads_as_big_cores_but_four_at_most(cores, expected):
    assert default_threads(cores) == expected


def test_clusters_are_told_the_fastest_first():
    assert clusters(PIXEL_8) == (
        Cluster(cores=(8,), max_khz=2_910_000),
        Cluster(cores=(4, 5, 6, 7), max_khz=2_370_000),
        Cluster(cores=(0, 1, 2, 3), max_khz=1_700_000),
    )
    assert ", ".join(map(str, clusters(PIXEL_8))) == "1x 2.91 GHz, 4x 2.37 GHz, 4x 1.70 GHz"
    assert str(clusters(SILENT)[0]) == "8 cores"


@pytest.mark.parametrize("cores", [(0,), (7,), (4, 5, 6, 7), (0, 31, 32, 40)])
def test_a_mask_means_its_cores(cores):
    assert cores_of_mask(mask_of(cores)) == cores


@pytest.mark.parametrize(
    ("mask", "cores"),
    [("ff", tuple(range(8))), ("00000000,000000f0", (4, 5, 6, 7)), ("", ()), ("0", ()), ("x$(y)", ())],
)
def test_the_kernels_masks_are_read(mask, cores):
    assert cores_of_mask(mask) == cores
