"""What becomes of `benchmark` when a phone falls silent, is one of several, or speaks an old dialect.

The real adb speaks with fake phones. What was measured is kept, and the next run cleans up.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fakes.benchmark_faults import STAY_ON, Alarm, check_clean, check_usable_again, latencies, reports, until
from fakes.phone.benchmark_tool import FakeTool, Replay

pytestmark = pytest.mark.usefixtures("home_with_model")

TABLE = re.compile(r"(?:^| )net +1 +cpu +\d", re.MULTILINE)


class TestSilence:
    @pytest.mark.parametrize(
        ("words", "doing"),
        [
            ("getprop", "asking what it is"),
            ("thermalservice", "asking how hot it is"),
            ("mkdir -m", "making a folder"),
            ("sha256sum", "pushing benchmark_model"),
            ("(\nwc -c < ", "pulling result-1.pb"),
        ],
    )
    def test_a_shell_that_never_answers(self, own_adb, fake_phone, command, short_deadlines, words, doing):
        phone = fake_phone(hang_in_shell=words)
        ended = command()
        assert ended.code == 4
        assert re.match(rf"error: phone '{phone.serial}' was lost while {doing}: no answer within \d+ s\n", ended.err)
        assert max(short_deadlines.asked_s) <= 120
        check_clean(phone)

    def test_a_phone_that_falls_silent_for_good_keeps_what_was_measured(
        self, own_adb, fake_phone, command, short_deadlines
    ):
        phone = fake_phone()

        def fall_silent() -> None:
            phone.knobs.hang_in_shell = "\n"
            short_deadlines.limit_s = 0.3
            short_deadlines.asked_s.clear()

        phone.shell_log = Alarm(lambda script: "result-3.pb" in script, fall_silent)
        ended = command()
        assert (ended.code, bool(TABLE.search(ended.out))) == (4, True)
        assert "was lost while killing the program: no answer within" in ended.err
        assert "could not be put back" in ended.err
        assert sum(short_deadlines.asked_s) <= 300  # it would have ended by then
        (report,) = reports()
        assert (report["complete"], len(latencies(report))) == (False, 1)
        short_deadlines.limit_s = 5.0
        phone.shell_log = []
        check_usable_again(own_adb, phone, command)


class TestSeveralPhones:
    def test_the_numbers_of_the_others_are_kept(self, own_adb, fake_phone, command):
        good, bad = fake_phone(), fake_phone(vanish_in_shell="result-3.pb")
        ended = command("--all-devices")
        assert ended.code == 4
        assert ended.problem.startswith(f"error: phone '{bad.serial}' was lost while running net")
        assert len(TABLE.findall(ended.out)) == 2
        (report,) = reports()
        assert report["complete"] is False
        assert {place["about"]["serial"]: place["error"] is None for place in report["places"]} == {
            good.serial: True,
            bad.serial: False,
        }
        counts = {
            place["about"]["serial"]: sum(
                record["kind"] == "latency" and record["measurement"] is not None for record in place["records"]
            )
            for place in report["places"]
        }
        assert counts == {good.serial: 2, bad.serial: 1}
        check_clean(good)
        check_usable_again(own_adb, bad, command)

    def test_one_that_is_lost_at_once_or_busy_does_not_stop_the_others(self, own_adb, fake_phone, command):
        good, gone, unfit = fake_phone(), fake_phone(vanish_after_shell_calls=0), fake_phone()
        unfit.battery(10)
        ended = command("--all-devices")
        assert ended.code in (3, 4)
        assert f"phone '{gone.serial}' was lost while asking what it is" in ended.err
        assert f"phone '{unfit.serial}' is not fit to be measured: battery at 10 %" in ended.err
        assert len(TABLE.findall(ended.out)) == 1
        (report,) = reports()
        assert (report["complete"], len(latencies(report))) == (False, 2)
        check_clean(good)
        check_clean(unfit)
        check_usable_again(own_adb, gone, command)

    def test_one_that_cannot_be_used_is_left_out_and_named(self, own_adb, fake_phone, command):
        good, shy = fake_phone(), fake_phone(unauthorized=True)
        assert until(lambda: b"unauthorized" in own_adb.run("devices").stdout)
        ended = command("--all-devices")
        assert ended.code == 0
        assert f"phone '{shy.serial}' was left out, it is unauthorized" in ended.out
        check_clean(good)


class TestDialects:
    @pytest.mark.parametrize("dialect", [{"shell_v2": False}, {"crlf": True}, {"shell_v2": False, "crlf": True}])
    def test_a_failure_is_seen_where_no_exit_code_arrives(self, fake_phone, command, dialect):
        phone = fake_phone(**dialect)
        assert command().code == 0
        check_clean(phone)
        FakeTool(replays=(Replay(errors="ERROR: Failed to allocate tensors\n", exit_code=1),)).write(Path("tool"))
        ended = command()
        assert ended.code == 4
        assert ended.problem.startswith("error: net, 1 thread, cpu: it failed (exit status 1): Failed to allocate")
        check_clean(phone)

    def test_what_a_phone_tells_of_itself_is_only_text(self, fake_phone, command):
        phone = fake_phone()
        nasty = "$(touch /data/local/tmp/x)`reboot`;'\" \x1b[31m\r\nhaha"
        for name in ("ro.product.model", "ro.soc.model", "ro.build.fingerprint", "ro.product.cpu.abilist"):
            phone.set_property(name, nasty)
        phone.set_setting(STAY_ON, "$(reboot)")
        ended = command()
        assert ended.code == 0
        assert ended.out.replace("\n", "").isprintable()
        assert phone.leftovers() == ()
        assert phone.setting(STAY_ON) is None
