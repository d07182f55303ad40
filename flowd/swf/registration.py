"""Domains and types: what may be registered, deprecated, undeprecated and deleted, and what each refusal is called.

Values in, values out: the engine keeps the domains of the daemon in memory and writes what these rules return.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Literal, get_args

import msgspec

from flowd.errors import ValidationException
from flowd.swf import faults
from flowd.swf.rules import NONE, Limits, broken, check_duration, check_name, check_priority

REGISTERED, DEPRECATED = "REGISTERED", "DEPRECATED"
MOST_TAGS = 50
Kind = Literal["workflow", "activity"]
KINDS: Final[dict[str, Kind]] = {each: each for each in get_args(Kind)}  # by its text
Key = tuple[Kind, str, str]  # kind, name, version

#: Members of a type's defaults that hold a duration, and whether it may be NONE.
_DURATIONS = {
    "defaultTaskStartToCloseTimeout": True,
    "defaultTaskHeartbeatTimeout": True,
    "defaultTaskScheduleToStartTimeout": True,
    "defaultTaskScheduleToCloseTimeout": True,
    "defaultExecutionStartToCloseTimeout": False,
}
DEFAULTS: dict[Kind, tuple[str, ...]] = {
    "workflow": (
        "defaultTaskStartToCloseTimeout",
        "defaultExecutionStartToCloseTimeout",
        "defaultTaskList",
        "defaultTaskPriority",
        "defaultChildPolicy",
        "defaultLambdaRole",
    ),
    "activity": (
        "defaultTaskStartToCloseTimeout",
        "defaultTaskHeartbeatTimeout",
        "defaultTaskList",
        "defaultTaskPriority",
        "defaultTaskScheduleToStartTimeout",
        "defaultTaskScheduleToCloseTimeout",
    ),
}


class RegisteredType(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a workflow or activity. `defaults` by their wire names; a task list is its name."""

    kind: Kind
    name: str
    version: str
    created_ms: int
    description: str | None = None
    status: str = REGISTERED
    deprecated_ms: int = 0
    defaults: dict[str, str] = {}

    @property
    def key(self) -> Key:
        return self.kind, self.name, self.version

    @property
    def label(self) -> str:
        return type_label(self.key)


class Domain(msgspec.Struct, kw_only=True):
    """A name space with its types. `retention_days` 0: a history is deleted as soon as its execution closes."""

    id: int
    name: str
    created_ms: int
    retention_days: int
    description: str | None = None
    status: str = REGISTERED
    tags: dict[str, str] = {}
    types: dict[Key, RegisteredType] = {}

    def type(self, key: Key) -> RegisteredType:
        """The type, whatever its status; UnknownResourceFault if there is none."""
        found = self.types.get(key)
        if found is None:
            raise faults.UnknownResourceFault(f"Unknown type: {type_label(key)}")
        return found

    def refuse_deprecated(self) -> None:
        if self.status == DEPRECATED:
            raise faults.DomainDeprecatedFault(self.name)


def type_label(key: Key) -> str:
    """`WorkflowType=[name=N, version=V]`, as faults have it."""
    kind, name, version = key
    return f"{kind.capitalize()}Type=[name={name}, version={version}]"


# -- domains ------------------------------------------------------------------


def retention_days(text: str) -> int:
    """NONE and 0 mean that nothing is kept."""
    if text == NONE:
        return 0
    return int(check_duration(text, "workflowExecutionRetentionPeriodInDays", none=False, most=90))


def register_domain(
    known: Iterable[str], name: str, retention: str, description: str | None, tags: dict[str, str], limits: Limits
) -> Domain:
    """A new domain, without an id."""
    check_name(name, "name", trimmed=True)
    days = retention_days(retention)
    names = set(known)
    if name in names:
        raise faults.DomainAlreadyExistsFault(name)
    if len(names) >= limits.domains:
        raise faults.LimitExceededFault(f"there are {limits.domains} domains already, deprecated ones included")
    return Domain(
        id=0, name=name, created_ms=0, retention_days=days, description=description, tags=with_tags({}, tags), types={}
    )


