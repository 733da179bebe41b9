"""Examines the machine: what is installed, what is missing, and the fix for what is missing.

It imports none of the packages it judges, and every program it asks has a deadline, so it answers on a broken machine.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from mobile_deploy.device.adb import adb_path
from mobile_deploy.device.phones import PHONE_FIXES, parse_phones
from mobile_deploy.pipeline.programs import TOOLS, Tool, ask
from mobile_deploy.pipeline.progress import ProgressReporter, SilentProgress
from mobile_deploy.pipeline.requirements import Requirement, read_requirements

Area = Literal["python", "package", "tool", "phone", "disk", "cache", "environment"]
State = Literal["ok", "missing", "too old", "too new", "broken", "low"]

# A judgement, not a limit: downloaded weights, five bundles and the converter's temporary copies stay well under it.
LEAST_FREE_BYTES = 1_000_000_000

ENVIRONMENT_VARIABLES = ("MOBILE_DEPLOY_CACHE", "MOBILE_DEPLOY_WEIGHTS_URL", "MOBILE_DEPLOY_TOOLS_URL")

# The name a package is imported by, where it is not its own with underscores.
_IMPORT_NAMES = {"pillow": "PIL"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        area: What kind of thing it is.
        name: Its name.
        state: How it is.
        found: Version or value found, or what went wrong; empty when nothing was found.
        needed: Versions that will do, or what it is needed for; empty where nothing is asked.
        required: Whether `export` cannot do without.
        fix: The next step; empty when there is nothing to do.
    """

    area: Area
    name: str
    state: State
    found: str = ""
    needed: str = ""
    required: bool = False
    fix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """All findings, in the order they were made."""

    findings: tuple[Finding, ...]

    @property
    def failures(self) -> tuple[Finding, ...]:
        """The findings that keep `export` from working."""
        return tuple(finding for finding in self.findings if finding.required and finding.state != "ok")


def diagnose(*, timeout_s: float = 10.0, progress: ProgressReporter | None = None) -> Diagnosis:
    """Examines Python, packages, tools, phones, disk, cache and environment variables.

    Args:
        timeout_s: Longest wait for one program, in seconds.
        progress: Who is told; nobody if None.

    Returns:
        What was found, with fixes.
    """
    progress = progress or SilentProgress()
    requirements = read_requirements()
    findings = [_examine_python(requirements.python), *map(_examine_package, requirements.packages)]
    for tool in TOOLS:
        with progress.stage(f"ask {tool.name} for its version"):
            findings.append(_examine_tool(tool, timeout_s=timeout_s))
    with progress.stage("ask adb for phones"):
        findings.append(_examine_phones(timeout_s=timeout_s))
    findings += [_examine_disk(Path.cwd()), _examine_cache(), *_examine_environment()]
    return Diagnosis(findings=tuple(findings))


def _examine_python(requirement: Requirement) -> Finding:
    version = platform.python_version()
    state = requirement.judge(version)
    return Finding(
        area="python",
        name="python",
        state=state,
        found=version,
        needed=requirement.bounds,
        required=True,
        fix="" if state == "ok" else f"make an environment with a Python {requirement.bounds}",
    )


def _examine_package(requirement: Requirement) -> Finding:
    version = _installed_version(requirement.name)
    state: State
    if version is None:
        state, found = "missing", ""
    elif not _is_importable(requirement.name):
        state, found = "broken", f"{version}, its files are gone"
    else:
        state, found = requirement.judge(version), version
    # Quoted, since < and > mean something to every shell.
    target = f'"{requirement.name}{requirement.bounds}"'
    install = "pip install --force-reinstall" if state == "broken" else "pip install"
    return Finding(
        area="package",
        name=requirement.name,
        state=state,
        found=found,
        needed=requirement.bounds,
        required=True,
        fix="" if state == "ok" else f"{install} {target}",
    )


def _installed_version(name: str) -> str | None:
    """Gives the version of an installed package; None if it is not installed or an install left only scraps."""
    try:
        metadata = importlib.metadata.metadata(name)
    except importlib.metadata.PackageNotFoundError:
        return None
    return next(iter(metadata.get_all("Version") or ()), None)


def _is_importable(name: str) -> bool:
    spec = importlib.util.find_spec(_IMPORT_NAMES.get(name, name.replace("-", "_")))
    # A folder without code is found too, as a namespace without origin.
    return spec is not None and spec.origin is not None


def _examine_tool(tool: Tool, *, timeout_s: float) -> Finding:
    fix = tool.fix(sys.platform)
    needed = f"optional: {tool.needed_for}"
    path = adb_path() if tool.name == "adb" else shutil.which(tool.program)
    if path is None:
        return Finding(area="tool", name=tool.name, state="missing", needed=needed, fix=fix)
    answer = ask((path, *tool.arguments), timeout_s=timeout_s)
    if answer.problem:
        return Finding(area="tool", name=tool.name, state="broken", found=answer.problem, needed=needed, fix=fix)
    return Finding(area="tool", name=tool.name, state="ok", found=tool.version(answer.output), needed=needed)


def _examine_phones(*, timeout_s: float) -> Finding:
    needed = "optional: benchmark on a phone, install the app"

    def finding(state: State, found: str, fix: str) -> Finding:
        return Finding(area="phone", name="phone", state=state, found=found, needed=needed, fix=fix)

    path = adb_path()
    if path is None:
        return finding("missing", "", "install adb, then connect a phone")
    answer = ask((path, "devices"), timeout_s=timeout_s)
    if answer.problem:
        return finding("broken", answer.problem, "adb kill-server, then adb devices")
    phones = parse_phones(answer.output)
    if not phones:
        return finding("missing", "", PHONE_FIXES["missing"])
    found = ", ".join(f"{phone.serial} ({phone.state})" for phone in phones)
    if any(phone.usable for phone in phones):
        return finding("ok", found, "")
    return finding("broken", found, phones[0].remedy)


def _examine_disk(folder: Path) -> Finding:
    free_bytes = shutil.disk_usage(folder).free
    low = free_bytes < LEAST_FREE_BYTES
    return Finding(
        area="disk",
        name="disk",
        state="low" if low else "ok",
        found=f"{_size(free_bytes)} free in {folder}",
        needed=f"about {_size(LEAST_FREE_BYTES)}",
        fix="free some space, or write elsewhere with -o DIR" if low else "",
    )


def _examine_cache() -> Finding:
    try:
        from mobile_deploy.files import cache_directory  # here, not above: it needs a package that may be missing
    except ImportError:
        return Finding(area="cache", name="cache", state="broken", found="unknown", fix="install platformdirs")
    folder = cache_directory()
    sizes = tuple(_file_sizes(folder))
    return Finding(area="cache", name="cache", state="ok", found=f"{len(sizes)} files, {_size(sum(sizes))} in {folder}")


def _file_sizes(folder: Path) -> Iterator[int]:
    for parent, _, names in os.walk(folder):
        for name in names:
            yield Path(parent, name).lstat().st_size


def _examine_environment() -> Iterable[Finding]:
    for name in ENVIRONMENT_VARIABLES:
        value = os.environ.get(name)
        if value:
            yield Finding(area="environment", name=name, state="ok", found=_without_password(value))


def _without_password(value: str) -> str:
    """Hides the user and password of an address, since people paste this report into public issues."""
    user, at, _ = urlsplit(value).netloc.rpartition("@")
    return value.replace(f"{user}{at}", "***@", 1) if at else value


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1e9:.1f} GB" if size_bytes >= 1e9 else f"{size_bytes / 1e6:.1f} MB"
