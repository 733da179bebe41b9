"""The fake phone, driven by the real adb client."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from fakes.network_file import float_network
from fakes.phone.benchmark_tool import FakeTool, Replay, runs_of, started_runs
from fakes.phone.device import FakePhone
from fakes.phone.real_adb import AdbServer
from fakes.phone.sample_app import PACKAGE, SampleApp, requests_of
from fakes.phone.system_files import Cluster, core_list
from fakes.phone.tool_lines import percentile

BASE = "/data/local/tmp"


def states(adb_server: AdbServer) -> dict[str, str]:
    lines = adb_server.run("devices").stdout.decode().splitlines()[1:]
    return dict(line.split("\t") for line in lines if line)


def until(condition: Callable[[], bool], timeout_s: float = 5.0) -> bool:
    """Waits for what another process does; never longer than it takes."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def said(adb_server: AdbServer, phone: FakePhone, script: str) -> str:
    """Runs a script that must not fail."""
    answer = adb_server.on(phone, "shell", script)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.decode().rstrip("\n")


@contextmanager
def started(adb_server: AdbServer, phone: FakePhone, script: str) -> Iterator[subprocess.Popen[bytes]]:
    """Runs a script in the background."""
    command = [adb_server.program, "-s", phone.serial, "shell", script]
    with subprocess.Popen(
        command, env=adb_server.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            yield process
        finally:
            process.kill()


class TestStates:
    def test_phones_that_are_connected_are_listed(self, adb_server, fake_phone):
        phones = [fake_phone(), fake_phone(linux=True)]
        assert states(adb_server) == {phone.serial: "device" for phone in phones}

    def test_a_phone_says_its_model_when_it_greets(self, adb_server, fake_phone):
        fake_phone()
        listed = adb_server.run("devices", "-l").stdout
        assert b"product:shiba model:Pixel_8 device:shiba" in listed

    def test_a_phone_is_unauthorized_until_it_accepts(self, adb_server, fake_phone):
        phone = fake_phone(unauthorized=True)
        assert until(lambda: states(adb_server) == {phone.serial: "unauthorized"})
        assert b"device unauthorized" in adb_server.on(phone, "shell", "echo hello").stderr
        phone.accept()
        assert until(lambda: states(adb_server) == {phone.serial: "device"})
        assert said(adb_server, phone, "echo hello") == "hello"

    def test_a_malformed_message_leaves_a_phone_offline(self, adb_server, fake_phone):
        phone = fake_phone(offline=True)
        assert until(lambda: states(adb_server) == {phone.serial: "offline"})
        answer = adb_server.on(phone, "shell", "echo hello")
        assert (answer.returncode, answer.stderr) == (1, b"error: device offline\n")

    def test_a_phone_that_vanished_can_come_back(self, adb_server, fake_phone):
        phone = fake_phone()
        phone.vanish()
        assert until(lambda: states(adb_server).get(phone.serial) != "device")
        adb_server.run("disconnect", phone.serial)
        phone.start()
        adb_server.connect(phone)
        assert states(adb_server) == {phone.serial: "device"}

    def test_phones_are_gone_after_a_test(self, adb_server):
        assert states(adb_server) == {}


class TestShell:
    def test_output_errors_and_exit_code_are_told_apart(self, adb_server, fake_phone):
        answer = adb_server.on(fake_phone(), "shell", "echo out; echo err >&2; exit 7")
        assert (answer.stdout, answer.stderr, answer.returncode) == (b"out\n", b"err\n", 7)

    def test_a_signal_is_told_as_the_daemon_does(self, adb_server, fake_phone):
        assert adb_server.on(fake_phone(), "shell", "kill -9 $$").returncode == 137

    def test_an_old_daemon_merges_both_and_always_reports_0(self, adb_server, fake_phone):
        answer = adb_server.on(fake_phone(shell_v2=False), "shell", "echo out; echo err >&2; exit 7")
        assert (answer.stdout, answer.stderr, answer.returncode) == (b"out\r\nerr\r\n", b"", 0)

    def test_lines_end_with_cr_lf_on_request(self, adb_server, fake_phone):
        assert adb_server.on(fake_phone(crlf=True), "shell", "echo out").stdout == b"out\r\n"

    def test_input_reaches_the_script(self, adb_server, fake_phone):
        phone = fake_phone()
        answer = subprocess.run(
            [adb_server.program, "-s", phone.serial, "shell", "cat; echo end"],
            env=adb_server.environment,
            input=b"typed\n",
            capture_output=True,
            timeout=20,
            check=True,
        )
        assert answer.stdout == b"typed\nend\n"

    @pytest.mark.parametrize("word", ["$(touch x)", "`touch x`", "a'b", 'a"b', "a\nb", "ü ö", "; touch x", "*"])
    def test_words_reach_a_real_shell(self, adb_server, fake_phone, word):
        phone = fake_phone()
        quoted = "'" + word.replace("'", "'\\''") + "'"
        assert said(adb_server, phone, f"printf %s {quoted}") == word
        adb_server.on(phone, "shell", f"cd {BASE} && echo {word}")
        assert ("x" in phone.leftovers()) == ("touch" in word)

    def test_paths_lie_in_the_tree_and_read_as_the_phones(self, adb_server, fake_phone):
        phone = fake_phone()
        script = f"cd {BASE} && mkdir 'a b' && cd 'a b' && pwd && ls -d '{BASE}'/* && ls -d /tmp || ls -d /data"
        assert said(adb_server, phone, script).split("\n") == [f"{BASE}/a b", f"{BASE}/a b", "/data"]
        assert phone.leftovers() == ("a b",)

    def test_a_path_is_turned_back_where_output_is_cut(self, adb_server, fake_phone):
        phone = fake_phone()
        root = str(phone.root)
        half = len(root) // 2
        script = f"printf %s {root[:half]}; sleep 0.05; printf %s {root[half:]}/x"
        assert said(adb_server, phone, script.replace("/tmp", "/t''mp")) == "/x"

    def test_only_the_phones_commands_are_there(self, adb_server, fake_phone):
        phone = fake_phone(missing=("sha256sum",))
        answer = adb_server.on(phone, "shell", "python3 -c 1; sha256sum /dev/null; toybox sha256sum /dev/null")
        assert answer.returncode == 127
        assert answer.stderr.count(b"not found") == 2

    def test_much_output_arrives_whole(self, adb_server, fake_phone):
        answer = adb_server.on(fake_phone(), "shell", "head -c 3000000 /dev/zero | tr '\\0' x")
        assert answer.stdout == b"x" * 3_000_000

    def test_a_phone_that_vanishes_leaves_no_exit_code(self, adb_server, fake_phone):
        phone = fake_phone(vanish_in_shell="echo out", vanish_after_output_bytes=6)
        answer = adb_server.on(phone, "shell", "echo out; echo more; exit 7")
        assert answer.stdout == b"out\nmo"
        assert answer.returncode != 7
        assert until(lambda: states(adb_server)[phone.serial] == "offline")

    def test_a_phone_can_vanish_after_some_shells(self, adb_server, fake_phone):
        phone = fake_phone(vanish_after_shell_calls=2)
        answers = [adb_server.on(phone, "shell", "echo hello").stdout for _ in range(3)]
        assert answers == [b"hello\n", b"hello\n", b""]

    def test_a_shell_can_hang(self, adb_server, fake_phone):
        phone = fake_phone(hang_in_shell="getprop")
        with pytest.raises(subprocess.TimeoutExpired):
            adb_server.on(phone, "shell", "getprop", timeout_s=0.3)
        assert said(adb_server, phone, "echo hello") == "hello"
        assert phone.shell_log == ["getprop", "echo hello"]

    def test_a_slow_stream_is_slow(self, adb_server, fake_phone):
        phone = fake_phone(write_delay_s=0.2)
        began = time.monotonic()
        said(adb_server, phone, "echo hello")
        assert time.monotonic() - began >= 0.4

    def test_only_the_shell_learns_that_the_host_is_gone(self, adb_server, fake_phone):
        phone = fake_phone()
        with started(adb_server, phone, f"cd {BASE}; sh -c 'echo $$ > pid; sleep 60'; echo more"):
            assert until(lambda: phone.here(f"{BASE}/pid").exists())
            assert until(lambda: len(phone.processes()) == 3)
        assert until(lambda: len(phone.processes()) == 2)
        said(adb_server, phone, f"kill -9 $(cat {BASE}/pid)")
        assert until(lambda: [line for _, line in phone.processes()] == ["sleep 60"])

    def test_stopping_ends_what_runs_on_it(self, adb_server, fake_phone):
        phone = fake_phone()
        said(adb_server, phone, "nohup sleep 60 > /dev/null 2>&1 &")
        assert until(lambda: [line for _, line in phone.processes()] == ["sleep 60"])
        phone.stop()
        assert until(lambda: phone.processes() == ())


class TestFiles:
    @pytest.mark.parametrize("size", [0, 10, 65536, 65537, 3_000_000])
    @pytest.mark.parametrize("linux", [False, True])
    def test_a_pushed_file_comes_back_as_it_was(self, adb_server, fake_phone, tmp_path, size, linux):
        phone = fake_phone(linux=linux)
        content = (bytes(range(251)) * (size // 251 + 1))[:size]
        (tmp_path / "a").write_bytes(content)
        pushed = adb_server.on(phone, "push", tmp_path / "a", f"{phone.base}/b")
        pulled = adb_server.on(phone, "pull", f"{phone.base}/b", tmp_path / "c")
        assert (pushed.returncode, pulled.returncode) == (0, 0), pushed.stderr + pulled.stderr
        assert phone.here(f"{phone.base}/b").read_bytes() == content
        assert (tmp_path / "c").read_bytes() == content

    def test_names_hold_spaces_umlauts_and_quotes(self, adb_server, fake_phone, tmp_path):
        phone = fake_phone()
        (tmp_path / "a").write_bytes(b"content")
        assert adb_server.on(phone, "push", tmp_path / "a", f"{BASE}/a 'b' $(ü)").returncode == 0
        assert phone.leftovers() == ("a 'b' $(ü)",)

    def test_modes_are_kept(self, adb_server, fake_phone, tmp_path):
        phone = fake_phone()
        (tmp_path / "a").write_text("#!/system/bin/sh")
        (tmp_path / "a").chmod(0o755)
        adb_server.on(phone, "push", tmp_path / "a", f"{BASE}/a")
        assert said(adb_server, phone, f"[ -x {BASE}/a ] && echo yes") == "yes"

    def test_a_full_disk_refuses_a_file(self, adb_server, fake_phone, tmp_path):
        phone = fake_phone(disk_full_after_bytes=100_000)
        (tmp_path / "a").write_bytes(bytes(200_000))
        answer = adb_server.on(phone, "push", tmp_path / "a", f"{BASE}/a")
        assert answer.returncode == 1
        assert b"No space left on device" in answer.stderr + answer.stdout
        assert phone.leftovers() == ()

    def test_a_full_disk_refuses_what_a_script_writes(self, adb_server, fake_phone):
        phone = fake_phone(disk_full_after_bytes=0)
        answer = adb_server.on(phone, "shell", f"cd {BASE}; echo x > a; head -c 9 /dev/zero > b")
        assert answer.returncode == 1
        assert answer.stderr.count(b"No space left on device") == 2

    def test_other_folders_are_closed(self, adb_server, fake_phone, tmp_path):
        (tmp_path / "a").write_bytes(b"content")
        answer = adb_server.on(fake_phone(), "push", tmp_path / "a", "/system/a")
        assert answer.returncode == 1
        assert b"Permission denied" in answer.stderr + answer.stdout

    def test_no_name_leads_out_of_the_tree(self, adb_server, fake_phone, tmp_path):
        phone = fake_phone()
        (tmp_path / "a").write_bytes(b"content")
        outside = f"{BASE}/../../../../a"
        assert adb_server.on(phone, "push", tmp_path / "a", outside).returncode == 1
        assert phone.here(outside) == phone.root / "a"

    def test_a_missing_file_is_not_pulled(self, adb_server, fake_phone, tmp_path):
        answer = adb_server.on(fake_phone(), "pull", f"{BASE}/a", tmp_path / "a")
        assert answer.returncode == 1
        assert f"'{BASE}/a': No such file or directory".encode() in answer.stdout + answer.stderr

    def test_a_folder_comes_whole(self, adb_server, fake_phone, tmp_path):
        phone = fake_phone()
        said(adb_server, phone, f"mkdir -p {BASE}/a/b; echo one > {BASE}/a/1; echo two > {BASE}/a/b/2")
        assert adb_server.on(phone, "pull", f"{BASE}/a", tmp_path).returncode == 0
        assert (tmp_path / "a/1").read_text() + (tmp_path / "a/b/2").read_text() == "one\ntwo\n"

    def test_a_phone_can_vanish_in_a_push(self, adb_server, fake_phone, tmp_path):
        phone = fake_phone(vanish_after_push_bytes=200_000)
        (tmp_path / "a").write_bytes(bytes(5_000_000))
        answer = adb_server.on(phone, "push", tmp_path / "a", f"{BASE}/a")
        assert answer.returncode == 1
        assert phone.here(f"{BASE}/a").stat().st_size < 5_000_000

    def test_a_file_can_arrive_damaged(self, adb_server, fake_phone, tmp_path):
        phone = fake_phone(corrupt_push=True)
        (tmp_path / "a").write_bytes(b"\x00content")
        assert adb_server.on(phone, "push", tmp_path / "a", f"{BASE}/a").returncode == 0
        assert phone.here(f"{BASE}/a").read_bytes() == b"\x01content"


class TestAndroid:
    @pytest.mark.parametrize("value", ["Pixel 9", "a'b\"c", "$(reboot) `x`", "two\nlines", "\x1b[31mred"])
    def test_properties_are_told_as_they_are(self, adb_server, fake_phone, value):
        phone = fake_phone()
        phone.set_property("ro.product.model", value)
        assert said(adb_server, phone, "getprop ro.product.model") == value
        assert f"[ro.product.model]: [{value}]" in said(adb_server, phone, "getprop")

    def test_heat_is_told(self, adb_server, fake_phone):
        phone = fake_phone()
        phone.thermal(2, {"SKIN": 44.5})
        dump = said(adb_server, phone, "dumpsys thermalservice")
        assert "Thermal Status: 2" in dump
        assert "Temperature{mValue=44.5, mType=3, mName=SKIN, mStatus=2}" in dump

    def test_the_battery_is_told(self, adb_server, fake_phone):
        phone = fake_phone()
        phone.battery(12, 38.4, charging=False)
        dump = said(adb_server, phone, "dumpsys battery")
        assert "  level: 12\n" in dump
        assert "  temperature: 384\n" in dump
        assert "USB powered: false" in dump

    def test_a_service_can_be_missing(self, adb_server, fake_phone):
        phone = fake_phone()
        phone.set_service("battery", None)
        assert said(adb_server, phone, "dumpsys battery") == "Can't find service: battery"

    def test_settings_are_kept(self, adb_server, fake_phone):
        phone = fake_phone()
        assert said(adb_server, phone, "settings get global low_power; settings get global nothing") == "0\nnull"
        said(adb_server, phone, "settings put global low_power 1")
        assert phone.setting("low_power") == "1"

    def test_the_screen_wakes(self, adb_server, fake_phone):
        phone = fake_phone()
        assert phone.wakefulness() == "Asleep"
        said(adb_server, phone, "svc power stayon usb; input keyevent KEYCODE_WAKEUP")
        assert phone.wakefulness() == "Awake"
        assert phone.setting("stay_on_while_plugged_in") == "2"

    def test_clocks_can_be_fixed_where_the_phone_lets(self, adb_server, fake_phone):
        phone = fake_phone()
        said(adb_server, phone, "cmd power set-fixed-performance-mode-enabled true")
        assert phone.fixed_performance() == "true"
        phone.refuse_fixed_performance()
        answer = adb_server.on(phone, "shell", "cmd power set-fixed-performance-mode-enabled false")
        assert answer.returncode == 255
        assert phone.noted("cmd") == tuple(
            f"power set-fixed-performance-mode-enabled {word}" for word in ("true", "false")
        )

    def test_cores_are_told_and_processes_are_bound_to_them(self, adb_server, fake_phone):
        phone = fake_phone()
        phone.cores(Cluster(cores=4, max_khz=1_800_000), Cluster(cores=2, max_khz=2_400_000), offline=(5,))
        clocks = "cat /sys/devices/system/cpu/cpu*/cpufreq/cpuinfo_max_freq"
        assert said(adb_server, phone, clocks).split() == ["1800000"] * 4 + ["2400000"]
        assert said(adb_server, phone, "cat /sys/devices/system/cpu/online") == "0-4"
        bound = "exec taskset 30 sh -c 'grep Cpus_allowed: /proc/self/status'"
        assert said(adb_server, phone, bound) == "Cpus_allowed:\t10"
        assert said(adb_server, phone, bound.replace("30", "f")) == "Cpus_allowed:\tf"
        assert said(adb_server, phone, "grep Cpus_allowed: /proc/$$/status") == "Cpus_allowed:\t1f"
        assert adb_server.on(phone, "shell", "taskset 20 echo no").returncode == 1

    def test_free_space_is_told(self, adb_server, fake_phone):
        phone = fake_phone()
        phone.free(5 * 1024)
        assert said(adb_server, phone, f"df -k {BASE}").split("\n")[1].split()[3] == "5"

    def test_the_log_is_kept_by_tag(self, adb_server, fake_phone):
        phone = fake_phone()
        said(adb_server, phone, "log -p i -t mobile-deploy 'a  b'; log -t other noise")
        phone.log("AndroidRuntime", "FATAL EXCEPTION: main", level="E")
        assert said(adb_server, phone, "logcat -d -v raw -s mobile-deploy:I") == "a  b"
        both = "logcat -d -v raw -s mobile-deploy:I AndroidRuntime:E"
        assert said(adb_server, phone, both).split("\n") == ["a  b", "FATAL EXCEPTION: main"]
        said(adb_server, phone, "logcat -c")
        assert said(adb_server, phone, "logcat -d -v raw -s mobile-deploy:I") == ""


class TestApp:
    def start(self, adb_server, phone, mode="644") -> dict[str, object]:
        """Brings a model and starts the app; gives what it logs."""
        said(adb_server, phone, f"cd {BASE}; echo model > m; chmod {mode} m; chmod 711 .")
        asked = {"token": "ab", "model": f"{BASE}/m", "threads": 2, "runs": 5, "seconds": 0, "kind": "latency"}
        request = base64.urlsafe_b64encode(json.dumps(asked).encode()).decode().rstrip("=")
        said(adb_server, phone, f"am start -S -n {PACKAGE}/.ShellActivity --es request {request}")
        assert requests_of(phone) == (asked,)
        return json.loads(said(adb_server, phone, "logcat -d -v raw -s mobile-deploy:I") or "{}")

    def test_it_answers_in_the_log(self, adb_server, fake_phone):
        phone = fake_phone()
        SampleApp(centre_ms=8.0, answer={"doubts": ["x"]}).install(phone)
        answer = self.start(adb_server, phone)
        assert {name: answer[name] for name in ("token", "centre_ms", "runs", "doubts")} == {
            "token": "ab",
            "centre_ms": 4.0,
            "runs": 5,
            "doubts": ["x"],
        }
        assert answer["sha256"] == hashlib.sha256(b"model\n").hexdigest()

    def test_it_lives_until_it_is_stopped(self, adb_server, fake_phone):
        phone = fake_phone()
        SampleApp(silent=True).install(phone)
        assert self.start(adb_server, phone) == {}
        assert said(adb_server, phone, f"pidof {PACKAGE}") == "4711"
        assert adb_server.on(phone, "shell", f"am force-stop {PACKAGE}; pidof {PACKAGE}").returncode == 1

    def test_it_reads_no_file_that_is_closed_to_it(self, adb_server, fake_phone):
        phone = fake_phone()
        SampleApp().install(phone)
        assert self.start(adb_server, phone, mode="600")["error"] == f"{BASE}/m cannot be read"

    def test_it_can_crash(self, adb_server, fake_phone):
        phone = fake_phone()
        SampleApp(crash="java.lang.OutOfMemoryError: x").install(phone)
        assert self.start(adb_server, phone) == {}
        crash = said(adb_server, phone, "logcat -d -v raw -s AndroidRuntime:E").split("\n")
        assert crash[1:] == [f"Process: {PACKAGE}, PID: 4711", "java.lang.OutOfMemoryError: x"]

    def test_it_is_listed_only_where_it_is_installed(self, adb_server, fake_phone):
        phone = fake_phone()
        assert adb_server.on(phone, "shell", f"pm path {PACKAGE}").returncode == 1
        SampleApp(version="1.2").install(phone)
        assert said(adb_server, phone, f"pm path {PACKAGE}").startswith("package:/data/app/")
        assert "versionName=1.2" in said(adb_server, phone, f"dumpsys package {PACKAGE}")

    def test_an_app_without_a_benchmark_cannot_be_started(self, adb_server, fake_phone):
        phone = fake_phone()
        SampleApp(activity=False).install(phone)
        answer = adb_server.on(phone, "shell", f"am start -n {PACKAGE}/.ShellActivity --es request e30")
        assert answer.returncode == 1
        assert b"does not exist" in answer.stderr


class TestLinuxBox:
    def test_it_has_nothing_of_android(self, adb_server, fake_phone):
        phone = fake_phone(linux=True)
        answer = adb_server.on(phone, "shell", "getprop ro.product.model; dumpsys battery; exit 3")
        assert answer.returncode == 0
        assert answer.stdout.count(b"not found") == 2
        assert said(adb_server, phone, "uname -sm; ls -d /data").startswith("Linux x86_64\n")
        present = said(
            adb_server, phone, "cat /sys/devices/system/cpu/present; ls -d /sys/devices/system/cpu/*/cpufreq"
        )
        assert present.startswith(core_list(range(os.cpu_count() or 1)))
        assert "No such file" in present
        assert phone.here("/tmp").is_dir()

    def test_it_binds_by_this_machines_taskset(self, adb_server, fake_phone):
        phone = fake_phone(linux=True)
        assert said(adb_server, phone, "taskset 1 grep Cpus_allowed_list /proc/self/status").split()[1] == "0"


@pytest.fixture
def bring(adb_server, tmp_path) -> Callable[[FakePhone, FakeTool], None]:
    """Pushes a tool and a file that stands for a model."""

    def push(phone: FakePhone, tool: FakeTool) -> None:
        (tmp_path / "model").write_bytes(b"model")
        adb_server.on(phone, "push", tool.write(tmp_path / "tool"), f"{phone.base}/benchmark_model")
        adb_server.on(phone, "push", tmp_path / "model", f"{phone.base}/model-0.tflite")

    return push


def run_tool(adb_server: AdbServer, phone: FakePhone, flags: str = "") -> subprocess.CompletedProcess[bytes]:
    graph = f"{phone.base}/model-0.tflite"
    return adb_server.on(phone, "shell", f"cd {phone.base} && exec ./benchmark_model --graph={graph} {flags}")


def measured_line(output: bytes) -> dict[str, str]:
    """Splits the figures of the timed phase."""
    line = [line for line in output.decode().splitlines() if "count=" in line][1]
    return dict(word.split("=") for word in line.split()[1:])


class TestTool:
    def test_it_tells_its_flags(self, adb_server, fake_phone, bring):
        phone = fake_phone()
        bring(phone, FakeTool(without=("result_file_path",)))
        answer = adb_server.on(phone, "shell", f"{BASE}/benchmark_model --help")
        assert answer.returncode == 1
        assert b"\n\t--num_runs=50\tint32\toptional\t" in answer.stderr
        assert b"result_file_path" not in answer.stderr

    def test_a_log_is_replayed(self, adb_server, fake_phone, bring):
        phone = fake_phone()
        bring(phone, FakeTool.replaying("garbage\n", errors="ERROR: Benchmarking failed.\n", exit_code=5))
        answer = run_tool(adb_server, phone)
        assert (answer.stdout, answer.stderr) == (b"garbage\n", b"ERROR: Benchmarking failed.\n")
        assert answer.returncode == 5
        assert len(started_runs(phone)) == 1

    def test_only_some_runs_can_be_replayed(self, adb_server, fake_phone, bring):
        phone = fake_phone()
        bring(phone, FakeTool(replays=(Replay(text="x", calls=(2,)), Replay(text="y", when="--use_gpu=true"))))
        outputs = [run_tool(adb_server, phone, flags).stdout for flags in ("", "", "--use_gpu=true", "")]
        assert outputs[1:3] == [b"x", b"y"]
        assert len(runs_of(phone)) == 2

    def test_a_signal_ends_it(self, adb_server, fake_phone, bring):
        phone = fake_phone()
        bring(phone, FakeTool.replaying("", signal=11))
        assert run_tool(adb_server, phone).returncode == 139

    def test_it_can_hang_where_only_a_kill_helps(self, adb_server, fake_phone, bring):
        phone = fake_phone()
        bring(phone, FakeTool.replaying("INFO: STARTING!\n", hangs=True))
        with started(adb_server, phone, f"exec {BASE}/benchmark_model --graph=x") as process:
            assert process.stdout.readline() == b"INFO: STARTING!\n"
        time.sleep(0.2)
        [(number, line)] = phone.processes()
        assert line.endswith("benchmark_model --graph=x")
        said(adb_server, phone, f"kill -9 {number}")
        assert until(lambda: phone.processes() == ())

    def test_another_machines_program_does_not_start(self, adb_server, fake_phone, bring):
        phone = fake_phone()
        bring(phone, FakeTool())
        phone.cannot_execute()
        answer = run_tool(adb_server, phone)
        assert answer.returncode == 126
        assert answer.stderr.endswith(b"not executable: 64-bit ELF file\n")

    def test_made_up_figures_are_printed_and_noted(self, adb_server, fake_phone, bring):
        phone = fake_phone()
        bring(phone, FakeTool(default_ms=8.0, noise=0.0))
        output = run_tool(adb_server, phone, "--num_runs=60 --min_secs=0.1 --num_threads=2").stdout
        [run] = runs_of(phone)
        line, runs_us = measured_line(output), run["runs_us"]
        assert line["count"] == "60"
        assert {name: int(line[name]) for name in ("p5", "median", "p95")} == {
            name: percentile(runs_us, rank) for name, rank in {"p5": 5, "median": 50, "p95": 95}.items()
        }
        assert abs(percentile(runs_us, 50) / (8000 * 2**-0.8) - 1) < 0.01
        assert f"First inference: {run['warmup_us'][0]}," in output.decode()

    def test_heat_slows_it_and_time_cools(self, adb_server, fake_phone, bring):
        phone = fake_phone()
        phone.heat(skin_c=38.0, rise_c=3.0, ambient_c=20.0, cooling_s=10.0)
        bring(phone, FakeTool(noise=0.0))
        for _ in range(2):
            run_tool(adb_server, phone, "--min_secs=0 --num_runs=10 --warmup_min_secs=0")
        cold, hot = (percentile(run["runs_us"], 50) for run in runs_of(phone))
        assert abs(hot / cold - 1.4) < 0.03
        cap = "/sys/devices/system/cpu/cpu8/cpufreq/scaling_max_freq"
        assert "Thermal Status: 2" in said(adb_server, phone, "dumpsys thermalservice")
        assert said(adb_server, phone, f"cat {cap}") == str(round(2_914_000 / 1.4))
        before = phone.clock.now()
        phone.clock.sleep(30.0)
        assert phone.clock.now() == before + 30.0
        assert "Thermal Status: 0" in said(adb_server, phone, "dumpsys thermalservice")
        assert said(adb_server, phone, f"cat {cap}") == "2914000"

    def test_work_is_counted_at_the_clock_it_ran_at(self, adb_server, fake_phone, bring):
        phone = fake_phone()
        bring(phone, FakeTool())
        ticks = "tail -n 1 /sys/devices/system/cpu/cpu8/cpufreq/stats/time_in_state"
        before = int(said(adb_server, phone, ticks).split()[1])
        run_tool(adb_server, phone, "--min_secs=2 --warmup_min_secs=1")
        assert abs(int(said(adb_server, phone, ticks).split()[1]) - before - 300) < 10

    def test_it_notes_the_cores_it_was_bound_to(self, adb_server, fake_phone, bring):
        phone = fake_phone()
        bring(phone, FakeTool())
        said(adb_server, phone, f"cd {BASE} && exec taskset 1e0 ./benchmark_model --graph=model-0.tflite")
        [run] = runs_of(phone)
        assert run["cpus_allowed"] == "1e0"

    def test_unknown_flags_are_only_warned_of(self, adb_server, fake_phone, bring):
        phone = fake_phone()
        bring(phone, FakeTool())
        answer = run_tool(adb_server, phone, "--use_magic=true --num_threads 4")
        assert answer.returncode == 0
        assert b"WARN: Unconsumed cmdline flags: --use_magic=true --num_threads 4\n" in answer.stdout

    def test_a_missing_model_is_an_error(self, adb_server, fake_phone, bring):
        phone = fake_phone()
        bring(phone, FakeTool())
        answer = adb_server.on(phone, "shell", f"{BASE}/benchmark_model --graph={BASE}/none.tflite")
        assert answer.returncode == 1
        assert (
            answer.stderr == f"ERROR: Failed to load model {BASE}/none.tflite\nERROR: Benchmarking failed.\n".encode()
        )

    @pytest.mark.parametrize(
        ("gpu", "words"),
        [
            ("full", b"completely executed by the delegate"),
            ("partial", b"partially executed by the delegate w/ 2 delegate kernels"),
            ("none", b"will not be executed by the delegate"),
            ("silent", b"delegate (TfLiteXNNPackDelegate)"),
            ("fail", b"ERROR: Failed to apply GPU delegate."),
        ],
    )
    def test_the_gpu_may_do_less_than_asked(self, adb_server, fake_phone, bring, gpu, words):
        phone = fake_phone()
        bring(phone, FakeTool(gpu=gpu))
        answer = run_tool(adb_server, phone, "--use_gpu=true")
        assert words in answer.stdout + answer.stderr
        assert answer.returncode == (gpu == "fail")

    def test_the_other_tool_prints_a_block_on_the_error_stream(self, adb_server, fake_phone, bring):
        phone = fake_phone()
        bring(phone, FakeTool(grammar="compiled-model", noise=0.0))
        answer = run_tool(adb_server, phone, "--report_peak_memory_footprint=true")
        assert b"Inference timings" not in answer.stdout
        assert b"========== BENCHMARK RESULTS ==========\n" in answer.stderr
        assert b"Peak memory:          16.75 MB\n" in answer.stderr
        assert measured_line(answer.stdout)["count"].isdigit()

    def test_it_really_runs_a_model(self, adb_server, fake_phone, tmp_path):
        phone = fake_phone()
        (tmp_path / "model").write_bytes(float_network())
        tool = FakeTool(real=True).write(tmp_path / "tool")
        adb_server.on(phone, "push", tool, f"{BASE}/benchmark_model")
        adb_server.on(phone, "push", tmp_path / "model", f"{BASE}/model-0.tflite")
        result = f"--result_file_path={BASE}/result"
        answer = run_tool(adb_server, phone, f"--num_runs=20 --min_secs=0 --warmup_min_secs=0 --num_threads=1 {result}")
        assert answer.returncode == 0, answer.stderr
        [run] = runs_of(phone)
        assert measured_line(answer.stdout)["median"] == str(percentile(run["runs_us"], 50))
        assert len(run["runs_us"]) == 20
        assert len(set(run["runs_us"])) > 1
        assert struct.pack("<f", percentile(run["runs_us"], 50) / 1000) in phone.here(f"{BASE}/result").read_bytes()

    def test_what_is_no_model_is_not_run(self, adb_server, fake_phone, bring):
        phone = fake_phone()
        bring(phone, FakeTool(real=True))
        answer = run_tool(adb_server, phone)
        assert answer.returncode == 1
        assert b"ERROR: Failed to load model" in answer.stderr


def test_shells_at_the_same_time_do_not_meet(adb_server, fake_phone):
    phones = [fake_phone(), fake_phone()]
    script = (
        "cd /data/local/tmp; echo $0 >> a; exec taskset {mask} sh -c 'sleep 0.2; grep Cpus_allowed: /proc/self/status'"
    )
    with ExitStack() as running:
        processes = [
            running.enter_context(started(adb_server, phone, script.format(mask=mask)))
            for phone in phones
            for mask in ("f", "30", "100")
        ]
        bound = [process.communicate(timeout=20)[0].split()[1] for process in processes]
    assert bound == [b"f", b"30", b"100"] * 2
    assert all(len(phone.here(f"{BASE}/a").read_text().splitlines()) == 3 for phone in phones)
