"""What a drop folder means at one moment, as values; and the port through which it is put in force. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

import msgspec

from flowd.asl.diagnostics import Diagnostic
from flowd.functions import FunctionSpec
from flowd.routes import Route
from flowd.sam.project import Listed, MachineType, SamMachine, SamResource, SamSource
from flowd.sam.schedules import SamSchedule

FileKind = Literal["machine", "function", "template", "taskDefinition", "python"]
FileStatus = Literal["loaded", "rejected", "removed", "ignored"]
Owner = Literal["file", "template"]

# Codes of ours, beside AWS's for definitions and the two of `sam.project` for templates.
UNREADABLE = "FILE_UNREADABLE"
NAME_INVALID = "NAME_INVALID"
NAME_TAKEN = "NAME_TAKEN"
FUNCTION_INVALID = "FUNCTION_INVALID"
NOT_BUILT = "NOT_BUILT"
TASK_DEFINITION_INVALID = "TASK_DEFINITION_INVALID"
FILTER_INVALID = "FILTER_INVALID"
IGNORED = "IGNORED"
MORE_FINDINGS = "MORE_FINDINGS"
NOT_STORED = "NOT_STORED"


class FileReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one file (ListFiles of the API). `path` is relative to the drop folder."""

    path: str
    kind: FileKind
    status: FileStatus
    name: str | None = None
    diagnostics: tuple[Diagnostic, ...] = ()
    updated_ms: int = 0


class MachineFile(msgspec.Struct, frozen=True, kw_only=True):
    """A machine to publish. `source` owns it (definition or template); `path` is the file its text stands in."""

    name: str
    type: MachineType
    text: str
    yaml: bool
    owner: Owner
    source: str
    path: str
    sam: SamMachine | None = None  # set for a definition that stands in its template: knows lines


class TaskDefinitionFile(msgspec.Struct, frozen=True, kw_only=True):
    """A family of ECS task definitions, as a file has it."""

    name: str  # the family
    members: dict[str, Any]
    folder: str
    source: str


class WorkflowFile(msgspec.Struct, frozen=True, kw_only=True):
    """A Python file with code-first workflows: its content hash, its workflows, and all texts that belong to it (paths
    below its own folder)."""

    path: str
    version: str
    names: tuple[str, ...]
    texts: dict[str, str]

    @property
    def name(self) -> str:
        return self.path

    @property
    def source(self) -> str:
        return self.path


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The whole folder.

    `names`: machines that some file still stands for, loaded or not: none of them is retired. `kept`: sources that say
    nothing at the moment (an unreadable template, a folder that may not be entered, with a trailing `/`): what they
    said last stays in force.
    """

    machines: tuple[MachineFile, ...] = ()
    functions: tuple[FunctionSpec, ...] = ()
    schedules: tuple[SamSchedule, ...] = ()
    workflows: tuple[WorkflowFile, ...] = ()
    task_definitions: tuple[TaskDefinitionFile, ...] = ()
    routes: tuple[Route, ...] = ()
    resources: tuple[SamResource, ...] = ()
    sources: tuple[SamSource, ...] = ()
    projects: dict[str, tuple[Listed, ...]] = {}  # by template: what it holds, and what becomes of it
    files: tuple[FileReport, ...] = ()
    names: frozenset[str] = frozenset()
    kept: frozenset[str] = frozenset()
    kept_functions: frozenset[str] = frozenset()  # functions that their template has, but that it gets wrong right now

    def keeps(self, source: str) -> bool:
        """True if what `source` said last stays in force."""
        return is_kept(source, self.kept)


class Registrar(Protocol):
    """The engine, as the drop folder sees it."""

    async def owned_machines(self) -> Mapping[str, str]:
        """Machines in force that belong to files or templates: name -> source. Those whose source is gone are retired,
        also after a restart."""
        ...

    async def publish_machine(
        self, name: str, definition_text: str, type: MachineType, source: str, owner: Owner, yaml: bool
    ) -> list[Diagnostic]:
        """Put a definition in force. The same definition, type and source again publishes nothing. With an ERROR among
        the diagnostics nothing has changed: the version before stays in force."""
        ...

    async def retire_machine(self, name: str, source: str) -> None:
        """Its file is gone: no further starts; executions go on."""
        ...

    async def set_functions(self, functions: Sequence[FunctionSpec]) -> None:
        """Exactly these functions exist."""
        ...

    async def set_schedules(self, schedules: Sequence[SamSchedule], kept: frozenset[str]) -> None:
        """Exactly these schedules exist, beside those for whose source `is_kept(source, kept)`, which stay as they are.
        A schedule's machine need not be in force."""
        ...

    async def set_projects(
        self, projects: Mapping[str, tuple[Listed, ...]], resources: Sequence[SamResource], kept: frozenset[str]
    ) -> bool:
        """Make what these templates want of the embedded services; False if something is to be tried again."""
        ...

    async def set_sources(self, sources: Sequence[SamSource]) -> None:
        """Exactly these queues call functions."""
        ...

    async def set_routes(self, routes: Sequence[Route]) -> None:
        """Exactly these routes come from templates."""
        ...

    async def set_task_definitions(self, definitions: Sequence[TaskDefinitionFile], kept: frozenset[str]) -> None:
        """Exactly these come from files, beside those of sources that say nothing now."""
        ...

    async def set_workflows(
        self, files: Sequence[WorkflowFile], kept: frozenset[str]
    ) -> Mapping[str, Sequence[Diagnostic]]:
        """Exactly these code-first files are in force, beside those `is_kept`; what is to be said of them by path. One
        with an ERROR keeps its last good version."""
        ...

    async def report(self, files: Sequence[FileReport]) -> None:
        """All files, after something about them has changed."""
        ...


def is_kept(source: str, kept: frozenset[str]) -> bool:
    """True if `source` is in `kept`, or below a folder (with a trailing `/`) that is."""
    return source in kept or any(source.startswith(each) for each in kept if each.endswith("/"))


def failed(diagnostics: Sequence[Diagnostic]) -> bool:
    """True if one of them is an ERROR."""
    return any(diagnostic.severity == "ERROR" for diagnostic in diagnostics)
