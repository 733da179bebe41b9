"""What a phone tells about itself, from full answers to none at all."""

from __future__ import annotations

import json
import sys

import pytest
from fakes.phone.system_files import Cluster

from mobile_deploy.device.adb import find_adb
from mobile_deploy.device.connection import LONGEST_SCRIPT_BYTES, Connection
from mobile_deploy.device.cores import Core, cores_for
from mobile_deploy.device.facts import facts_from, hardware_serial, parse_cores, parse_free_bytes, read_facts

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the fake phone is a Unix machine")

HOSTILE = "$(touch hacked)'\"`touch hacked`\x1b[2J\nro.x=y"


def facts_of(phone):
    return read_facts(Connection(adb=find_adb(), serial=phone.serial))


@pytest.mark.parametrize("dialect", [{}, {"shell_v2": False}, {"crlf": True}], ids=str)
def test_a_phone_tells_what_it_is_in_one_call(fake_phone, dialect):
    phone = fake_phone(**dialect)
    phone.free(12_345_678_848)
    facts = facts_of(phone)
    assert (facts.name, facts.manufacturer, facts.soc, facts.platform) == (
        "Pixel 8",
        "Google",
        "Google Tensor G3",
        "zuma",
    )
    assert (facts.android, facts.sdk, facts.abis) == ("14", 34, ("arm64-v8a",))
    assert facts.fingerprint.endswith(":user/release-keys")
    assert (facts.machine, facts.free_bytes) == ("Linux aarch64", 12_345_678_848)
    assert (facts.power_saver, facts.wakefulness) == (False, "Asleep")
    assert (facts.governors, facts.charging) == (("sched_pixel",), True)
    assert [core.max_khz for core in facts.cores] == [1_704_000] * 4 + [2_367_000] * 4 + [2_914_000]
    assert [core.capacity for core in facts.cores] == [160] * 4 + [549] * 4 + [1024]
    assert all(core.online for core in facts.cores)
    assert len(phone.shell_log) == 1
    assert len(phone.shell_log[0].encode()) <= LONGEST_SCRIPT_BYTES


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"ro.serialno": "38211FDJH0012", "ro.boot.serialno": "other"}, "38211FDJH0012"),
        ({"ro.boot.serialno": "38211FDJH0012"}, "38211FDJH0012"),
        ({"ro.serialno": "unknown", "ro.boot.serialno": "38211FDJH0012"}, "38211FDJH0012"),
        ({"ro.serialno": "0123456789ABCDEF"}, ""),
        ({}, ""),
    ],
    ids=str,
)
def test_a_phone_has_a_serial_number_of_its_own_however_it_is_connected(fake_phone, properties, expected):
    phone = fake_phone()
    for name, value in properties.items():
        phone.set_property(name, value)
    facts = facts_of(phone)
    assert facts.hardware_serial == facts.to_json()["hardware_serial"] == expected
    assert hardware_serial(Connection(adb=find_adb(), serial=phone.serial)) == expected
    assert len(phone.shell_log) == 2


def test_a_linux_box_has_no_serial_number_of_its_own(fake_phone):
    assert hardware_serial(Connection(adb=find_adb(), serial=fake_phone(linux=True).serial)) == ""


def test_cores_that_are_asleep_are_known_by_the_kernels_lists(fake_phone):
    phone = fake_phone()
    phone.cores(Cluster(cores=4, max_khz=1_800_000), Cluster(cores=4, max_khz=2_400_000), offline=(5, 7))
    facts = facts_of(phone)
    assert [core.index for core in facts.cores if not core.online] == [5, 7]
    assert facts.cores[5].max_khz is None
    assert facts.to_json()["offline_cores"] == [5, 7]


def test_each_governor_is_named_once_and_a_phone_off_its_charger_says_so(fake_phone):
    phone = fake_phone()
    phone.battery(charging=False)
    for core in (3, 8):
        (phone.here("/sys/devices/system/cpu") / f"cpu{core}/cpufreq/scaling_governor").write_text("performance\n")
    told = facts_of(phone).to_json()
    assert (told["governors"], told["charging"]) == (["performance", "sched_pixel"], False)


