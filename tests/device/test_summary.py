"""What the processes of a session say together, and whether its intervals keep their promise."""

from __future__ import annotations

import json
import math
import random
import statistics
from dataclasses import replace

import pytest
from fakes.simulated_phone import SimulatedPhone, measured
from scipy.stats import t

from mobile_deploy.device.measurement import Condition, Configuration, Measurement, Memory, OpTime
from mobile_deploy.device.records import Record
from mobile_deploy.device.summary import Summary, speed_ups, summarize
from mobile_deploy.statistics import welch_ratio

FLOAT = Configuration(model="float", threads=1)
INT8 = Configuration(model="int8", threads=1)


def record(centre_ms: float | None, *, configuration: Configuration = FLOAT, number: int = 0, **changes) -> Record:
    measurement = None if centre_ms is None else Measurement(centre_ms=centre_ms, runs=100)
    return Record(
        **{
            "configuration": configuration,
            "kind": "latency",
            "round": number,
            "attempt": 0,
            "started_s": 0.0,
            "measurement": measurement,
            "failure": "" if measurement else "it crashed",
            "before": Condition(),
            "after": Condition(),
            **changes,
        }
    )


def latencies(*centres_ms: float, **changes) -> list[Record]:
    return [record(centre_ms, number=number, **changes) for number, centre_ms in enumerate(centres_ms)]


def test_the_median_process_counts_with_students_interval_on_logarithms():
    centres_ms = (10.0, 10.4, 9.9, 10.1, 14.0)
    (found,) = summarize(latencies(*centres_ms))
    logs = [math.log(centre_ms) for centre_ms in centres_ms]
    expected = t.interval(0.95, 4, loc=statistics.fmean(logs), scale=statistics.stdev(logs) / math.sqrt(5))
    assert found.latency_ms == 10.1
    assert (found.low_ms, found.high_ms) == pytest.approx(tuple(map(math.exp, expected)), rel=1e-9)
    assert found.centres_ms == centres_ms
    assert found.runs == 500


def test_percentiles_first_inference_and_start_are_medians_over_processes_and_the_fastest_is_the_fastest():
    measurements = [
        Measurement(centre_ms=5.0, runs=10, p5_ms=4.0, p95_ms=7.0, min_ms=3.9, first_ms=20.0, init_ms=30.0),
        Measurement(centre_ms=5.0, runs=10, p5_ms=4.2, p95_ms=9.0, min_ms=3.5, first_ms=21.0, init_ms=90.0),
        Measurement(centre_ms=5.0, runs=10, p5_ms=4.1, p95_ms=8.0, min_ms=4.0, first_ms=99.0, init_ms=31.0),
    ]
    (found,) = summarize(record(1.0, number=number, measurement=value) for number, value in enumerate(measurements))
    assert (found.p5_ms, found.p95_ms, found.min_ms, found.first_ms, found.init_ms) == (4.1, 8.0, 3.5, 21.0, 31.0)


@pytest.mark.parametrize(
    ("centres_ms", "spread", "word"),
    [
        ((95.0, 100.0, 105.0), 0.05, "steady"),
        ((94.0, 100.0, 106.0), 0.06, "unstable"),
        ((90.0, 100.0, 110.0), 0.10, "unstable"),
        ((89.0, 100.0, 111.0), 0.11, "poor"),
    ],
)
def test_the_spread_between_processes_has_a_word(centres_ms, spread, word):
    (found,) = summarize(latencies(*centres_ms))
    assert found.spread == pytest.approx(spread)
    assert found.steadiness == word


def test_one_process_has_neither_interval_nor_spread():
    (found,) = summarize(latencies(8.0))
    assert (found.latency_ms, found.low_ms, found.high_ms, found.spread, found.steadiness) == (8.0, *[None] * 4)


def test_throttled_and_replaced_processes_do_not_count():
    records = [*latencies(10.0, 11.0), record(15.0, number=2, throttled=True), record(2.0, number=3, replaced=True)]
    (found,) = summarize(records)
    assert found.centres_ms == (10.0, 11.0)
    assert not found.throttled


def test_throttled_processes_count_with_a_mark_where_fewer_than_two_others_are_left():
    records = [record(10.0), record(15.0, number=1, throttled=True), record(16.0, number=2, throttled=True)]
    (found,) = summarize(records)
    assert found.centres_ms == (10.0, 15.0, 16.0)
    assert found.throttled


