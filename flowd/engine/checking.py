"""Before a definition is put in force: is it right, and can it run here? Off the loop when it is large.

AWS's checks come first (`asl.validate`), then our own compiler, which knows what is not built yet.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

import msgspec

from flowd.asl.diagnostics import Diagnostic, errors
from flowd.asl.model import DefinitionError, StateMachine
from flowd.asl.parse import parse
from flowd.asl.positions import Document, load
from flowd.asl.validate import invalid_definition_message, validate
from flowd.decisions import Pattern
from flowd.errors import InvalidDefinition

Refuse = Callable[[str, str, Pattern], str | None]
LARGE = 32 * 1024  # characters; what is larger is checked in a thread


@dataclass(frozen=True)
class Checked:
    """A definition's JSON text, what was said about it, and the compiled machine if there was no error."""

    text: str
    diagnostics: tuple[Diagnostic, ...] = ()
    machine: StateMachine | None = None

    @property
    def activities(self) -> list[str]:
        """ARNs of the activities it names."""
        return list(self.machine.activities) if self.machine is not None else []

    def or_raise(self) -> Checked:
        """This one, or InvalidDefinition in AWS's words."""
        if self.machine is None:
            raise InvalidDefinition(invalid_definition_message(list(self.diagnostics)))
        return self


async def check(text: str, type: str, refuse: Refuse) -> Checked:
    """Check a JSON definition."""
    if len(text) > LARGE:
        return await asyncio.to_thread(check_now, text, type, refuse)
    return check_now(text, type, refuse)


async def check_file(text: str, type: str, refuse: Refuse, yaml: bool) -> Checked:
    """Check a definition as a file has it; diagnostics carry the file's line and column."""
    return await asyncio.to_thread(_check_file, text, type, refuse, yaml)


def check_now(text: str, type: str, refuse: Refuse) -> Checked:
    found = validate(text, type=type, resources=lambda service, action, pattern, _: refuse(service, action, pattern))
    if errors(found):
        return Checked(text, tuple(found))
    try:
        return Checked(text, tuple(found), parse(text))
    except DefinitionError as error:
        location = error.location or "/"
        return Checked(text, (*found, Diagnostic("ERROR", "SCHEMA_VALIDATION_FAILED", error.reason, location)))


def _check_file(text: str, type: str, refuse: Refuse, yaml: bool) -> Checked:
    loaded = load(text, yaml)
    if isinstance(loaded, Diagnostic):
        return Checked(text, (loaded,))
    checked = check_now(loaded.json, type, refuse)
    return replace(checked, diagnostics=tuple(_placed(each, loaded) for each in checked.diagnostics))


def _placed(diagnostic: Diagnostic, document: Document) -> Diagnostic:
    if diagnostic.line:
        return diagnostic
    line, column = document.place(diagnostic.location)
    return msgspec.structs.replace(diagnostic, line=line, column=column)
