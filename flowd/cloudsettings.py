"""The sections [services], [aws] and [mocks] of the settings: where calls of AWS's services go. Pure; opens nothing.

[services]
rekognition = "aws"       # passed through
glue = "mock"             # answered from the mock file

[mocks]
file = "MockConfigFile.json"
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from flowd.errors import ConfigError
from flowd.names import ENDPOINTS

HERE: Final = "here"
OFF: Final = "off"
MOCK: Final = "mock"
AWS: Final = "aws"


@dataclass(frozen=True, slots=True)
class CloudSettings:
    """Which of AWS's services are not the daemon's own: "off", "mock", "aws", or the URL of who speaks as AWS does."""

    services: Mapping[str, str] = field(default_factory=dict)
    profile: str | None = None  # of ~/.aws, for credentials and region; None: the SDK's own search
    region: str | None = None
    mocks: Path | None = None  # what answers for services on "mock"

    @property
    def remote(self) -> dict[str, str]:
        """Where calls are passed through, by service."""
        return {name: place for name, place in self.services.items() if place not in (HERE, OFF, MOCK)}

    @property
    def mocked(self) -> frozenset[str]:
        """The services whose Tasks are answered from the mock file."""
        return frozenset(name for name, place in self.services.items() if place == MOCK)

    def endpoints(self, url: str) -> dict[str, str]:
        """What SDKs read to find the services that this daemon serves at `url`.

        Some calls go to another host unless that is turned off: StartSyncExecution and TestState to `sync-HOST`, which
        nobody knows here (SDKs and tools reference, "Host prefix injection").
        """
        found = {f"AWS_ENDPOINT_URL_{id}": url for name, id in ENDPOINTS.items() if self.serves(name)}
        return {**found, "AWS_DISABLE_HOST_PREFIX_INJECTION": "true"} if found else found

    def serves(self, service: str) -> bool:
        """True if SDKs are to ask this daemon. A mock answers Tasks only, and no reason to send SDKs to AWS."""
        return self.services.get(service, HERE) in (HERE, MOCK)


def read(services: Mapping[str, str], aws: Mapping[str, Any], mocks: Path | None, where: str) -> CloudSettings:
    """From the members of the sections; `where` names the file. Raises ConfigError, which names the setting."""
    for name, place in services.items():
        if place not in (HERE, OFF, MOCK, AWS) and not place.startswith(("http://", "https://")):
            raise ConfigError(f'{where}: [services] {name} must be "here", "off", "mock", "aws" or a URL')
        if name in ("stepfunctions", "swf"):
            raise ConfigError(f"{where}: [services] {name} must be left out: it is what flowd is")
    for name in ("profile", "region"):
        if not isinstance(aws.get(name, ""), str):
            raise ConfigError(f"{where}: [aws] {name} must be text in quotes")
    return CloudSettings(services, aws.get("profile") or None, aws.get("region") or None, mocks)
