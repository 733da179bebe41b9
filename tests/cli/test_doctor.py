"""The doctor names what is missing with its fix, waits for nobody for ever, and fails only for what export needs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from mobile_deploy.cli import main
from mobile_deploy.device.phones import PHONE_FIXES, parse_phones
from mobile_deploy.errors import UnreadableFileError
from mobile_deploy.pipeline import doctor, requirements
from mobile_deploy.pipeline.doctor import Finding, diagnose
from mobile_deploy.pipeline.programs import TOOLS, ask
from mobile_deploy.pipeline.requirements import Requirement, Requirements, read_requirements

REPOSITORY = Path(__file__).resolve().parents[2]

needs_scripts = pytest.mark.skipif(sys.platform == "win32", reason="the fake programs are shell scripts")


@pytest.fixture
def bin_dir(tmp_path, monkeypatch) -> Path:
    """A PATH that holds only the fake programs a test puts there."""
    folder = tmp_path / "fake bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("HOME", str(tmp_path))  # no Android SDK
    monkeypatch.delenv("ANDROID_HOME", raising=False)
    monkeypatch.delenv("ANDROID_SDK_ROOT", raising=False)
    monkeypatch.setenv("MOBILE_DEPLOY_CACHE", str(tmp_path / "cache"))
    return folder


def put(folder: Path, name: str, script: str) -> None:
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def put_adb(folder: Path, devices: str) -> None:
    version = r"Android Debug Bridge version 1.0.41\nVersion 29.0.6-debian\n"
    put(folder, "adb", f"""if [ "$1" = version ]; then printf '{version}'; else printf '{devices}'; fi""")


def put_package(site: Path, name: str, *, version: str | None, importable: bool = True) -> None:
    """Installs a package as an installer would leave it; without a version, as an interrupted one would."""
    module = name.replace("-", "_")
    folder = site / f"{module}-{version or 0}.dist-info"
    folder.mkdir(parents=True)
    if version:
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    if importable:
        (site / f"{module}.py").write_text("raise RuntimeError('the doctor must not import what it judges')\n")


@pytest.fixture
def needing(monkeypatch, tmp_path):
    """Lets the doctor look for made-up packages in a folder of their own."""
    site = tmp_path / "site"

    def need(*lines: str) -> Path:
        site.mkdir(exist_ok=True)
        asked = Requirements(
            python=Requirement(name="python", bounds=">=3.11"), packages=tuple(map(Requirement.parse, lines))
        )
        monkeypatch.setattr(doctor, "read_requirements", lambda: asked)
        monkeypatch.syspath_prepend(site)
        return site

    return need


def find(name: str, **options) -> Finding:
    return next(finding for finding in diagnose(**options).findings if finding.name == name)


@needs_scripts
def test_tools_that_answer_are_listed_with_their_versions(bin_dir):
    put_adb(bin_dir, r"List of devices attached\nR58M\tdevice\n\n")
    put(bin_dir, "java", """echo 'openjdk version "17.0.15" 2025-04-15' >&2""")
    put(bin_dir, "mvn", r"printf '\033[1mApache Maven 3.8.7\033[m\nMaven home: /usr/share/maven\n'")
    found = {finding.name: finding for finding in diagnose().findings}
    assert {name: found[name].found for name in ("adb", "java", "maven", "phone")} == {
        "adb": "29.0.6-debian",
        "java": "17.0.15",
        "maven": "3.8.7",
        "phone": "R58M (device)",
    }
    assert {found[name].state for name in ("adb", "java", "maven", "phone")} == {"ok"}
    assert [found[name].fix for name in ("adb", "java", "maven", "phone")] == [""] * 4


@needs_scripts
def test_a_version_written_in_another_way_is_shown_as_its_first_line(bin_dir):
    put(bin_dir, "java", "echo 'Some Other Machine 9'; echo more")
    assert find("java").found == "Some Other Machine 9"


def test_missing_tools_are_optional_and_come_with_a_fix(bin_dir, monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    diagnosis = diagnose()
    missing = {finding.name: finding for finding in diagnosis.findings if finding.area in ("tool", "phone")}
    assert {finding.state for finding in missing.values()} == {"missing"}
    assert missing["adb"].fix == "sudo apt install adb"
    assert missing["java"].needed == "optional: build the Android app"
    assert missing["phone"].fix == "install adb, then connect a phone"
    assert not any(finding.required for finding in missing.values())


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_every_tool_has_a_fix_of_its_own_on_every_platform(tool):
    words = {tool.fix(platform).split()[0] for platform in ("linux", "darwin", "win32")}
    assert words == {"sudo", "brew", "choco"}
    assert tool.name in tool.fix("freebsd14")


@needs_scripts
def test_a_tool_that_hangs_is_given_up_even_when_its_child_lives_on(bin_dir):
    # The child holds the output open after its parent is killed, which would hold a reader of a pipe.
    put(bin_dir, "adb", "/bin/sleep 20 & wait")
    start = time.monotonic()
    found = [finding for finding in diagnose(timeout_s=0.3).findings if finding.name in ("adb", "phone")]
    assert time.monotonic() - start < 10
    assert [(finding.state, finding.found) for finding in found] == [("broken", "no answer in 0.3 s")] * 2
    assert all(finding.fix for finding in found)


@needs_scripts
def test_a_tool_that_fails_is_quoted(bin_dir):
    put(bin_dir, "java", "echo 'Unable to locate a Java Runtime.' >&2; exit 1")
    finding = find("java")
    assert (finding.state, finding.found) == ("broken", "exit code 1: Unable to locate a Java Runtime.")
    assert finding.fix


def test_a_file_that_is_no_program_does_not_start(tmp_path):
    program = tmp_path / "adb.exe"
    program.write_text("")
    assert ask([str(program)], timeout_s=1).problem.startswith("does not start")


@needs_scripts
@pytest.mark.parametrize(
    ("devices", "state", "found", "fix"),
    [
        (r"* daemon started successfully\nList of devices attached\n\n", "missing", "", "missing"),
        (r"List of devices attached\nR58M\tunauthorized\n", "broken", "R58M (unauthorized)", "unauthorized"),
        (r"List of devices attached\nR58M\toffline\n", "broken", "R58M (offline)", "offline"),
        (
            r"List of devices attached\nR58M\tno permissions (user in plugdev group; are your udev rules wrong?)\n",
            "broken",
            "R58M (no permissions)",
            "no permissions",
        ),
    ],
)
def test_a_phone_that_cannot_be_used_comes_with_the_fix_for_its_state(bin_dir, devices, state, found, fix):
    put_adb(bin_dir, devices)
    finding = find("phone")
    assert (finding.state, finding.found, finding.fix) == (state, found, PHONE_FIXES[fix])


def test_one_usable_phone_among_others_is_enough():
    phones = parse_phones("List of devices attached\nA\toffline\nB\tdevice\n")
    assert [(phone.serial, phone.state) for phone in phones] == [("A", "offline"), ("B", "device")]


def test_packages_are_judged_without_importing_them(bin_dir, needing):
    site = needing("fake-good>=1,<2", "fake-old>=2.21", "fake-new>=1,<2", "fake-gone", "fake-scraps", "fake-absent>=3")
    put_package(site, "fake-good", version="1.9.1")
    put_package(site, "fake-old", version="2.9")
    put_package(site, "fake-new", version="2.0")
    put_package(site, "fake-gone", version="1.0", importable=False)
    put_package(site, "fake-scraps", version=None)
    diagnosis = diagnose()
    packages = {finding.name: finding for finding in diagnosis.findings if finding.area == "package"}
    assert {name: finding.state for name, finding in packages.items()} == {
        "fake-good": "ok",
        "fake-old": "too old",
        "fake-new": "too new",
        "fake-gone": "broken",
        "fake-scraps": "missing",
        "fake-absent": "missing",
    }
    assert packages["fake-old"].fix == 'pip install "fake-old>=2.21"'
    assert packages["fake-gone"].fix == 'pip install --force-reinstall "fake-gone"'
    assert len(diagnosis.failures) == 5


def test_a_folder_left_without_code_is_a_broken_package(bin_dir, needing):
    site = needing("fake-hollow")
    put_package(site, "fake-hollow", version="1.0", importable=False)
    (site / "fake_hollow").mkdir()
    assert find("fake-hollow").state == "broken"


def test_a_missing_package_exits_3_and_still_shows_everything(bin_dir, needing, capsys):
    needing("fake-absent>=3")
    assert main(["doctor"]) == 3
    printed = capsys.readouterr()
    assert 'fake-absent: pip install "fake-absent>=3"' in printed.out
    assert printed.err.startswith("error: export cannot work here: fake-absent is missing\nhint: ")

    assert main(["doctor", "--json"]) == 3
    envelope = json.loads(capsys.readouterr().out)
    assert (envelope["status"], envelope["exit_code"]) == ("error", 3)
    assert envelope["errors"][0]["type"] == "MachineNotReadyError"
    assert {"fake-absent", "adb", "disk"} <= {finding["name"] for finding in envelope["data"]["findings"]}


def test_without_the_programs_of_the_app_it_exits_0(bin_dir, needing, capsys):
    put_package(needing("fake-good"), "fake-good", version="1.0")
    assert main(["doctor", "--json"]) == 0
    findings = json.loads(capsys.readouterr().out)["data"]["findings"]
    assert [finding["name"] for finding in findings if finding["state"] == "missing"] == [
        "adb",
        "java",
        "maven",
        "aapt2",
        "apksigner",
        "phone",
    ]


def test_an_unsupported_python_is_a_failure(bin_dir, needing, monkeypatch):
    needing()
    monkeypatch.setattr("platform.python_version", lambda: "3.9.18")
    diagnosis = diagnose()
    assert [(finding.name, finding.state) for finding in diagnosis.failures] == [("python", "too old")]


def test_the_cache_is_measured_with_its_folders(bin_dir, tmp_path):
    folder = tmp_path / "cache" / "weights"
    folder.mkdir(parents=True)
    (folder / "a.h5").write_bytes(b"x" * 1_500_000)
    (tmp_path / "cache" / "b.json").write_bytes(b"x" * 500_000)
    assert find("cache").found == f"2 files, 2.0 MB in {tmp_path / 'cache'}"


def test_a_cache_that_does_not_exist_yet_is_empty_not_wrong(bin_dir):
    finding = find("cache")
    assert finding.state == "ok"
    assert finding.found.startswith("0 files, 0.0 MB")


def test_it_answers_without_the_package_that_knows_the_cache(bin_dir):
    code = (
        "import sys; sys.modules['platformdirs'] = None; from mobile_deploy.cli import main; main(['doctor', '--json'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    findings = {finding["name"]: finding for finding in json.loads(done.stdout)["data"]["findings"]}
    assert (findings["cache"]["state"], findings["cache"]["fix"]) == ("broken", "install platformdirs")


def test_little_free_disk_is_said_with_the_fix(bin_dir, monkeypatch):
    monkeypatch.setattr(doctor, "LEAST_FREE_BYTES", 10**18)
    finding = find("disk")
    assert (finding.state, finding.required) == ("low", False)
    assert "-o DIR" in finding.fix


def test_environment_variables_in_force_are_shown_without_passwords(bin_dir, monkeypatch, tmp_path):
    monkeypatch.setenv("MOBILE_DEPLOY_WEIGHTS_URL", "https://ann:secret@mirror.example:8443/keras/")
    shown = {finding.name: finding.found for finding in diagnose().findings if finding.area == "environment"}
    assert shown == {
        "MOBILE_DEPLOY_CACHE": str(tmp_path / "cache"),
        "MOBILE_DEPLOY_WEIGHTS_URL": "https://***@mirror.example:8443/keras/",
    }
    monkeypatch.delenv("MOBILE_DEPLOY_WEIGHTS_URL")
    assert "MOBILE_DEPLOY_WEIGHTS_URL" not in {finding.name for finding in diagnose().findings}


@pytest.mark.parametrize(
    ("version", "verdict"),
    [
        ("2.20.9", "too old"),
        ("2.21", "ok"),
        ("2.21.0rc1", "ok"),
        ("2.21.3", "ok"),
        ("2.22.0", "too new"),
        ("3", "too new"),
    ],
)
def test_versions_are_compared_as_numbers(version, verdict):
    assert Requirement.parse("tensorflow>=2.21,<2.22").judge(version) == verdict


def test_every_requirement_of_the_project_is_understood(monkeypatch):
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = requirements._read_checkout(REPOSITORY / "pyproject.toml")
    assert len(asked.packages) == len(project["dependencies"])
    assert {requirement.judge("0") for requirement in asked.packages} == {"too old"}
    assert asked.python.judge("3.10.14") == "too old"


def test_an_installed_package_is_asked_for_its_own_requirements(monkeypatch, tmp_path):
    folder = tmp_path / "mobile_deploy-9.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: mobile-deploy\nVersion: 9\nRequires-Python: >=3.99\n"
        "Requires-Dist: numpy>=2\nRequires-Dist: pytest>=8; extra == 'dev'\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert read_requirements() == Requirements(
        python=Requirement(name="python", bounds=">=3.99"), packages=(Requirement(name="numpy", bounds=">=2"),)
    )


def test_a_copy_that_is_neither_installed_nor_a_checkout_is_told_to_install(tmp_path):
    with pytest.raises(UnreadableFileError) as refused:
        requirements._read_checkout(tmp_path / "pyproject.toml")
    assert refused.value.hint == "pip install mobile-deploy"


def test_the_doctor_does_not_change_the_environment(bin_dir):
    before = dict(os.environ)
    diagnose()
    assert dict(os.environ) == before
