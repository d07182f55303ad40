"""What a SAM template means here: machines, functions, schedules, and what of it is not supported. Values only."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from flowd.functions import FunctionSpec
from flowd.routes import Route
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


class Step(msgspec.Struct, frozen=True):
    """One call of an embedded service, which may be made again. `fine`: errors that say that it was made before.

    `takes`: members that are taken from the answer before, by that answer's names.
    """

    service: str
    operation: str
    members: dict[str, Any]
    fine: tuple[str, ...] = ()
    takes: dict[str, str] = {}


class SamResource(msgspec.Struct, frozen=True, kw_only=True):
    """Something that the embedded services hold, and the calls that make it so."""

    name: str  # what the service calls it
    resource: str  # its logical id, with `/EVENT` behind it for what an event of it needs
    type: str
    steps: tuple[Step, ...]
    undo: tuple[Step, ...] = ()  # when its line is gone; nothing for what holds data, which stays
    source: str
    line: int = 0


class SamSource(msgspec.Struct, frozen=True, kw_only=True):
    """A queue whose messages, or a stream whose records, a function is called with (an event source mapping), or which
    a pipe brings to a function or machine."""

    name: str
    arn: str  # of the queue or stream
    function: str
    batch_size: int = 10
    window_s: int = 0  # how long a batch may be waited for
    partial: bool = False  # the function says what failed
    filters: tuple[str, ...] = ()  # patterns, of which one must fit
    at_once: int = 0  # how many batches of a queue may be worked on; 0 = as many as there may be
    enabled: bool = True
    source: str = ""
    line: int = 0
    target: str = ""  # of a pipe: the ARN of its function or machine; `function` is the name
    # Of streams:
    latest: bool = False  # it begins with what comes, not with what is there
    retries: int = -1  # -1 = as long as the record is kept
    oldest_s: int = -1  # records that are older are given up; -1 = none
    bisect: bool = False  # a batch that failed is tried again in halves
    failed_to: str = ""  # the ARN of a queue or topic that is told of what was given up

    @property
    def service(self) -> str:
        """`sqs` or `dynamodb`."""
        return self.arn.split(":")[2]

    @property
    def key(self) -> str:
        """What tells it from all others."""
        return f"{self.source}#{self.name}"

    @property
    def pair(self) -> tuple[str, str, str]:
        """What calls what, whatever region and account its ARN says."""
        return self.service, self.arn.split(":", 5)[-1], self.function

    def event(self, records: list[dict[str, Any]]) -> Any:
        """What the target gets: pipes send the records bare."""
        return records if self.target else {"Records": records}


class SamTaskDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """A family of a template."""

    name: str
    resource: str  # its logical id
    members: dict[str, Any]
    line: int = 1
    column: int = 1


Verdict = Literal["loaded", "made", "ignored", "refused", "unsupported", "absent"]


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """One resource of a template, and what becomes of it."""

    resource: str
    type: str
    name: str
    verdict: Verdict
    note: str = ""
    line: int = 0


class Project(msgspec.Struct, frozen=True, kw_only=True):
    """The whole of a template."""

    machines: tuple[SamMachine, ...] = ()
    refused: tuple[str, ...] = ()  # names of machines that the template has, but that cannot be loaded as it stands
    functions: tuple[FunctionSpec, ...] = ()
    refused_functions: tuple[str, ...] = ()  # as `refused`, for functions
    schedules: tuple[SamSchedule, ...] = ()
    activities: tuple[str, ...] = ()
    resources: tuple[SamResource, ...] = ()
    sources: tuple[SamSource, ...] = ()
    routes: tuple[Route, ...] = ()
    task_definitions: tuple[SamTaskDefinition, ...] = ()
    listing: tuple[Listed, ...] = ()
    problems: tuple[Problem, ...] = ()
    #: False when it cannot be told what the template contains: it is no YAML, or the name of a machine is not known.
    complete: bool = True
