"""What a SAM template means here: machines, functions, schedules, and what of it is not supported. Values only."""

from __future__ import annotations

from typing import Literal

import msgspec

from flowd.functions import FunctionSpec
from flowd.sam.document import Mark
from flowd.sam.schedules import SamSchedule

Severity = Literal["ERROR", "WARNING"]
MachineType = Literal["STANDARD", "EXPRESS"]

INVALID = "INVALID_TEMPLATE"
UNSUPPORTED = "NOT_SUPPORTED"


class Problem(msgspec.Struct, frozen=True):
    """One finding in a template. `resource` is a logical id, or empty; line and column count from 1."""

    severity: Severity
    resource: str
    message: str
    line: int = 1
    column: int = 1
    code: str = INVALID


class SamMachine(msgspec.Struct, frozen=True, kw_only=True):
    """A machine of a template. Its definition is either in `definition_text` or in the file `definition_path`."""

    name: str
    resource: str  # its logical id
    type: MachineType = "STANDARD"
    definition_text: str | None = None  # JSON (or the text of DefinitionString), intrinsics and substitutions done
    definition_path: str | None = None  # as the template writes it, relative to the template's folder
    substitutions: dict[str, str] = {}  # for the text of `definition_path`
    line: int = 1
    column: int = 1
    marks: dict[str, Mark] = {}  # location as diagnostics name it (`/States/X/Next`) -> place in the template

    def locate(self, location: str | None) -> Mark:
        """Where in the template a location of an inline definition stands; the machine itself if that is not known."""
        text = location or ""
        while text and text not in self.marks:
            text = text[: max(text.rfind("/"), text.rfind("["), 0)]
        return self.marks.get(text, Mark(self.line, self.column))


class Project(msgspec.Struct, frozen=True, kw_only=True):
    """The whole of a template."""

    machines: tuple[SamMachine, ...] = ()
    refused: tuple[str, ...] = ()  # names of machines that the template has, but that cannot be loaded as it stands
    functions: tuple[FunctionSpec, ...] = ()
    refused_functions: tuple[str, ...] = ()  # as `refused`, for functions
    schedules: tuple[SamSchedule, ...] = ()
    activities: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    #: False when it cannot be told what the template contains: it is no YAML, or the name of a machine is not known.
    complete: bool = True
