"""What speaks against measuring is named with its remedy, and heat is waited for as long as is allowed."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from fakes.simulated_phone import Heat, SimulatedPhone, VirtualClock

from mobile_deploy.device.facts import PhoneFacts
from mobile_deploy.device.gates import SETTLE_S, Readiness, cool_down, heat_of, objections, readiness
from mobile_deploy.device.measurement import Condition

GOOD = {
    "battery_percent": 30,
    "battery_c": 37.0,
    "thermal_status": 0,
    "power_saver": False,
    "free_bytes": 5_000_000,
    "needed_bytes": 5_000_000,
}


def test_nothing_speaks_against_a_phone_at_its_limits():
    assert objections(Readiness(**GOOD)) == ()


def test_what_a_place_does_not_tell_speaks_against_nothing():
    assert objections(Readiness(needed_bytes=5)) == ()


@pytest.mark.parametrize(
    ("change", "problem", "remedy", "waits"),
    [
        ({"battery_percent": 29}, "battery at 29 %, needed are 30 %", "charge it", False),
        ({"battery_c": 37.1}, "battery at 37.1 °C, allowed are 37 °C", "let it cool down", True),
        ({"thermal_status": 1}, "thermal status 1 (light), needed is 0 (none)", "let it cool down", True),
        ({"power_saver": True}, "the power saver is on", "switch the power saver off", False),
        ({"free_bytes": 4_900_000}, "4.9 MB free, needed are 5.0 MB", "free some space", False),
    ],
)
def test_each_objection_has_its_numbers_and_a_remedy(change, problem, remedy, waits):
    (found,) = objections(Readiness(**(GOOD | change)))
    assert (found.problem, found.remedy, found.waits) == (problem, remedy, waits)


def test_what_a_phone_tells_of_itself_is_taken_over():
    facts = PhoneFacts(serial="1", power_saver=True, free_bytes=7)
    condition = Condition(thermal_status=1, temperatures_c={"SKIN": 44.0, "battery": 36.0}, battery_percent=55.0)
    assert readiness(facts, condition, needed_bytes=9) == Readiness(
        battery_percent=55.0, battery_c=36.0, thermal_status=1, power_saver=True, free_bytes=7, needed_bytes=9
    )


def test_heat_is_seen_in_status_and_battery_and_not_in_other_sensors():
    assert heat_of(Condition(thermal_status=0, temperatures_c={"CPU": 80.0, "BATTERY": 35.0})) == ()
    assert len(heat_of(Condition(thermal_status=2, temperatures_c={"BATTERY": 41.0}))) == 2


def hot_phone(*, cools: float) -> SimulatedPhone:
    """A phone that has 100 s of work to give off until it is cool."""
    heat = Heat(limit=200.0, work=200.0, throttled=True, cools=cools, relief=0.5)
    return SimulatedPhone(truth_ms={}, heat=heat, shows=frozenset({"status"}))


def test_a_cool_place_is_not_waited_for():
    phone = SimulatedPhone(truth_ms={}, shows=frozenset({"status"}))
    found = cool_down(phone, phone.clock, signs=heat_of, limit_s=300)
    assert (found.waited_s, found.heat, found.condition.thermal_status) == (0.0, (), 0)


def test_a_hot_place_is_waited_for_until_it_is_cool_and_has_settled():
    phone, told = hot_phone(cools=1.0), []
    found = cool_down(phone, phone.clock, signs=heat_of, limit_s=300, on_wait=told.append)
    assert found.heat == ()
    assert found.condition.thermal_status == 0
    assert 100 + SETTLE_S <= found.waited_s < 106 + SETTLE_S
    assert told[0] == ("thermal status 2 (moderate), needed is 0 (none)",)


@dataclass
class PlaceWithMoments:
    """A place with a thermal status from each moment on, in seconds."""

    statuses: dict[float, int]
    clock: VirtualClock = field(default_factory=lambda: VirtualClock(seconds=0.0))

    def condition(self) -> Condition:
        return Condition(thermal_status=[self.statuses[at] for at in self.statuses if at <= self.clock.now()][-1])


def test_heat_that_comes_back_while_the_place_settles_is_waited_for_again():
    place = PlaceWithMoments({0: 2, 10: 0, 20: 1, 40: 0})
    found = cool_down(place, place.clock, signs=heat_of, limit_s=300)
    assert (found.heat, found.waited_s) == ((), 40 + SETTLE_S)


def test_heat_that_comes_back_is_waited_for_no_longer_than_is_allowed():
    place = PlaceWithMoments({0: 2, 10: 0, 20: 1})
    found = cool_down(place, place.clock, signs=heat_of, limit_s=60)
    assert (found.heat, found.waited_s) == (("thermal status 1 (light), needed is 0 (none)",), 60)


def test_a_place_that_stays_hot_is_waited_for_no_longer_than_is_allowed():
    phone = hot_phone(cools=0.0)
    found = cool_down(phone, phone.clock, signs=heat_of, limit_s=60)
    assert found.heat == ("thermal status 2 (moderate), needed is 0 (none)",)
    assert found.waited_s == pytest.approx(60, abs=1)


def test_without_time_to_wait_a_hot_place_is_only_looked_at():
    phone = hot_phone(cools=1.0)
    assert cool_down(phone, phone.clock, signs=heat_of, limit_s=0).heat != ()
    assert phone.clock.now() - VirtualClock().now() < 1
