"""Opens the places of a benchmark: phones with everything that is brought to them and put back, or this machine."""

from __future__ import annotations

import shlex
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from mobile_deploy.device.adb import Adb, await_phones, find_adb
from mobile_deploy.device.app import AppTarget, ModelOnPhone
from mobile_deploy.device.app_conversation import app_version
from mobile_deploy.device.condition import read_condition
from mobile_deploy.device.connection import Connection
from mobile_deploy.device.cores import default_threads
from mobile_deploy.device.facts import PhoneFacts, hardware_serial, read_facts
from mobile_deploy.device.failures import AppMissingError, PhoneNotReadyError
from mobile_deploy.device.finishing import cleaned_up
from mobile_deploy.device.gates import objections, readiness
from mobile_deploy.device.host import HostTarget
from mobile_deploy.device.kept_settings import keep_settings, put_kept_settings_back
from mobile_deploy.device.lock import phone_lock
from mobile_deploy.device.measurement import Clock, Condition, Target
from mobile_deploy.device.phone_target import PhoneTarget, install_tool
from mobile_deploy.device.phones import Phone, choose_phones
from mobile_deploy.device.private_folder import PrivateFolder, private_folder
from mobile_deploy.device.releases import fetch_tool
from mobile_deploy.device.settings import fixed_performance, screen_on
from mobile_deploy.device.tool import check_able
from mobile_deploy.device.verdicts import capped_cores
from mobile_deploy.errors import EnvironmentMissingError, MobileDeployError, printable
from mobile_deploy.files import sha256_of_file
from mobile_deploy.pipeline.benchmark_models import BenchmarkModel
from mobile_deploy.pipeline.progress import ProgressReporter
from mobile_deploy.report.tables import counted

Via = Literal["tool", "app"]

