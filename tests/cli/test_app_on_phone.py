"""`app install`, `app run` and `app push` over the real adb, on a fake phone whose app really runs the bundle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fakes.phone.sample_app import (
    SampleApp,
    installed_apk,
    loaded_files,
    refuse_installs,
    requests_of,
    write_apk,
)
from fakes.tiny_bundles import LABELS, edit_manifest, make_tiny_bundles, sha256, tflite_of

import mobile_deploy.device.app_conversation as conversation_module
from mobile_deploy.cli import main

pytestmark = pytest.mark.usefixtures("own_folders")


@pytest.fixture(scope="module")
def bundles(tmp_path_factory) -> dict[str, Path]:
    return make_tiny_bundles(tmp_path_factory.mktemp("app"), quant=("float32", "int8"))


@pytest.fixture(scope="module")
def apk(bundles, tmp_path_factory) -> Path:
    return write_apk(tmp_path_factory.mktemp("apk") / "App mit Bär.apk", list(bundles.values()))


@pytest.fixture(autouse=True)
def impatient(monkeypatch) -> None:
    monkeypatch.setattr(conversation_module, "_POLL_S", 0.05)


def app(capsys, *arguments: object, code: int = 0) -> dict[str, Any]:
    """Runs `mobile-deploy app` and gives its envelope."""
    ended = main(["app", *map(str, arguments), "--json"])
    printed = capsys.readouterr()
    assert ended == code, printed
    envelope: dict[str, Any] = json.loads(printed.out)
    assert (envelope["command"], envelope["exit_code"]) == (f"app {arguments[0]}", code)
    return envelope


def test_an_apk_is_installed_byte_for_byte_and_the_version_is_told(fake_phone, apk, capsys):
    phone = fake_phone()
    data = app(capsys, "install", apk)["data"]
    assert installed_apk(phone) == apk.read_bytes()
    assert (data["package"], data["version"], data["serial"]) == ("dev.mobiledeploy.demo", "0.1.0", phone.serial)


def test_without_a_name_the_app_is_taken_that_was_built_last(fake_phone, apk, capsys):
    phone = fake_phone()
    (error,) = app(capsys, "install", code=5)["errors"]
    assert "mobile-deploy-demo.apk" in error["message"] and "mobile-deploy app build" in error["hint"]
    Path("build").mkdir()
    Path("build/mobile-deploy-demo.apk").write_bytes(apk.read_bytes())
    app(capsys, "install")
    assert installed_apk(phone) == apk.read_bytes()
    app(capsys, "run", "--samples", 1)


def test_a_phone_with_an_app_of_another_key_is_told_how_to_remove_it(fake_phone, apk, capsys):
    phone = fake_phone()
    refuse_installs(phone, "INSTALL_FAILED_UPDATE_INCOMPATIBLE: signatures do not match")
    (error,) = app(capsys, "install", apk, code=3)["errors"]
    assert error["type"] == "AppInTheWayError"
    assert f"adb -s {phone.serial} uninstall dev.mobiledeploy.demo" in error["hint"]


@pytest.mark.parametrize("recipe", ["float32", "int8"])
def test_the_app_answers_as_this_machine_does(recipe, fake_phone, bundles, apk, capsys):
    phone = fake_phone()
    SampleApp(version="0.1.0").install(phone, apk=apk)
    data = app(capsys, "run", bundles[recipe])["data"]
    assert data["verdict"] == "same"
    assert [one["top1"] for one in data["comparisons"]] == ["same"] * 3
    assert all(one["input_equal"] and one["problems"] == [] for one in data["comparisons"])
    assert data["comparisons"][0]["times_ms"] == {"pre": 2.5, "run": 7.25, "post": 0.125}
    asked = requests_of(phone)
    assert [request["picture"] for request in asked] == [one["picture"] for one in data["comparisons"]]
    assert {request["sha256"] for request in asked} == {sha256(tflite_of(bundles[recipe]))}
    assert not (phone.state / "running/dev.mobiledeploy.demo").exists()


def test_every_bundle_of_an_apk_is_asked(fake_phone, bundles, apk, capsys):
    SampleApp().install(fake_phone(), apk=apk)
    comparisons = app(capsys, "run", apk, "--samples", 2)["data"]["comparisons"]
    assert [one["model"] for one in comparisons] == [path.name for path in bundles.values() for _ in range(2)]


def test_the_table_shows_both_scores_and_the_times(fake_phone, bundles, apk, capsys):
    SampleApp().install(fake_phone(), apk=apk)
    assert main(["app", "run", str(bundles["int8"])]) == 0
    printed = capsys.readouterr().out
    assert "pre (ms)" in printed and "within 2 steps" in printed and "7.2" in printed
    assert any(label in printed for label in LABELS)


def best(index: int, score: float) -> dict[str, Any]:
    return {"index": index, "label": LABELS[index], "score": score}


@pytest.mark.parametrize(
    ("lie", "problem"),
    [
        ({"input_sha256": "0" * 64}, "the input tensor differs"),
        ({"guesses": [best(0, 0.999), best(1, 0.0), best(2, 0.0)]}, "a score differs by"),
        ({"guesses": [{"index": 7, "label": "x", "score": 0.9}]}, "class 7 is named, there are 3"),
        ({"guesses": [{"index": 0, "label": "Birne", "score": 0.5}]}, "class 0 is called Birne, here Apfel"),
    ],
)
def test_an_app_that_answers_otherwise_ends_with_1_and_is_shown_whole(lie, problem, fake_phone, bundles, apk, capsys):
    SampleApp(answer=lie).install(fake_phone(), apk=apk)
    envelope = app(capsys, "run", bundles["int8"], "--samples", 1, code=1)
    assert envelope["errors"][0]["type"] == "AppDiffersError"
    assert envelope["data"]["verdict"] == "differs"
    told = [text for one in envelope["data"]["comparisons"] for text in one["problems"]]
    assert any(problem in text for text in told), told


@pytest.mark.parametrize(
    ("lie", "words"),
    [
        ({"sha256": "5a" * 32}, "the app ran a file with sha256"),
        ({"guesses": []}, "its guesses are no list of 1 to 5"),
        ({"input_sha256": None}, "input_sha256 is None"),
        ({"error": "the model is too large"}, "the app says: the model is too large"),
    ],
)
def test_an_answer_that_does_not_fit_is_a_failure_of_the_app(lie, words, fake_phone, bundles, apk, capsys):
    SampleApp(answer=lie).install(fake_phone(), apk=apk)
    (error,) = app(capsys, "run", bundles["int8"], code=4)["errors"]
    assert error["type"] == "RunFailedError" and words in error["message"]


def test_another_bundle_of_the_same_name_in_the_app_is_told(fake_phone, bundles, tmp_path_factory, capsys):
    other = make_tiny_bundles(tmp_path_factory.mktemp("other"), quant=("int8",), granularity="per-tensor")
    apk = write_apk(tmp_path_factory.mktemp("apk") / "a.apk", list(other.values()))
    SampleApp().install(fake_phone(), apk=apk)
    (error,) = app(capsys, "run", bundles["int8"], code=4)["errors"]
    assert "is another file in the app" in error["message"]


def test_an_app_that_is_not_there_is_named_with_the_way_to_it(fake_phone, bundles, capsys):
    fake_phone()
    for command in ("run", "push"):
        (error,) = app(capsys, command, bundles["int8"], code=3)["errors"]
        assert error["type"] == "AppMissingError" and "mobile-deploy app install" in error["hint"]


def test_a_pushed_bundle_is_in_the_app_whole_and_answers(fake_phone, bundles, apk, capsys):
    phone = fake_phone()
    SampleApp().install(phone, apk=apk)
    bundle = bundles["int8"]
    data = app(capsys, "push", bundle, "--show", "camera")["data"]
    assert loaded_files(phone, bundle.name) == {path.name: path.read_bytes() for path in bundle.iterdir()}
    assert (data["name"], data["sha256"], data["show"]) == (bundle.name, sha256(tflite_of(bundle)), "camera")
    assert phone.leftovers() == ()
    assert requests_of(phone)[-1]["show"] == "camera"
    assert (phone.state / "running/dev.mobiledeploy.demo").exists()  # it shows the camera
    assert app(capsys, "run", bundle, "--samples", 1)["data"]["verdict"] == "same"


def test_the_message_of_a_push_says_seconds_and_the_hash(fake_phone, bundles, apk, capsys):
    phone = fake_phone()
    SampleApp().install(phone, apk=apk)
    assert main(["app", "push", str(bundles["int8"]), "--show", "none"]) == 0
    printed = capsys.readouterr().out
    assert f"has {bundles['int8'].name} after " in printed and " s (" in printed
    assert sha256(tflite_of(bundles["int8"]))[:12] in printed
    assert not (phone.state / "running/dev.mobiledeploy.demo").exists()


def test_no_name_of_a_bundle_reaches_the_phones_shell(fake_phone, bundles, apk, capsys):
    phone = fake_phone()
    SampleApp().install(phone, apk=apk)
    app(capsys, "push", bundles["int8"])
    assert not any("kleines" in script or "tflite" in script for script in phone.shell_log)


def test_a_bundle_that_arrives_damaged_never_gets_to_the_app(fake_phone, bundles, apk, capsys):
    phone = fake_phone(corrupt_push=True)
    SampleApp().install(phone, apk=apk)
    (error,) = app(capsys, "push", bundles["int8"], code=4)["errors"]
    assert error["type"] == "DamagedTransferError"
    assert requests_of(phone) == () and phone.leftovers() == ()


def test_an_app_that_loads_something_else_is_not_believed(fake_phone, bundles, apk, capsys):
    SampleApp(answer={"loaded": "other"}).install(fake_phone(), apk=apk)
    (error,) = app(capsys, "push", bundles["int8"], code=4)["errors"]
    assert "the app loaded other instead" in error["message"]


def test_an_unknown_screen_is_refused_before_the_phone_is_looked_for(bundles, capsys):
    (error,) = app(capsys, "push", bundles["int8"], "--show", "cameras", code=2)["errors"]
    assert "did you mean camera" in error["message"]


def test_an_untrained_bundle_is_pushed_with_a_word(fake_phone, tmp_path_factory, apk, capsys):
    bundle = make_tiny_bundles(tmp_path_factory.mktemp("raw"), quant=("int8",))["int8"]
    edit_manifest(bundle, lambda manifest: manifest.update(weights={"kind": "none"}))
    SampleApp().install(fake_phone(), apk=apk)
    (note,) = app(capsys, "push", bundle)["data"]["notes"]
    assert "is untrained" in note


def test_two_phones_must_be_told_apart(fake_phone, bundles, apk, capsys):
    first, second = fake_phone(), fake_phone()
    second.set_property("ro.serialno", "another")
    (error,) = app(capsys, "run", bundles["int8"], code=2)["errors"]
    assert error["hint"] == "name one with -s SERIAL"
    SampleApp().install(second, apk=apk)
    app(capsys, "run", bundles["int8"], "-s", second.serial, "--samples", 1)
    assert requests_of(first) == ()
