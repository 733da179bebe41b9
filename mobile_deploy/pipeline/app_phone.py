"""The phone that the sample app runs on, held for the time of one command, and the bundles that go there."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from mobile_deploy.bundle import Bundle
from mobile_deploy.device.adb import await_phones, find_adb
from mobile_deploy.device.app_conversation import AppConversation, app_version
from mobile_deploy.device.condition import read_condition
from mobile_deploy.device.connection import Connection
from mobile_deploy.device.facts import hardware_serial
from mobile_deploy.device.failures import SeveralPhonesError
from mobile_deploy.device.lock import phone_lock
from mobile_deploy.device.measurement import Clock, SystemClock
from mobile_deploy.device.phones import choose_phones
from mobile_deploy.device.settings import keep_awake
from mobile_deploy.errors import UnreadableFileError, printable
from mobile_deploy.pipeline.progress import ProgressReporter
from mobile_deploy.pipeline.sources import find_sidecar


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPhone:
    """A phone that no other command of this user works with meanwhile.

    Attributes:
        connection: The phone.
        notes: What the user should know, one sentence each.
    """

    connection: Connection
    notes: tuple[str, ...] = ()

    @property
    def serial(self) -> str:
        """What adb calls it, made fit for a terminal."""
        return printable(self.connection.serial)


def find_bundle(path: Path) -> Bundle:
    """Opens a bundle by its folder or by the .tflite in it.

    Raises:
        UnreadableFileError: It is no bundle.
        BundleChangedError: A file of it changed.
    """
    bundle = find_sidecar(path)
    if bundle is None:
        hint = "name a bundle folder that mobile-deploy export wrote"
        raise UnreadableFileError(path=path, problem="it lies in no bundle", hint=hint)
    return bundle


@contextmanager
def held_phone(serial: str | None, *, clock: Clock | None, progress: ProgressReporter) -> Iterator[HeldPhone]:
    """Finds the phone that is meant and holds it.

    Args:
        serial: The one that was named; None for the only usable one.
        clock: The time that is waited by; the system's if None.
        progress: Who listens.

    Raises:
        AdbMissingError: There is no adb, or its server cannot be reached.
        NoPhoneError: No phone is connected, or not the named one.
        PhoneBusyError: Another command works with it.
        PhoneNotUsableError: It is not usable as it is.
        SeveralPhonesError: Several are connected and none was named.
    """
    with progress.stage("look for the phone"):
        adb = replace(find_adb(), stop=threading.Event())
        note = adb.start_server()
        try:
            (phone,) = choose_phones(await_phones(adb, clock=clock or SystemClock()), serial=serial)
        except SeveralPhonesError as error:
            error.hint = "name one with -s SERIAL"
            raise
        connection = Connection(adb=adb, serial=phone.serial)
        key = hardware_serial(connection) or phone.serial
    with phone_lock(key, serial=phone.serial):
        yield HeldPhone(connection=connection, notes=tuple(map(printable, filter(None, (note,)))))


def awake_app(phone: HeldPhone, *, clock: Clock | None) -> tuple[AppConversation, str]:
    """Wakes a phone's screen, behind which apps are not run, and finds the sample app.

    Returns:
        The app, and its version; "" where the phone does not tell.

    Raises:
        AppMissingError: The app is not there.
        PhoneLostError: The phone vanished or does not answer.
    """
    version = app_version(phone.connection)
    keep_awake(phone.connection, read_condition(phone.connection))
    return AppConversation(phone.connection, version=version, clock=clock), version
