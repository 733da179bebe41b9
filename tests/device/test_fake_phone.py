"""The fake phone, driven by the real adb client."""

from __future__ import annotations


def states(adb_server) -> dict[str, str]:
    lines = adb_server.run("devices").stdout.decode().splitlines()[1:]
    return dict(line.split("\t") for line in lines if line)


def test_a_phone_that_is_connected_is_listed(adb_server, fake_phone):
    phone = fake_phone()
    assert states(adb_server) == {phone.serial: "device"}


def test_a_shell_tells_output_errors_and_exit_code_apart(adb_server, fake_phone):
    phone = fake_phone()
    answer = adb_server.on(phone, "shell", "echo out; echo err >&2; exit 7")
    assert (answer.stdout, answer.stderr, answer.returncode) == (b"out\n", b"err\n", 7)


def test_a_pushed_file_comes_back_as_it_was(adb_server, fake_phone, tmp_path):
    phone = fake_phone()
    content = bytes(range(256)) * 8192
    (tmp_path / "a").write_bytes(content)
    pushed = adb_server.on(phone, "push", tmp_path / "a", "/data/local/tmp/a b ü")
    pulled = adb_server.on(phone, "pull", "/data/local/tmp/a b ü", tmp_path / "b")
    assert (pushed.returncode, pulled.returncode) == (0, 0), pushed.stderr + pulled.stderr
    assert (tmp_path / "b").read_bytes() == content