def deprecate_domain(domain: Domain, now_ms: int) -> Domain:
    """Its types are deprecated with it; what is open goes on."""
    domain.refuse_deprecated()
    types = {key: _deprecated(each, now_ms) for key, each in domain.types.items()}
    return msgspec.structs.replace(domain, status=DEPRECATED, types=types)


def undeprecate_domain(domain: Domain) -> Domain:
    """The domain comes back, its types do not."""
    if domain.status == REGISTERED:
        raise faults.DomainAlreadyExistsFault(domain.name)
    return msgspec.structs.replace(domain, status=REGISTERED)


def with_tags(tags: dict[str, str], new: dict[str, str]) -> dict[str, str]:
    """All tags together."""
    merged = {**tags, **new}
    if len(merged) > MOST_TAGS:
        raise faults.TooManyTagsFault(f"a domain has at most {MOST_TAGS} tags")
    return merged


# -- types --------------------------------------------------------------------


def register_type(domain: Domain, wanted: RegisteredType, limits: Limits) -> RegisteredType:
    """The type if it may be registered."""
    domain.refuse_deprecated()
    check_name(wanted.name, "name")
    check_name(wanted.version, "version")
    for member, value in wanted.defaults.items():
        _check_default(member, value)
    if wanted.key in domain.types:
        raise faults.TypeAlreadyExistsFault(wanted.label)
    if sum(1 for kind, _, _ in domain.types if kind == wanted.kind) >= limits.types:
        raise faults.LimitExceededFault(f"the domain has {limits.types} {wanted.kind} types already")
    return wanted


def _check_default(member: str, value: str) -> None:
    if member in _DURATIONS:
        none = _DURATIONS[member]
        check_duration(value, member, none=none, least=0 if none else 1)
    elif member == "defaultTaskList":
        check_name(value, "defaultTaskList.name")
    elif member == "defaultTaskPriority":
        check_priority(value, member)


def deprecate_type(found: RegisteredType, now_ms: int) -> RegisteredType:
    """No new starts or schedules; open ones go on."""
    if found.status == DEPRECATED:
        raise faults.TypeDeprecatedFault(found.label)
    return _deprecated(found, now_ms)


def undeprecate_type(domain: Domain, found: RegisteredType) -> RegisteredType:
    domain.refuse_deprecated()
    if found.status == REGISTERED:
        raise faults.TypeAlreadyExistsFault(found.label)
    return msgspec.structs.replace(found, status=REGISTERED, deprecated_ms=0)


def check_deletable(found: RegisteredType) -> None:
    """Only what is deprecated can be deleted; its name and version are free again then."""
    if found.status == REGISTERED:
        raise faults.TypeNotDeprecatedFault


def _deprecated(found: RegisteredType, now_ms: int) -> RegisteredType:
    if found.status == DEPRECATED:
        return found
    return msgspec.structs.replace(found, status=DEPRECATED, deprecated_ms=now_ms)


def defaults_of(kind: Kind, members: dict[str, Any]) -> dict[str, str]:
    """The defaults among a registration's members."""
    found: dict[str, str] = {}
    for member in DEFAULTS[kind]:
        value = members.get(member)
        if isinstance(value, dict):
            value = value.get("name")
        if value is not None:
            found[member] = value
    return found


def check_status(value: str) -> str:
    """A registrationStatus of a list."""
    if value not in (REGISTERED, DEPRECATED):
        raise broken(value, "registrationStatus", f"Member must be {REGISTERED} or {DEPRECATED}")
    return value


def check_filters(filters: dict[str, Any]) -> None:
    """At most one of a list's filters (API reference of the four visibility operations)."""
    given = [name for name, value in filters.items() if value is not None]
    if len(given) > 1:
        raise ValidationException(f"Only one of {', '.join(filters)} may be given, not {' and '.join(given)}")
