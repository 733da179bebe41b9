"""What `app add` writes into another app compiles there, with the call it prints, and says what the bundle says."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from fakes.app_folders import contract, other_app, write_bundle

from mobile_deploy.android.add import add_bundle
from mobile_deploy.android.admission import Allowances
from mobile_deploy.android.compiling import compile_kotlin, joined
from mobile_deploy.android.kotlin_names import object_name
from mobile_deploy.android.programs import run_step
from mobile_deploy.contract import Fit, Quantization

pytestmark = pytest.mark.android

CONTRACTS = {
    "net-int8": contract(),
    'böse "$name" \\u002e ** -float32': contract(
        input__dtype="float32",
        input__quantization=None,
        input__low=0.0,
        input__high=1e-05,
        input__fit=Fit(kind="letterbox"),
        output__dtype="float32",
        output__quantization=None,
        output__meaning="embedding",
        output__size=1280,
        labels=(),
        minimum_runtime='2.1"$',
    ),
    "net-i8": contract(
        input__dtype="int8",
        input__side=224,
        input__fit=Fit(kind="stretch"),
        input__quantization=Quantization(scale=1.1754943508222875e-38, zero_point=-128),
        output__meaning="sigmoid",
        output__size=1,
        labels=("no", "yes"),
        background_class=True,
    ),
}

EXPECTED = {
    "net-int8": (
        "InputContract(side=96, type=UINT8, low=-1.0, high=1.0, fit=CenterCrop(fraction=0.875), "
        "quantization=Quantization(scale=0.007843138, zeroPoint=127))",
        "OutputContract(type=UINT8, meaning=SOFTMAX, size=3, quantization=Quantization(scale=0.00390625, zeroPoint=0))",
    ),
    'böse "$name" \\u002e ** -float32': (
        "InputContract(side=96, type=FLOAT32, low=0.0, high=1.0E-5, fit=Letterbox, quantization=null)",
        "OutputContract(type=FLOAT32, meaning=EMBEDDING, size=1280, quantization=null)",
    ),
    "net-i8": (
        "InputContract(side=224, type=INT8, low=-1.0, high=1.0, fit=Stretch, "
        "quantization=Quantization(scale=1.17549435E-38, zeroPoint=-128))",
        "OutputContract(type=UINT8, meaning=SIGMOID, size=1, quantization=Quantization(scale=0.00390625, zeroPoint=0))",
    ),
}


def write_call(folder: Path, number: int, imports: tuple[str, ...], call: tuple[str, ...]) -> None:
    """Puts a printed call into a function of its own."""
    lines = [
        f"package call{number}\n",
        *(f"import {name}" for name in ("android.content.res.AssetManager", "android.graphics.Bitmap", *imports)),
        f"\nfun see{number}(assets: AssetManager, bitmap: Bitmap): Any {{",
        *(f"    {line}" for line in call),
        f"    return {call[-1].split()[1].rstrip(':')}",
        "}\n",
    ]
    (folder / f"Call{number}.kt").write_text("\n".join(lines), encoding="utf-8")


@pytest.fixture(scope="module")
def compiled(app_tools, tmp_path_factory) -> tuple[Path, tuple[Path, ...]]:
    """An app with three bundles, their calls, and a program that prints their contracts; gives jar and class path."""
    folder = tmp_path_factory.mktemp("app")
    app = other_app(folder / "fremde Äpp")
    sources = app / "src/main/kotlin"
    prints = ["import com.example.flowers.*", "fun main() {"]
    for number, (name, said) in enumerate(CONTRACTS.items()):
        added = add_bundle(write_bundle(folder, name, contract=said), app, allowed=Allowances(newer=True))
        write_call(sources, number, added.imports, added.call)
        fields = (
            f"{object_name(name)}.{field}" for field in ("NAME", "MODEL_ASSET", "LABELS_ASSET", "input", "output")
        )
        prints += [f"    println({field})" for field in fields]
    (sources / "Print.kt").write_text("\n".join((*prints, "}\n")))
    artifacts, jar = app_tools.artifacts, folder / "app.jar"
    classpath = (
        *artifacts.of("library"),
        *artifacts.of("framework"),
        *runtime_classes(artifacts.of("runtime"), folder),
    )
    kotlin = sorted(sources.rglob("*.kt"))
    compile_kotlin(app_tools.toolchain.java, artifacts, "app", sources=kotlin, classpath=classpath, output=jar)
    return jar, classpath


def runtime_classes(archives: tuple[Path, ...], folder: Path) -> tuple[Path, ...]:
    """Takes the classes out of Android libraries."""
    found = []
    for archive in archives:
        with zipfile.ZipFile(archive) as opened:
            found.append(folder / f"{archive.stem}.jar")
            found[-1].write_bytes(opened.read("classes.jar"))
    return tuple(found)


def test_contracts_core_and_calls_compile_together_without_a_warning(compiled):
    with zipfile.ZipFile(compiled[0]) as jar:
        classes = set(jar.namelist())
    assert {f"call{number}/Call{number}Kt.class" for number in range(3)} <= classes
    assert "dev/mobiledeploy/core/PictureFitter.class" in classes


def test_the_constants_are_what_the_bundles_say(compiled, app_tools):
    jar, classpath = compiled
    java = app_tools.toolchain.java.program("java")
    encoding = ("-Dfile.encoding=UTF-8", "-Dstdout.encoding=UTF-8")
    said = run_step("printing", (java, *encoding, "-cp", joined((jar, *classpath)), "PrintKt")).splitlines()
    expected = [
        line
        for name in CONTRACTS
        for line in (name, f"models/{name}/{name}.tflite", f"models/{name}/labels.txt", *EXPECTED[name])
    ]
    assert said == expected
