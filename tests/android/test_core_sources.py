"""Which of the core's files another app gets."""

from __future__ import annotations

from pathlib import PurePosixPath

from mobile_deploy.android import core_sources
from mobile_deploy.android.core_sources import needed_sources


def test_what_feeds_and_reads_a_model_is_there_and_nothing_that_opens_bundles_or_shows_screens():
    found = {PurePosixPath(name).stem for name in needed_sources()}
    assert {"Contract", "PictureFitter", "Resampler", "InputEncoder", "OutputDecoder", "Turn", "Labels"} <= found
    assert found.isdisjoint({"BundleReader", "ManifestReader", "Classifier", "DelegateLadder", "YuvFrame"})
    assert not any("/screen/" in name or "/shell/" in name for name in needed_sources())


def test_another_app_needs_no_library_for_it():
    imports = {
        line.split()[1]
        for content in needed_sources().values()
        for line in content.decode().splitlines()
        if line.startswith("import ")
    }
    assert all(name.startswith(("java.", "dev.mobiledeploy.core.")) for name in imports)


FILES = {
    "A.kt": "package p\n/** [Unused]. */\nclass A {\n    // unused()\n    val size = 1\n    val b = helper(size)}\n",
    "B.kt": 'package p\ninternal fun Int.helper(x: Int): C = C("Unused")\nprivate fun own() = 1\n',
    "C.kt": "package p\nimport p.q.Far\ndata class C(val far: Far)\n",
    "Far.kt": "package p.q\nclass Far\nval size = 3\n",
    "Size.kt": "package p\nval size = 2\nval own = 3\n",
    "Unused.kt": "package p\nclass Unused\nfun unused() = 1\n",
}


def test_files_are_found_by_the_names_that_code_uses():
    assert core_sources._closure(FILES, ("p.A",)) == {"A.kt", "B.kt", "C.kt", "Far.kt"}
    assert core_sources._closure(FILES, ("p.size",)) == {"Size.kt"}