# The app starts a runtime of its own and keeps a copy of the model.
_SPARE_BYTES = 32_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the user wants of the phones.

    Attributes:
        via: What runs the models: "tool", benchmark_model, or "app", the sample app.
        tool: The benchmark_model on this machine; None to download one that suits the phone.
        tool_arguments: Further arguments for it.
        delegates: What shall run the models.
        profile: Whether the time by operator is wanted.
        fixed_performance: Whether the clocks shall be held steady.
        force: Whether to measure although something speaks against it.
    """

    via: Via = "tool"
    tool: Path | None = None
    tool_arguments: tuple[str, ...] = ()
    delegates: tuple[str, ...] = ()
    profile: bool = False
    fixed_performance: bool = False
    force: bool = False

    @property
    def settings(self) -> str:
        """What makes figures differ from those of other wishes, in one text; empty for the usual."""
        return ", ".join(("fixed performance",) * self.fixed_performance + self.tool_arguments)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTarget:
    """A place that is ready to measure.

    Attributes:
        target: The place.
        default_threads: Threads of an inference when the user names none.
        about: What identifies the session beside the place, as JSON values.
        force: Whether to measure although it stays hot.
        notes: What the user should know, one sentence each; further ones come while it is open and at its end.
    """

    target: Target
    default_threads: int
    about: Mapping[str, Any] = field(default_factory=dict)
    force: bool = False
    notes: list[str] = field(default_factory=list)


def find_phones(
    *, serial: str | None, all_devices: bool, clock: Clock, stop: threading.Event
) -> tuple[Adb, tuple[Phone, ...], tuple[str, ...]]:
    """Finds adb and the phones that are meant.

    Returns:
        Adb, the phones, and what the user should know about adb's server and about phones that were left out.

    Raises:
        AdbMissingError: There is no adb, or its server cannot be reached.
        NoPhoneError: No phone is connected, or not the named one.
        PhoneNotUsableError: It is not usable as it is.
        SeveralPhonesError: Several are connected and none was named.
    """
    try:
        adb = replace(find_adb(), stop=stop)
        note = adb.start_server()
        there = await_phones(adb, clock=clock)
        phones = choose_phones(there, serial=serial, all_devices=all_devices)
    except EnvironmentMissingError as error:
        error.hint = f"{error.hint}; or pass --host to measure on this machine"
        raise
    left_out = [
        f"phone {phone.serial!r} was left out, it is {phone.state}: {phone.remedy}"
        for phone in there
        if all_devices and phone not in phones
    ]
    phones, twins = _distinct(adb, phones)
    return adb, phones, tuple(map(printable, filter(None, (note, *left_out, *twins))))


def _distinct(adb: Adb, phones: tuple[Phone, ...]) -> tuple[tuple[Phone, ...], tuple[str, ...]]:
    """Leaves out a phone that adb lists a second time, as it does one on a cable and on the network.

    Returns:
        The others, and a note for each that was left out.
    """
    if len(phones) == 1:
        return phones, ()
    seen: dict[str, Phone] = {}
    twins = []
    for phone in phones:
        try:
            key = hardware_serial(Connection(adb=adb, serial=phone.serial)) or phone.serial
        except MobileDeployError:  # whoever opens it will say what is wrong with it
            key = phone.serial
        if key in seen:
            twins.append(f"phone {phone.serial!r} was left out, it is {seen[key].serial!r} once more")
        else:
            seen[key] = phone
    return tuple(seen.values()), tuple(twins)


@contextmanager
def open_host(models: Sequence[BenchmarkModel]) -> Iterator[OpenTarget]:
    """Opens this machine.

    Raises:
        InterpreterError: A model would take too much memory.
    """
    yield OpenTarget(target=HostTarget({model.name: model.data for model in models}), default_threads=1)


@contextmanager
def open_phone(
    adb: Adb, phone: Phone, models: Sequence[BenchmarkModel], wishes: Wishes, progress: ProgressReporter
) -> Iterator[OpenTarget]:
    """Brings everything to a phone, and takes it away at the end, whatever happens.

    Args:
        adb: Adb.
        phone: The phone.
        models: The models.
        wishes: What the user wants.
        progress: Who listens.

    Raises:
        PhoneBusyError: Another process measures on it.
        PhoneNotReadyError: Battery, power saver or space speak against measuring.
        ToolUnfitError: The tool does not run there.
        AppMissingError: The app is not there.
        PhoneLostError: It vanished or does not answer.
        PhoneRefusedError: It refused what it should be able to do.
    """
    connection, notes, unrestored = Connection(adb=adb, serial=phone.serial), list[str](), list[str]()
    with cleaned_up() as stack:
        stack.enter_context(_unrestored_told(phone.serial, unrestored, notes))
        with progress.stage(f"look at {phone.serial}"):
            facts = read_facts(connection)
            key = facts.hardware_serial or phone.serial
            stack.enter_context(phone_lock(key, serial=phone.serial))
            unrestored += put_kept_settings_back(connection, key=key)
            stack.callback(keep_settings, key, unrestored)
            condition = read_condition(connection)
        notes += _check_ready(facts, condition, models, force=wishes.force)
        notes += capped_cores(condition, facts.cores)
        if facts.sdk is not None:
            stack.enter_context(screen_on(connection, was_awake=condition.awake, unrestored=unrestored))
        if wishes.fixed_performance:
            stack.enter_context(fixed_performance(connection, unrestored=unrestored))
            notes.append("the clocks are held steady below their peak: latencies are not the best this phone can do")
        folder = stack.enter_context(private_folder(connection))
        target = _furnish(folder, facts, models, wishes, progress)
        yield OpenTarget(
            target=target,
            default_threads=default_threads(facts.cores),
            about={"settings": wishes.settings, "force": wishes.force, "adb": adb.version()},
            force=wishes.force,
            notes=notes,
        )


def _furnish(
    folder: PrivateFolder,
    facts: PhoneFacts,
    models: Sequence[BenchmarkModel],
    wishes: Wishes,
    progress: ProgressReporter,
) -> Target:
    """Brings the models, and the tool if it is to run them, to a phone."""
    connection = folder.connection
    if wishes.via == "app":
        with _benchmark_model_offered():
            version = app_version(connection)
        places = _push_models(folder, facts, models, progress)
        return AppTarget(
            connection,
            facts,
            version=version,
            models={
                model.name: ModelOnPhone(folder=folder.path, name=places[model.name], sha256=model.sha256)
                for model in models
            },
        )
    program, origin = _find_tool(facts, wishes, progress)
    with progress.stage(f"bring benchmark_model to {facts.name}"):
        tool = install_tool(folder, program, abi=", ".join(facts.abis), extra=wishes.tool_arguments, origin=origin)
    check_able(tool.abilities, delegates=wishes.delegates, profile=wishes.profile, extra=wishes.tool_arguments)
    places = _push_models(folder, facts, models, progress)
    paths = {name: f"{folder.path}/{place}" for name, place in places.items()}
    return PhoneTarget(folder, facts, tool=tool, models=paths)


@contextmanager
def _benchmark_model_offered() -> Iterator[None]:
    """Names the other way to measure where the app is missing."""
    try:
        yield
    except AppMissingError as error:
        error.hint = f"{error.hint}; or leave out --via app to use benchmark_model"
        raise


def _push_models(
    folder: PrivateFolder, facts: PhoneFacts, models: Sequence[BenchmarkModel], progress: ProgressReporter
) -> dict[str, str]:
    """Gives the names that the models have on the phone."""
    places = {model.name: f"model-{number}.tflite" for number, model in enumerate(models)}
    with progress.stage(f"bring {counted(len(models), 'model')} to {facts.name}") as advance:
        for number, model in enumerate(models):
            advance(number, len(models))
            folder.push(model.data, places[model.name])
    return places


def _find_tool(facts: PhoneFacts, wishes: Wishes, progress: ProgressReporter) -> tuple[Path, dict[str, Any]]:
    if wishes.tool is not None:
        return wishes.tool, {"file": wishes.tool.name, "sha256": sha256_of_file(wishes.tool)}
    abi = facts.abis[0] if facts.abis else "unknown"
    with progress.stage(f"get benchmark_model for {abi}") as advance:
        fetched = fetch_tool(abi, android=facts.sdk is not None, progress=advance)
    return fetched.path, fetched.to_json()


def _check_ready(
    facts: PhoneFacts, condition: Condition, models: Sequence[BenchmarkModel], *, force: bool
) -> tuple[str, ...]:
    """Gives a note for each objection that the user puts aside; heat is waited for later."""
    needed_bytes = sum(len(model.data) for model in models) + _SPARE_BYTES
    ready = readiness(facts, condition, needed_bytes=needed_bytes)
    found = tuple(objection for objection in objections(ready) if not objection.waits)
    if found and not force:
        raise PhoneNotReadyError(
            serial=facts.serial,
            objections=(objection.problem for objection in found),
            remedies=(objection.remedy for objection in found),
        )
    return tuple(f"measured although {objection.problem}" for objection in found)


@contextmanager
def _unrestored_told(serial: str, unrestored: Sequence[str], notes: list[str]) -> Iterator[None]:
    """Tells in the end what could not be put back: in a note, and with the error, which may be all that is shown."""
    try:
        yield
    except MobileDeployError as error:
        error.hint = "; ".join((error.hint, *(_unrestored_note(serial, command) for command in unrestored)))
        raise
    finally:
        notes.extend(_unrestored_note(serial, command) for command in unrestored)


def _unrestored_note(serial: str, command: str) -> str:
    on_phone = f"adb -s {shlex.quote(serial)} shell {command}"
    return printable(f"a setting could not be put back; the next benchmark on this phone does it, or run: {on_phone}")
