"""Members that requests share, checked: names of tables, choices, numbers. What the model of the service demands."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from flowd.services.dynamodb.errors import constraint, invalid, no_such_table
from flowd.services.dynamodb.tables import Table, Tables

_NAME: Final = re.compile(r"[a-zA-Z0-9_.-]+")
_ARN: Final = re.compile(r"arn:aws[a-z-]*:dynamodb:[a-z0-9-]+:\d{12}:table/(.+)")
CAPACITY: Final = ("INDEXES", "TOTAL", "NONE")
METRICS: Final = ("SIZE", "NONE")
SHOWN: Final = ("ALL_OLD", "NONE")


def lowered(member: str) -> str:
    """As refusals spell it."""
    return member[:1].lower() + member[1:]


def required(members: Mapping[str, Any], name: str) -> Any:
    value = members.get(name)
    if value is None:
        raise constraint(None, lowered(name), "not be null")
    return value


def table_name(members: Mapping[str, Any], member: str = "TableName") -> str:
    """The name of a table, which may be given as its ARN."""
    return checked_name(required(members, member), lowered(member))


def checked_name(said: str, place: str) -> str:
    arn = _ARN.fullmatch(said)
    name = arn.group(1) if arn else said
    if not _NAME.fullmatch(name):
        raise constraint(said, place, "satisfy regular expression pattern: [a-zA-Z0-9_.-]+")
    return name


def new_table_name(members: Mapping[str, Any]) -> str:
    name: str = table_name(members)
    if not 3 <= len(name) <= 255:
        raise invalid("TableName must be at least 3 characters long and at most 255 characters long")
    return name


def table(tables: Tables, members: Mapping[str, Any]) -> Table:
    """The table of a request about items."""
    found = tables.table(table_name(members))
    if found is None:
        raise no_such_table()
    return found


def index_name(said: str, place: str = "indexName") -> str:
    """A name that an index may have (API reference, GlobalSecondaryIndex)."""
    if not 3 <= len(said) <= 255:
        end = "greater than or equal to 3" if len(said) < 3 else "less than or equal to 255"
        raise constraint(said, place, f"have length {end}")
    if not _NAME.fullmatch(said):
        raise constraint(said, place, "satisfy regular expression pattern: [a-zA-Z0-9_.-]+")
    return said


def choice(members: Mapping[str, Any], name: str, allowed: Sequence[str], otherwise: str) -> str:
    """A member with a few values."""
    value: str = members.get(name) or otherwise
    if value not in allowed:
        raise constraint(value, lowered(name), f"satisfy enum value set: [{', '.join(allowed)}]")
    return value


def whole(members: Mapping[str, Any], name: str, least: int, most: int | None = None) -> int | None:
    value: int | None = members.get(name)
    if value is None:
        return None
    if value < least:
        raise constraint(value, lowered(name), f"have value greater than or equal to {least}")
    if most is not None and value > most:
        raise constraint(value, lowered(name), f"have value less than or equal to {most}")
    return value


def entries(members: Mapping[str, Any], name: str, most: int) -> Any:
    """A list or map with at least one member."""
    value = required(members, name)
    if not value:
        raise constraint(value, lowered(name), "have length greater than or equal to 1")
    if len(value) > most:
        raise constraint(value, lowered(name), f"have length less than or equal to {most}")
    return value
