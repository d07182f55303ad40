"""What a Prompt object asks for: choices, schema, whom, when it is brought up again. Pure; daemon and console share it.

A Prompt that is not as it should be is taken as far as it goes: it was written by a definition, and the question must
reach somebody all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: Members of a schema's object that Choices are meant for, when there are several.
DECISIONS = ("decision", "choice", "answer", "action")


@dataclass(frozen=True)
class Reminder:
    """Bring it up again every `seconds`; after `times` of them it is assigned to `escalate_to`."""

    seconds: float
    times: int = 1
    escalate_to: str | None = None


def reminder_of(prompt: Any) -> Reminder | None:
    """`Reminder` is a number of seconds, or {"Seconds": 3600, "Times": 2, "EscalateTo": "boss"}."""
    given = prompt.get("Reminder") if isinstance(prompt, dict) else None
    if not isinstance(given, dict):
        given = {"Seconds": given}
    seconds, times, boss = _number(given.get("Seconds")), _number(given.get("Times")), given.get("EscalateTo")
    if not seconds > 0:
        return None
    return Reminder(seconds, max(1, int(times)), boss if isinstance(boss, str) and boss else None)


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0


def names_of(given: Any) -> list[str] | None:
    """The names in `Assignees` or `Groups`: a text is one name, of a list its texts count. None: it is neither."""
    if isinstance(given, str):
        return [given]
    return [name for name in given if isinstance(name, str)] if isinstance(given, list) else None


def misnamed(prompt: Mapping[str, Any]) -> list[str]:
    """Which of `Assignees` and `Groups` are not a name, a list of names or null, so that all or some of them do not
    count."""
    given = {name: prompt.get(name) for name in ("Assignees", "Groups")}
    return [name for name, names in given.items() if not isinstance(names, str) and names_of(names) != names]


def meant_for(listed: Mapping[str, Any]) -> list[str]:
    """Whom a prompt, as ListPrompts answers it, is meant for: users, and groups as `@ops`."""
    if listed.get("assignedTo"):
        return [listed["assignedTo"]]
    return [*(listed.get("assignees") or ()), *(f"@{name}" for name in listed.get("groups") or ())]


def waits_for_group(listed: Mapping[str, Any]) -> bool:
    """It is meant for a group of the one who asked for the list, and nobody works on it or was named instead."""
    return bool(listed.get("yourGroups")) and not (listed.get("claimedBy") or listed.get("assignedTo"))


def choices_of(choices: Any) -> list[Any]:
    """The choices as plain values; an object counts with its `Value`, else with its `Label`."""
    found = []
    for choice in choices if isinstance(choices, list) else []:
        if isinstance(choice, dict):
            low = {str(name).lower(): value for name, value in choice.items()}
            choice = low.get("value", low.get("label", choice))
        found.append(choice)
    return found


def limited(schema: dict[str, Any], choices: list[Any]) -> dict[str, Any]:
    """A schema whose Choices limit what they fit to: the whole answer, its only member, or the one named for it."""
    if not choices:
        return schema
    members = schema.get("properties")
    if not isinstance(members, dict) or not members:
        return schema if schema.get("type") in ("object", "array") else {**schema, "enum": choices}
    named = [name for name in members if name.lower() in DECISIONS]
    name = named[0] if named else next(iter(members)) if len(members) == 1 else ""
    member = members.get(name)
    if not isinstance(member, dict) or member.get("type", "string") != "string" or "enum" in member:
        return schema
    return {**schema, "properties": {**members, name: {**member, "enum": choices}}}


def wanted(prompt: Any) -> dict[str, Any] | bool:
    """The schema that an answer has to fit. Without one, and with Choices, it is one of these, alone or as
    `decision` beside a comment; without both, anything."""
    given = prompt.get("Schema") if isinstance(prompt, dict) else None
    choices = choices_of(prompt.get("Choices")) if isinstance(prompt, dict) else []
    if isinstance(given, bool):
        return given
    if isinstance(given, dict):
        return limited(given, choices)
    if not choices:
        return True
    decision = {"type": "object", "properties": {"decision": {"enum": choices}}, "required": ["decision"]}
    return {"if": {"type": "object"}, "then": decision, "else": {"enum": choices}}
