"""Lists the connected phones: what each is, how it is, and what to do about one that cannot be used."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from html import escape
from typing import Any

from mobile_deploy.device.adb import Adb, await_phones, find_adb
from mobile_deploy.device.condition import read_condition
from mobile_deploy.device.connection import Connection
from mobile_deploy.device.cores import Cluster, clusters
from mobile_deploy.device.facts import PhoneFacts, read_facts
from mobile_deploy.device.failures import NoPhoneError
from mobile_deploy.device.gates import objections, readiness
from mobile_deploy.device.measurement import Clock, Condition, SystemClock
from mobile_deploy.device.phones import Phone
from mobile_deploy.device.sections import one_line
from mobile_deploy.errors import MobileDeployError
from mobile_deploy.pipeline.progress import ProgressReporter, SilentProgress
from mobile_deploy.report.tables import Column, ResultTable


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A connected phone.

    Attributes:
        serial: Its serial number, cleaned for a terminal.
        state: "ready", "not ready" (it answers, and numbers taken now would not be believed), or as adb names it.
        facts: What it is; None for one that does not answer.
        condition: How it is; None likewise.
        remedies: What to do about it; none for one that is ready.
    """

    serial: str
    state: str
    facts: PhoneFacts | None
    condition: Condition | None
    remedies: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Gives it as JSON values."""
        return {
            "serial": self.serial,
            "state": self.state,
            "facts": None if self.facts is None else self.facts.to_json(),
            "condition": None if self.condition is None else asdict(self.condition),
            "remedies": list(self.remedies),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class DevicesResult:
    """The connected phones.

    Attributes:
        devices: In adb's order.
        notes: What the user should know, one sentence each.
    """

    devices: tuple[Device, ...]
    notes: tuple[str, ...] = ()

    @property
    def errors(self) -> tuple[MobileDeployError, ...]:
        """That there is no phone, where there is none."""
        return () if self.devices else (NoPhoneError(),)

    def table(self) -> ResultTable:
        """Gives one row for each phone."""
        columns = (
            Column(header="serial"),
            Column(header="model", folds=True),
            Column(header="chip", folds=True),
            Column(header="system", folds=True),
            Column(header="cores (GHz)", folds=True),
            Column(header="battery (%)", digits=0),
            Column(header="heat (°C)", digits=1),
            Column(header="state", folds=True),
        )
        return ResultTable(columns=columns, rows=tuple(map(_row, self.devices)))

    def remedies(self) -> tuple[str, ...]:
        """Gives what to do, one line for each phone that is not ready."""
        return tuple(f"{device.serial}: {'; '.join(device.remedies)}" for device in self.devices if device.remedies)

    def to_json(self) -> dict[str, Any]:
        """Gives it as JSON values."""
        return {"devices": [device.to_json() for device in self.devices], "notes": list(self.notes)}

    def _lines(self) -> tuple[str, ...]:
        """Gives what stands below the table."""
        missing = (f"{error.message}; {error.hint}" for error in self.errors)
        return (*(f"note: {note}" for note in self.notes), *self.remedies(), *missing)

    def __str__(self) -> str:
        return "\n".join((*((str(self.table()),) if self.devices else ()), *self._lines()))

    def _repr_html_(self) -> str:
        table = self.table()._repr_html_() if self.devices else ""
        return f"{table}<p>{'<br>'.join(map(escape, self._lines()))}</p>"


def list_devices(*, clock: Clock | None = None, progress: ProgressReporter | None = None) -> DevicesResult:
    """Lists the connected phones and asks each what it is and how it is.

    Args:
        clock: The time that is waited by for phones that are being connected; the system's if None.
        progress: Who listens; nobody if None.

    Raises:
        AdbMissingError: There is no adb, or its server cannot be reached.
        AdbTimeoutError: Adb does not answer.
    """
    progress = progress or SilentProgress()
    with progress.stage("ask adb for phones"):
        adb = find_adb()
        note = adb.start_server()
        phones = await_phones(adb, clock=clock or SystemClock())
    devices = []
    for phone in phones:
        with progress.stage(f"look at {one_line(phone.serial)}"):
            devices.append(_look_at(adb, phone))
    return DevicesResult(devices=tuple(devices), notes=tuple(filter(None, [note])))


def _look_at(adb: Adb, phone: Phone) -> Device:
    serial = one_line(phone.serial)
    if not phone.usable:
        return Device(serial=serial, state=one_line(phone.state), facts=None, condition=None, remedies=(phone.remedy,))
    connection = Connection(adb=adb, serial=phone.serial)
    try:
        facts, condition = read_facts(connection), read_condition(connection)
    except MobileDeployError as error:
        told = tuple(filter(None, (error.message, error.hint)))
        return Device(serial=serial, state="lost", facts=None, condition=None, remedies=told)
    found = objections(readiness(facts, condition))
    return Device(
        serial=serial,
        state="not ready" if found else "ready",
        facts=facts,
        condition=condition,
        remedies=tuple(f"{objection.problem}: {objection.remedy}" for objection in found),
    )


def _speed(cluster: Cluster) -> str:
    count = len(cluster.cores)
    return f"{count}x{cluster.max_khz / 1e6:.2f}" if cluster.max_khz else f"{count}x?"


def _row(device: Device) -> tuple[str | float | None, ...]:
    facts, condition = device.facts, device.condition
    if facts is None or condition is None:
        return (device.serial, None, None, None, None, None, None, device.state)
    return (
        device.serial,
        facts.name,
        facts.soc or facts.platform or None,
        ", ".join(filter(None, (facts.system, *facts.abis[:1]))) or None,
        ", ".join(map(_speed, clusters(facts.cores))) or None,
        condition.battery_percent,
        condition.hottest_c,
        device.state,
    )
