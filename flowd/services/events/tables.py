"""What EventBridge needs of its tables: rows by their columns. `store` implements it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol


class Bus(Protocol):
    """An event bus of somebody's own; the default bus has no row."""

    name: str
    description: str
    tags: str
    created_ms: int
    changed_ms: int


class Rule(Protocol):
    """A rule of a bus. `pattern` is JSON text or "", `schedule` an expression or "", `due_ms` when it fires next."""

    id: int | None
    bus: str
    name: str
    pattern: str
    schedule: str
    due_ms: int | None
    enabled: bool
    description: str
    role: str
    owner: str  # who made it: "api", or the file of a template
    tags: str


class Target(Protocol):
    """A target of a rule; `body` is the API's Target as JSON."""

    rule_id: int
    name: str
    body: str


class Resource(Protocol):
    """A connection or an API destination; `body` holds its members as JSON, secrets too."""

    kind: str
    name: str
    body: str
    created_ms: int
    changed_ms: int


class Archived(Protocol):
    """An event of an archive."""

    id: int | None
    at_ms: int
    body: str


class Tables(Protocol):
    """The rows of one transaction. A row is changed by setting its columns."""

    def bus(self, name: str) -> Bus | None: ...

    def buses(self, prefix: str, after: str, limit: int) -> Sequence[Bus]: ...

    def add_bus(self, **columns: Any) -> Bus: ...

    def drop_bus(self, bus: Bus) -> None: ...

    def rule(self, bus: str, name: str) -> Rule | None: ...

    def rules(self, bus: str, prefix: str, after: str, limit: int) -> Sequence[Rule]:
        """By name."""
        ...

    def enabled_rules(self, bus: str) -> Sequence[Rule]:
        """Those that have a pattern."""
        ...

    def due_rules(self, now_ms: int) -> Sequence[Rule]:
        """Rules whose schedule has come."""
        ...

    def far_rules(self, of_ms: int) -> Sequence[Rule]:
        """Rules whose schedule comes after this point in time."""
        ...

    def next_rule_ms(self) -> int | None:
        """When the next rule's schedule comes."""
        ...

    def rules_to(self, bus: str, target: str) -> Sequence[Rule]:
        """The rules that have a target of this ARN."""
        ...

    def add_rule(self, **columns: Any) -> Rule: ...

    def drop_rule(self, rule: Rule) -> None: ...

    def targets(self, rule: Rule) -> Sequence[Target]: ...

    def put_target(self, rule: Rule, name: str, arn: str, body: str) -> None: ...

    def drop_target(self, rule: Rule, name: str) -> bool: ...

    def resource(self, kind: str, name: str) -> Resource | None: ...

    def resources(self, kind: str, prefix: str, after: str, limit: int) -> Sequence[Resource]: ...

    def add_resource(self, **columns: Any) -> Resource: ...

    def drop_resource(self, resource: Resource) -> None: ...

    def add_archived(self, archive: str, at_ms: int, body: str) -> None: ...

    def archived(self, archive: str, after: int, begin_ms: int, end_ms: int, limit: int) -> Sequence[Archived]:
        """Events of an archive behind an id, that came within a time, the oldest first."""
        ...

    def archived_size(self, archive: str) -> tuple[int, int]:
        """How many events, and how many bytes."""
        ...

    def drop_archived(self, archive: str, before_ms: int | None = None) -> None:
        """All events of an archive, or those that came before a time."""
        ...
