"""`app add`: what is written into the sample app and into other apps, what is refused, and what is left alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fakes.app_folders import contract, other_app, tree, write_bundle

from mobile_deploy.android.add import add_bundle
from mobile_deploy.android.admission import (
    Allowances,
    BundleTooNewError,
    UnauditedBundleError,
    UntrainedBundleError,
)
from mobile_deploy.android.core_sources import needed_sources
from mobile_deploy.android.init import init_app
from mobile_deploy.android.placed_files import RECORD_NAME, ForeignFileError
from mobile_deploy.contract import Fit
from mobile_deploy.errors import BadOptionError, OutputNotWritableError, UnreadableFileError

STRICT = Allowances()
ASSETS = "src/main/assets/models"
CONTRACT = "src/main/kotlin/com/example/flowers/NetInt8.kt"


@pytest.fixture
def bundle(tmp_path):
    return write_bundle(tmp_path / "made", "net-int8", files={"golden_inputs.bin": b"in", "golden_outputs.bin": b"out"})


@pytest.fixture
def app(tmp_path) -> Path:
    return other_app(tmp_path / "fremde Äpp")


def models(folder: Path, assets: str = ASSETS) -> list[str]:
    return json.loads((folder / assets / "index.json").read_text())["models"]


def test_another_app_gets_assets_a_contract_and_the_core_and_keeps_what_it_had(bundle, app):
    before = tree(app)
    added = add_bundle(bundle, app, allowed=STRICT)
    after = tree(app)
    assert {path: after[path] for path in before} == before
    for path in bundle.directory.iterdir():
        assert after[f"{ASSETS}/net-int8/{path.name}"] == path.read_bytes()
    assert models(app) == ["net-int8"]
    assert CONTRACT in after
    assert {p.removeprefix("src/main/kotlin/") for p in after if "/dev/mobiledeploy/" in p} == set(needed_sources())
    assert set(added.placement.written) == set(after) - set(before) - {RECORD_NAME}
    assert not any("samples" in path for path in after)


def test_the_sample_app_gets_assets_alone_and_pictures(bundle, tmp_path):
    init_app(tmp_path / "demo")
    before = tree(tmp_path / "demo")
    added = add_bundle(bundle, tmp_path / "demo", allowed=STRICT)
    new = set(tree(tmp_path / "demo")) - set(before)
    assert all(path.startswith("app/src/main/assets/") for path in new)
    assert sum(path.endswith(".png") for path in new) >= 3
    assert (added.call, added.gradle, added.mediapipe) == ((), (), None)
    with pytest.raises(BadOptionError, match="--package: the sample app has its own package"):
        add_bundle(bundle, tmp_path / "demo", package="com.example", allowed=STRICT)


def test_bundles_are_listed_in_the_order_they_came_and_once(bundle, app, tmp_path):
    second = write_bundle(tmp_path / "made", "net-float32", recipe="float32")
    for one in (bundle, second, bundle):
        add_bundle(one, app, allowed=STRICT)
    assert models(app) == ["net-int8", "net-float32"]


def test_adding_again_replaces_its_own_files_and_removes_those_that_are_gone(bundle, app, tmp_path):
    add_bundle(bundle, app, allowed=STRICT)
    newer = write_bundle(tmp_path / "newer", "net-int8", tflite=b"TFL3 other")
    added = add_bundle(newer, app, package="com.example.other", allowed=STRICT)
    after = tree(app)
    assert after[f"{ASSETS}/net-int8/net-int8.tflite"] == b"TFL3 other"
    assert f"{ASSETS}/net-int8/golden_inputs.bin" not in after
    assert CONTRACT not in after and CONTRACT.replace("flowers", "other") in after
    assert set(added.placement.removed) == {
        CONTRACT,
        f"{ASSETS}/net-int8/golden_inputs.bin",
        f"{ASSETS}/net-int8/golden_outputs.bin",
    }


@pytest.mark.parametrize("was_ours", [False, True])
def test_a_file_that_is_not_ours_is_never_replaced_and_nothing_else_is_written(was_ours, bundle, app):
    if was_ours:
        add_bundle(bundle, app, allowed=STRICT)
    path = app / CONTRACT
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("// my own\n")
    before = tree(app)
    with pytest.raises(ForeignFileError) as caught:
        add_bundle(bundle, app, allowed=STRICT)
    assert str(path) in caught.value.message
    assert ("was changed since" in caught.value.message) is was_ours
    assert caught.value.exit_code == 2 and tree(app) == before


def test_a_stale_file_that_somebody_changed_is_left(bundle, app, tmp_path):
    add_bundle(bundle, app, allowed=STRICT)
    (app / ASSETS / "net-int8/golden_inputs.bin").write_bytes(b"mine")
    newer = write_bundle(tmp_path / "newer", "net-int8", tflite=b"TFL3 other")
    add_bundle(newer, app, allowed=STRICT)
    assert (app / ASSETS / "net-int8/golden_inputs.bin").read_bytes() == b"mine"


def test_when_the_disk_refuses_in_the_middle_everything_is_as_it_was(bundle, app, tmp_path, monkeypatch):
    add_bundle(bundle, app, allowed=STRICT)
    before, rename, renamed = tree(app), Path.rename, []

    def failing(self: Path, target: Path) -> Path:
        renamed.append(target)
        if len(renamed) == 15:
            raise OSError(28, "No space left on device")
        return rename(self, target)

    newer = write_bundle(tmp_path / "newer", "net-int8", tflite=b"TFL3 other")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", failing)
        with pytest.raises(OutputNotWritableError, match="the disk is full"):
            add_bundle(newer, app, allowed=STRICT)
    assert len(renamed) > 15
    assert tree(app) == before


REFUSALS = [
    ({"name": "net-untrained-int8"}, UntrainedBundleError, Allowances(untrained=True)),
    ({"weights": {"kind": "none"}}, UntrainedBundleError, Allowances(untrained=True)),
    ({"weights": {"kind": "file", "new_head": True}}, UntrainedBundleError, Allowances(untrained=True)),
    ({"audit": {"verdict": "failed"}}, UnauditedBundleError, Allowances(unaudited=True)),
    ({"audit": None}, UnauditedBundleError, Allowances(unaudited=True)),
    ({"contract": contract(minimum_runtime="2.18")}, BundleTooNewError, Allowances(newer=True)),
    ({"contract": contract(minimum_runtime="unknown")}, BundleTooNewError, Allowances(newer=True)),
]


@pytest.mark.parametrize(("facts", "kind", "allowed"), REFUSALS)
def test_what_an_app_should_not_ship_needs_its_own_word(facts, kind, allowed, app, tmp_path):
    bundle = write_bundle(tmp_path, **{"name": "net-int8", **facts})
    before = tree(app)
    others = Allowances(**{name: not getattr(allowed, name) for name in ("untrained", "unaudited", "newer")})
    for refusing in (STRICT, others):
        with pytest.raises(kind) as caught:
            add_bundle(bundle, app, allowed=refusing)
        assert caught.value.exit_code == 5 and "--allow-" in caught.value.hint
    assert tree(app) == before
    added = add_bundle(bundle, app, allowed=allowed)
    assert added.notes == (caught.value.message,)


@pytest.mark.parametrize(
    "facts",
    [
        {"weights": {"kind": "trained", "new_head": True}},
        {"weights": {"kind": "file", "new_head": False}},
        {"contract": contract(minimum_runtime="2.17.0")},
        {"contract": contract(minimum_runtime="2.9")},
    ],
)
def test_what_is_trained_audited_and_old_enough_passes_in_silence(facts, app, tmp_path):
    assert add_bundle(write_bundle(tmp_path, "net-int8", **facts), app, allowed=STRICT).notes == ()


def test_a_folder_that_is_no_app_is_named_with_what_to_name_instead(bundle, tmp_path):
    (tmp_path / "project").mkdir()
    with pytest.raises(UnreadableFileError, match=r"there is no src/main/AndroidManifest\.xml") as caught:
        add_bundle(bundle, tmp_path / "project", allowed=STRICT)
    assert "app init" in caught.value.hint
    other_app(tmp_path / "project/mobile")
    with pytest.raises(UnreadableFileError) as caught:
        add_bundle(bundle, tmp_path / "project", allowed=STRICT)
    assert caught.value.hint == f"name the module: {tmp_path / 'project/mobile'}"
    with pytest.raises(UnreadableFileError, match="there is no such folder"):
        add_bundle(bundle, tmp_path / "nowhere", allowed=STRICT)


def test_the_package_is_the_modules_namespace_or_must_be_given(bundle, tmp_path):
    java = other_app(tmp_path / "java", namespace="org.example", sources="java")
    assert (
        f"src/main/java/org/example/{Path(CONTRACT).name}" in add_bundle(bundle, java, allowed=STRICT).placement.written
    )
    silent = other_app(tmp_path / "silent", namespace=None)
    with pytest.raises(BadOptionError, match="tells no namespace"):
        add_bundle(bundle, silent, allowed=STRICT)
    for wrong in ("com.example.in", "com..example", "com/example", "../x", "1com", ""):
        with pytest.raises(BadOptionError, match="--package"):
            add_bundle(bundle, silent, package=wrong, allowed=STRICT)


def test_two_bundles_that_kotlin_would_call_alike_are_told_apart(bundle, app, tmp_path):
    add_bundle(bundle, app, allowed=STRICT)
    twin = write_bundle(tmp_path / "made", "net_int8")
    with pytest.raises(BadOptionError, match="is the contract of bundle net-int8 already"):
        add_bundle(twin, app, allowed=STRICT)


@pytest.mark.parametrize("name", [".net-int8", "_net-int8", "net-int8~"])
def test_a_name_that_androids_build_tools_would_leave_out_is_refused(name, app, tmp_path):
    with pytest.raises(BadOptionError, match="leave out what is named like"):
        add_bundle(write_bundle(tmp_path / "made", name), app, allowed=STRICT)


@pytest.mark.parametrize("content", ["[]", "{", '{"schema_version": 2, "files": {}}', '{"schema_version": 1}'])
def test_a_damaged_record_stops_everything(content, bundle, app):
    (app / RECORD_NAME).write_text(content)
    with pytest.raises(UnreadableFileError, match="it is no record of ours"):
        add_bundle(bundle, app, allowed=STRICT)


def test_a_record_cannot_lead_outside_the_app(bundle, app, tmp_path):
    (tmp_path / "precious").write_text("x")
    files = {"../precious": {"sha256": "x", "part": "bundle net-int8"}}
    (app / RECORD_NAME).write_text(json.dumps({"schema_version": 1, "files": files}))
    with pytest.raises(UnreadableFileError, match="lies outside"):
        add_bundle(bundle, app, allowed=STRICT)


def test_the_call_has_ten_lines_and_the_gradle_lines_keep_the_model_as_it_is(bundle, app):
    added = add_bundle(bundle, app, allowed=STRICT)
    assert len(added.call) == 10
    assert 'noCompress += "tflite"' in "".join(added.gradle)
    assert added.imports[0] == "com.example.flowers.NetInt8"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"input__dtype": "int8", "output__dtype": "int8"}, "no int8 input or output"),
        ({"output__dtype": "int8"}, "no int8 input or output"),
        ({"output__meaning": "embedding", "labels": ()}, "an embedding"),
        ({"output__meaning": "sigmoid", "output__size": 1, "labels": ("a", "b")}, "1 output for 2 labels"),
    ],
)
def test_mediapipe_is_not_offered_for_what_it_does_not_take(changes, words, app, tmp_path):
    bundle = write_bundle(tmp_path, "net-int8", contract=contract(**changes))
    advice = add_bundle(bundle, app, allowed=STRICT).mediapipe
    assert words in advice.refusal and advice.call == () and "not possible" in advice.lines()[0]


def test_mediapipe_is_offered_with_what_it_does_otherwise(app, tmp_path):
    cropping = add_bundle(write_bundle(tmp_path, "net-int8"), app, allowed=STRICT).mediapipe
    assert (cropping.refusal, len(cropping.differences)) == ("", 1)
    assert "center-crop:0.875" in cropping.differences[0]
    stretching = contract(input__fit=Fit(kind="stretch"))
    plain = add_bundle(write_bundle(tmp_path, "net-int8", contract=stretching), app, allowed=STRICT).mediapipe
    assert plain.differences == () and "models/net-int8/net-int8.tflite" in plain.call[0]
