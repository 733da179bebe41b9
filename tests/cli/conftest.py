"""Fixtures of the tests whose commands speak with phones."""

from fakes.phone.real_adb import adb_server, fake_phone, own_adb

__all__ = ["adb_server", "fake_phone", "own_adb"]