def test_neither_trial_nor_memory_nor_profile_is_mixed_into_the_latency():
    memory = Memory(init_mb=1.0, overall_mb=2.0, peak_mb=None)
    profile = (OpTime(name="conv", kind="CONV_2D", mean_ms=1.0, share=1.0, calls=1),)
    records = [
        record(99.0, kind="trial"),
        *latencies(10.0, 10.0),
        record(1.0, kind="memory", measurement=Measurement(centre_ms=50.0, runs=9, memory=memory)),
        record(1.0, kind="profile", measurement=Measurement(centre_ms=60.0, runs=9, profile=profile)),
    ]
    (found,) = summarize(records)
    assert (found.centres_ms, found.runs) == ((10.0, 10.0), 200)
    assert (found.memory, found.profile) == (memory, profile)


def test_a_configuration_whose_trial_failed_is_a_row_with_the_reason():
    (found,) = summarize([record(None, kind="trial")])
    assert (found.failure, found.latency_ms, found.centres_ms) == ("it crashed", None, ())


def test_a_failure_that_was_made_up_for_is_none():
    (found,) = summarize([record(None, replaced=True), record(10.0, attempt=1), record(10.2, number=1)])
    assert (found.failure, found.centres_ms) == ("", (10.0, 10.2))


def test_a_configuration_that_was_given_up_keeps_what_it_measured():
    records = [*latencies(10.0, 10.1), record(None, number=2), record(None, number=2, attempt=1)]
    (found,) = summarize(records)
    assert (found.failure, found.latency_ms) == ("it crashed", pytest.approx(10.05))


def test_doubts_and_what_ran_the_model_are_named_once():
    doubtful = Measurement(centre_ms=5.0, runs=9, used="XNNPACK", doubts=("unknown flag --x",))
    records = [record(1.0, number=number, measurement=doubtful) for number in range(3)]
    (found,) = summarize([*records, record(None, kind="memory")])
    assert found.used == "XNNPACK"
    assert found.doubts == ("unknown flag --x", "no memory: it crashed")
    assert found.failure == ""


def test_one_mean_among_the_processes_makes_the_row_one_of_means():
    mean = Measurement(centre_ms=5.0, runs=9, centre="mean")
    assert summarize([*latencies(5.0), record(1.0, number=1, measurement=mean)])[0].centre == "mean"
    assert summarize(latencies(5.0, 5.0))[0].centre == "median"


def test_rows_are_in_the_order_in_which_they_first_ran():
    records = [record(1.0, configuration=INT8), record(2.0), record(1.1, configuration=INT8, number=1)]
    assert [found.configuration for found in summarize(records)] == [INT8, FLOAT]


def test_a_row_is_told_in_json():
    told = json.loads(json.dumps(summarize(latencies(10.0, 10.2))[0].to_json()))
    assert told["configuration"] == {"model": "float", "threads": 1, "delegate": "cpu"}
    assert told["processes"] == 2
    assert told["steadiness"] == "steady"


def row(configuration: Configuration, *centres_ms: float) -> Summary:
    return Summary(configuration=configuration, centres_ms=centres_ms)


def test_speed_up_is_the_baselines_latency_over_that_of_each_other_model_with_the_same_threads_and_delegate():
    four = {model: Configuration(model=model, threads=4) for model in ("float", "int8")}
    rows = [row(FLOAT, 20.0, 21.0), row(INT8, 10.0, 10.2), row(four["float"], 8.0, 8.1), row(four["int8"], 5.0, 5.1)]
    found = speed_ups(rows, baseline="float")
    assert [(one.configuration, one.baseline) for one in found] == [(INT8, FLOAT), (four["int8"], four["float"])]
    assert found[0].ratio == welch_ratio((20.0, 21.0), (10.0, 10.2))
    assert found[0].to_json()["baseline"] == "float"


@pytest.mark.parametrize(
    "other",
    [
        row(replace(INT8, threads=2), 1.0, 1.1),
        row(replace(INT8, delegate="gpu"), 1.0, 1.1),
        row(INT8, 1.0),
        row(INT8),
    ],
)
def test_there_is_no_speed_up_without_its_like_or_with_too_few_processes(other):
    assert speed_ups([row(FLOAT, 20.0, 21.0), other], baseline="float") == ()


def test_the_interval_of_the_speed_up_covers_the_truth_on_93_to_97_percent_of_1000_phones():
    """Each measured by a whole session; processes vary by 3 %, some by 30 % because of work in the background."""
    covered = 0
    for seed in range(1000):
        truth = random.Random(seed).uniform(0.8, 4.0)
        phone = SimulatedPhone(truth_ms={FLOAT: 20.0, INT8: 20.0 / truth}, seed=seed)
        (found,) = speed_ups(summarize(measured(phone)), baseline="float")
        covered += found.ratio.low <= truth <= found.ratio.high
    assert 930 <= covered <= 970
