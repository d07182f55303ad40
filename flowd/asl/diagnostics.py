"""What a check of a definition can say, and where: diagnostics with AWS's codes and locations.

Values only: no rule of the language lives here. Locations have AWS's form: `/States/X/Next`,
`/States/C/Choices[0]/Next`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

import msgspec

from flowd.decisions import Pattern

Severity = Literal["ERROR", "WARNING"]

# Codes of ValidateStateMachineDefinition (API reference, ValidateStateMachineDefinitionDiagnostic). The two JSONATA
# codes are not in that list; the service answers them all the same.
INVALID_JSON = "INVALID_JSON_DESCRIPTION"
SCHEMA = "SCHEMA_VALIDATION_FAILED"
INVALID_RESOURCE = "INVALID_RESOURCE"
MISSING_END = "MISSING_END_STATE"
MISSING_TARGET = "MISSING_TRANSITION_TARGET"
DUPLICATE_STATE = "DUPLICATE_STATE_NAME"
INVALID_STATE_NAME = "INVALID_STATE_NAME"
DUPLICATE_LABEL = "DUPLICATE_LABEL_NAME"
INVALID_LABEL = "INVALID_LABEL_NAME"
INVALID_VARIABLE = "INVALID_VARIABLE_NAME"
RESERVED_VARIABLE = "RESERVED_VARIABLE_NAME"
TOO_DEEP = "TOO_DEEPLY_NESTED"
INVALID_JSONATA = "INVALID_JSONATA_EXPRESSION"
UNSUPPORTED_JSONATA = "UNSUPPORTED_JSONATA_EXPRESSION"
NO_DOLLAR = "NO_DOLLAR"
NO_PATH = "NO_PATH"
PASS_RESULT_IS_STATIC = "PASS_RESULT_IS_STATIC"
ADVICE = "ADVICE"  # flowd's own: legal, but probably not what was meant


class Diagnostic(msgspec.Struct, frozen=True, omit_defaults=True):
    """One finding. `location` is absent where AWS gives none; `line` and `column` count from 1, 0 = not worked out.

    `why` is what AWS's words leave out; `flowd check` adds it, the API has no place for it.
    """

    severity: Severity
    code: str
    message: str
    location: str | None = None
    line: int = 0
    column: int = 0
    why: str = ""


# (service, action, pattern, resource ARN) -> why such a Task cannot be run here, or None; an UnknownName where AWS has
# no such thing either. The words are those of `resources.split_resource`: a function ARN is ("lambda", "invoke", ""),
# an activity ("activity", "", "").
ResourceCheck = Callable[[str, str, Pattern, str], str | None]


class Report:
    """Collects diagnostics in the order in which they are found."""

    def __init__(self) -> None:
        self.found: list[Diagnostic] = []

    def error(self, message: str, location: str | None, code: str = SCHEMA, why: str = "") -> None:
        self.found.append(Diagnostic("ERROR", code, message, location, why=why))

    def warn(self, message: str, location: str | None, code: str = ADVICE) -> None:
        self.found.append(Diagnostic("WARNING", code, message, location))


def at(location: str, *steps: str | int) -> str:
    """The location of a member (a name) or an element (a number) below another location; the machine itself is `/`."""
    text = "" if location == "/" else location
    for step in steps:
        text += f"[{step}]" if isinstance(step, int) else f"/{step}"
    return text or "/"


def errors(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Only what makes a definition unusable."""
    return [d for d in diagnostics if d.severity == "ERROR"]
