"""The learning rate along a phase."""

from __future__ import annotations

import pytest

from mobile_deploy.training.phase import Phase
from mobile_deploy.training.schedules import learning_rate_at, share_at


def phase(**changes) -> Phase:
    return Phase(**{"name": "all", "epochs": 1, "batch_size": 8, "learning_rate": 0.1, **changes})


def rates(row: Phase, steps: int) -> list[float]:
    return [learning_rate_at(row, share_at(step, steps)) for step in range(steps)]


def test_a_cosine_falls_from_the_rate_to_nearly_nothing():
    found = rates(phase(), 100)
    assert found == sorted(found, reverse=True)
    assert found[0] == pytest.approx(0.1, rel=1e-3)
    assert found[49] + found[50] == pytest.approx(0.1)  # symmetrical about half the rate
    assert 0 < found[-1] < 1e-5


def test_the_warm_up_rises_in_a_straight_line_to_the_rate():
    found = rates(phase(warm_up_share=0.1), 100)
    assert found[:10] == pytest.approx([0.1 * (step + 0.5) / 10 for step in range(10)])
    assert max(found) == found[10] == pytest.approx(0.1, rel=1e-3)
    assert found[-1] < 1e-5


def test_a_constant_rate_stays_after_its_warm_up():
    assert rates(phase(decay="constant", warm_up_share=0.5), 4) == pytest.approx([0.025, 0.075, 0.1, 0.1])


@pytest.mark.parametrize("warm_up_share", [0.0, 0.3, 1.0])
def test_no_step_goes_uphill_or_nowhere(warm_up_share):
    assert all(0 < rate <= 0.1 for rate in rates(phase(warm_up_share=warm_up_share), 7))


def test_time_beyond_the_budget_has_no_rate():
    assert learning_rate_at(phase(), 1.0) == pytest.approx(0.0, abs=1e-12)