@pytest.mark.parametrize("charger", ["AC", "USB", "Wireless", "Dock"])
def test_a_phone_on_any_charger_is_charging(charger):
    assert facts_from("X", {"charging": f"  Max powered: 5\n  {charger} powered: true\n  X powered: false"}).charging


def test_power_saver_is_seen(fake_phone):
    phone = fake_phone()
    phone.set_setting("low_power", "1")
    assert facts_of(phone).power_saver is True
    phone.set_setting("low_power", "null")
    assert facts_of(phone).power_saver is None


def test_a_linux_box_that_tells_nearly_nothing_is_borne(fake_phone):
    facts = facts_of(fake_phone(linux=True))
    assert (facts.name, facts.abis) == ("Linux x86_64", ("x86_64",))
    assert (facts.model, facts.android, facts.sdk, facts.power_saver, facts.wakefulness) == ("", "", None, None, "")
    assert cores_for(facts.cores, 1) == ()
    assert (facts.governors, facts.charging) == ((), None)
    assert facts.free_bytes


def test_a_phone_that_tells_nothing_is_called_by_its_serial():
    facts = facts_from("R58M\x1b[2J", {})
    assert facts.name == "R58M\\x1b[2J"
    assert (facts.abis, facts.cores, facts.free_bytes, facts.soc) == ((), (), None, "")
    json.dumps(facts.to_json())


def test_properties_are_shown_harmless_and_never_run(fake_phone, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    phone = fake_phone()
    for name in ("ro.product.model", "ro.build.fingerprint", "ro.build.version.sdk", "ro.product.cpu.abilist"):
        phone.set_property(name, HOSTILE)
    facts = facts_of(phone)
    assert facts.model == "$(touch hacked)'\"`touch hacked`\\x1b[2J ro.x=y"
    assert facts.sdk is None
    assert not [*phone.root.rglob("hacked"), *tmp_path.rglob("hacked")]


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({"abis": "arm64-v8a,armeabi-v7a,armeabi"}, ("arm64-v8a", "armeabi-v7a", "armeabi")),
        ({"abi": "armeabi-v7a", "machine": "Linux\naarch64"}, ("armeabi-v7a",)),
        ({"machine": "Linux\naarch64", "sdk": "34"}, ("arm64-v8a",)),
        ({"machine": "Linux\nsparc64", "sdk": "34"}, ()),
        ({"machine": "Linux\naarch64"}, ("aarch64",)),
        ({}, ()),
    ],
)
def test_abis_come_from_android_else_from_the_machine(answers, expected):
    assert facts_from("X", answers).abis == expected


def test_cores_without_lists_are_known_by_their_own_files():
    listing = "cpu1/online:0\ncpu0/cpufreq/cpuinfo_max_freq:1800000\ncpu10/cpu_capacity:1024\ncpu11/cpu_capacity:0\n"
    assert parse_cores(listing) == (
        Core(index=0, max_khz=1_800_000),
        Core(index=1, online=False),
        Core(index=10, capacity=1024),
        Core(index=11),
    )


def test_cores_without_files_are_known_by_the_lists():
    assert parse_cores("present:0-2\nonline:0,2\ncpu0/cpu_capacity:7") == (
        Core(index=0, capacity=7),
        Core(index=1, online=False),
        Core(index=2),
    )


@pytest.mark.parametrize(
    "listing", ["", "present:", "present:x-y\nonline:$(x)", "cpu0/cpufreq/cpuinfo_max_freq:<unknown>"]
)
def test_cores_that_are_not_told_are_none(listing):
    assert parse_cores(listing) == ()


def test_a_list_of_cores_cannot_exhaust_memory():
    assert len(parse_cores("present:0-9999\nonline:0-9999")) <= 1024


@pytest.mark.parametrize(
    ("listing", "expected"),
    [
        ("Filesystem 1K-blocks Used Available Use% Mounted on\n/dev/dm-5 1000 100 900 10% /data\n", 900 * 1024),
        ("Filesystem     1K-blocks\n/dev/block/by-name/userdata\n   1000   100   900   10% /data\n", 900 * 1024),
        ("Filesystem Size Used Free Blksize\n/data 12.0G 4.0G 8.0G 4096\n", None),
        ("df: not found", None),
        ("", None),
    ],
)
def test_free_space_is_read_in_every_form_that_df_has(listing, expected):
    assert parse_free_bytes(listing) == expected
