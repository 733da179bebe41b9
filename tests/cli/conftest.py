"""Fixtures of the tests whose commands speak with phones."""

from fakes.benchmark_faults import command, home_with_model, short_deadlines
from fakes.phone.real_adb import adb_server, fake_phone, own_adb

__all__ = ["adb_server", "command", "fake_phone", "home_with_model", "own_adb", "short_deadlines"]
