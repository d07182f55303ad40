"""What a step may know beside the execution: the domain's types and the limits; and small words of its handlers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flowd.history import Event
from flowd.payload import Payload
from flowd.swf.draft import Draft
from flowd.swf.registration import Key, RegisteredType
from flowd.swf.rules import Limits


@dataclass(frozen=True)
class World:
    """The types of one domain, as they are now, and the service's limits."""

    types: Mapping[Key, RegisteredType]
    limits: Limits


#: Handles news; False if it is stale.
Handler = Callable[[Draft, Event, World], bool]
#: Carries out one decision of a batch whose DecisionTaskCompleted has this id; True if the decider must hear of it.
Deciding = Callable[[Draft, Mapping[str, Any], int, World], bool]


def data(value: str | Payload | None) -> Payload | None:
    """Opaque data of a client, kept as it is."""
    return Payload(text=value) if isinstance(value, str) else value


def type_of(name: str, version: str) -> dict[str, str]:
    """A type as events and answers name it."""
    return {"name": name, "version": version}
