"""The sample app on a phone as a place where models are timed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mobile_deploy.device.app_conversation import GRACE_S, AppConversation, SharedFiles
from mobile_deploy.device.app_measuring import measuring_request, parse_measurement
from mobile_deploy.device.app_protocol import PACKAGE
from mobile_deploy.device.condition import read_condition
from mobile_deploy.device.connection import Connection
from mobile_deploy.device.deadline import longest_s
from mobile_deploy.device.facts import PhoneFacts
from mobile_deploy.device.measurement import Clock, Condition, Measurement, RunRequest
from mobile_deploy.device.settings import keep_awake
from mobile_deploy.errors import BadOptionError


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOnPhone:
    """A model that was brought to a phone.

    Attributes:
        folder: Folder of our own that it lies in, such as "/data/local/tmp/mobile-deploy-1f".
        name: Its name there, such as "model-0.tflite".
        sha256: Its hash.
    """

    folder: str
    name: str
    sha256: str

    @property
    def path(self) -> str:
        """Its path on the phone."""
        return f"{self.folder}/{self.name}"


def check_app_offers(*, profile: bool = False) -> None:
    """Refuses what the app cannot measure.

    Raises:
        BadOptionError: The time by operator was asked for.
    """
    if profile:
        raise BadOptionError(
            option="--profile", problem="the app gives no time by operator", hint="leave out --via app to measure it"
        )


class AppTarget:
    """The sample app on a phone.

    Args:
        connection: The phone.
        facts: What the phone is.
        version: The app's version, as `app_version` tells.
        models: The models by name; they are on the phone already.
        clock: The time that passes while the app works.
        grace_s: How long a run may take beyond its two phases in seconds.
    """

    def __init__(
        self,
        connection: Connection,
        facts: PhoneFacts,
        *,
        version: str,
        models: Mapping[str, ModelOnPhone],
        clock: Clock | None = None,
        grace_s: float = GRACE_S,
    ) -> None:
        self._connection = connection
        self._facts = facts
        self._version = version
        self._models = dict(models)
        self._conversation = AppConversation(connection, version=version, clock=clock, grace_s=grace_s)
        self._runtime = ""

    @property
    def name(self) -> str:
        """What people call the phone."""
        return self._facts.name

    def cores(self, threads: int) -> tuple[int, ...]:
        """Gives nothing: Android chooses the cores of an app."""
        return ()

    def condition(self) -> Condition:
        """Says how the phone is now, and switches its screen on again if that went off."""
        condition = read_condition(self._connection)
        keep_awake(self._connection, condition)
        return condition

    def to_json(self) -> dict[str, Any]:
        """Gives what identifies the phone, the app and, after the first run, the runtime in it."""
        return {
            "kind": "app",
            "name": self.name,
            "system": self._facts.system,
            "runtime": f"{self._runtime or 'unknown'} in the app",
            **self._facts.to_json(),
            "app": {"package": PACKAGE, "version": self._version},
        }

    def run(self, request: RunRequest) -> Measurement:
        """Starts the app, waits for its answer and ends it.

        Raises:
            AppMissingError: The app, or the activity that answers, is not on the phone.
            BadOptionError: The app cannot measure what was asked for.
            PhoneLostError: The phone vanished or does not answer.
            RunFailedError: The app failed, ended without an answer, or gave one that is no result.
            RunTimedOutError: There was no answer in time.
        """
        check_app_offers(profile=request.kind == "profile")
        model = self._models[request.configuration.model]
        said = self._conversation.ask(
            measuring_request(request, path=model.path, sha256=model.sha256),
            what=request.configuration,
            shared=SharedFiles(folder=model.folder, names=(model.name,)),
            least_s=request.warmup_seconds + request.seconds,
            most_s=longest_s(request),
        )
        measurement, self._runtime = parse_measurement(said, what=request.configuration, sha256=model.sha256)
        return measurement
