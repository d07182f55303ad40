"""One call of a table: what is asked of which service, and what shall come of it. Values only; who calls is elsewhere.

Members are those of AWS's model, bytes for blobs, `At` for points in time. A text `<name>` stands for what an earlier
row has kept under that name, also within a longer text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

_PLACE: Final = re.compile(r"<([a-z_]+)>")


@dataclass(frozen=True)
class At:
    """A point in time, in seconds since the epoch."""

    seconds: float


@dataclass(frozen=True)
class Row:
    """`fault` is the name of the error that must come, "" for none; `until` a JMESPath expression that holds for the
    answer sooner or later; `keep` names parts of the answer. `stranger`: signed with a key that nobody has."""

    service: str
    operation: str
    members: Mapping[str, Any]
    fault: str = ""
    until: str = ""
    keep: Mapping[str, str] = field(default_factory=dict)
    stranger: bool = False

    def filled(self, kept: Mapping[str, str]) -> dict[str, Any]:
        """The members as they are sent."""
        return {name: _filled(value, kept) for name, value in self.members.items()}


@dataclass(frozen=True)
class Calls:
    """Makes the rows of one service."""

    service: str

    def good(self, operation: str, members: Mapping[str, Any] | None = None, until: str = "", **keep: str) -> Row:
        return Row(self.service, operation, members or {}, until=until, keep=keep)

    def bad(self, operation: str, fault: str, **members: Any) -> Row:
        return Row(self.service, operation, members, fault)

    def strange(self, operation: str, fault: str = "UnrecognizedClientException", **members: Any) -> Row:
        """Of an operation that nothing but the sender can be wrong with."""
        return Row(self.service, operation, members, fault, stranger=True)


def _filled(value: Any, kept: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _PLACE.sub(lambda found: kept[found[1]], value)
    if isinstance(value, Mapping):
        return {name: _filled(inner, kept) for name, inner in value.items()}
    return [_filled(inner, kept) for inner in value] if isinstance(value, list) else value
