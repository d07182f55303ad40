"""The registrar: what the drop folder says is put in force, each kind of thing by the service that owns it.

Machines go to `machines`, functions to the function host (the runner), schedules to `schedules`, reports to the store.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

import msgspec

from flowd.asl.diagnostics import Diagnostic
from flowd.engine.dropfolder.snapshot import FileReport, Owner, TaskDefinitionFile, WorkflowFile, is_kept
from flowd.engine.schedules import Schedules
from flowd.functions import FunctionSpec
from flowd.routes import Route
from flowd.sam.project import Listed, MachineType, SamResource, SamSource
from flowd.sam.schedules import SamSchedule
from flowd.store import files, schema
from flowd.store.changes import Change
from flowd.store.database import Database
from flowd.store.schema_projects import ProjectResource


class FileMachines(Protocol):
    """What `machines` does for files."""

    async def owned_machines(self) -> Mapping[str, str]: ...

    async def publish_machine(
        self, name: str, definition_text: str, type: MachineType, source: str, owner: Owner, yaml: bool
    ) -> list[Diagnostic]: ...

    async def retire_machine(self, name: str, source: str) -> None: ...


class FunctionHost(Protocol):
    """Who runs functions."""

    async def register(self, specs: Sequence[FunctionSpec], environment: Mapping[str, str]) -> None: ...


class TaskDefinitions(Protocol):
    """Who keeps task definitions."""

    async def register(self, members: Mapping[str, Any], *, folder: str = "/", source: str = "") -> object: ...

    async def retire(self, keep: Callable[[str, str], bool]) -> object: ...


class WorkflowFiles(Protocol):
    """Who runs code-first workflow files."""

    async def set_files(
        self, files: Sequence[WorkflowFile], keeps: Callable[[str], bool]
    ) -> Mapping[str, Sequence[Diagnostic]]: ...


class ProjectHost(Protocol):
    """Who makes what templates want of the embedded services."""

    async def set_projects(
        self,
        projects: Mapping[str, Sequence[Listed]],
        resources: Sequence[SamResource],
        keeps: Callable[[str], bool],
    ) -> bool: ...

    async def every(self) -> list[ProjectResource]: ...


class SourceHost(Protocol):
    """Who calls functions with what lies in queues."""

    async def set_sources(self, sources: Sequence[SamSource]) -> None: ...


class Registrar:
    """The drop folder's port into the engine."""

    def __init__(
        self,
        db: Database,
        machines: FileMachines,
        schedules: Schedules,
        host: FunctionHost,
        environment: Mapping[str, str],
        task_definitions: TaskDefinitions | None = None,
        code: WorkflowFiles | None = None,
        projects: ProjectHost | None = None,
        sources: SourceHost | None = None,
    ) -> None:
        self._projects = projects
        self.on_routes: Callable[[Sequence[Route]], object] = lambda routes: None
        self._sources = sources
        self._code = code
        self._task_definitions = task_definitions
        self._db = db
        self._machines = machines
        self._schedules = schedules
        self._host = host
        self.environment = dict(environment)
        self.functions: tuple[FunctionSpec, ...] = ()
        self._reported: dict[str, FileReport] | None = None  # what the store has, once it was written by this daemon

    async def owned_machines(self) -> Mapping[str, str]:
        return await self._machines.owned_machines()

    async def publish_machine(
        self, name: str, definition_text: str, type: MachineType, source: str, owner: Owner, yaml: bool
    ) -> list[Diagnostic]:
        return await self._machines.publish_machine(name, definition_text, type, source, owner, yaml)

    async def retire_machine(self, name: str, source: str) -> None:
        await self._machines.retire_machine(name, source)

    async def set_functions(self, functions: Sequence[FunctionSpec]) -> None:
        """Exactly these functions exist; the runner is told, now or when it is back."""
        self.functions = tuple(functions)
        await self._host.register(self.functions, self.environment)

    async def set_schedules(self, schedules: Sequence[SamSchedule], kept: frozenset[str]) -> None:
        """Exactly these schedules exist, beside those of sources that say nothing now."""
        await self._schedules.set_schedules(schedules, lambda source: is_kept(source, kept))

    async def set_projects(
        self, projects: Mapping[str, Sequence[Listed]], resources: Sequence[SamResource], kept: frozenset[str]
    ) -> bool:
        """Make what these templates want; False if something is to be tried again."""
        if self._projects is None:
            return True
        return await self._projects.set_projects(projects, resources, lambda source: is_kept(source, kept))

    async def project_resources(self) -> list[ProjectResource]:
        """What templates hold and what became of it."""
        return [] if self._projects is None else await self._projects.every()

    async def set_sources(self, sources: Sequence[SamSource]) -> None:
        """Exactly these queues call functions."""
        if self._sources is not None:
            await self._sources.set_sources(sources)

    async def set_routes(self, routes: Sequence[Route]) -> None:
        """Exactly these routes come from templates."""
        self.on_routes(routes)

    async def set_task_definitions(self, definitions: Sequence[TaskDefinitionFile], kept: frozenset[str]) -> None:
        """Exactly these come from files, beside those of sources that say nothing now."""
        if self._task_definitions is None:
            return
        there = {(each.name, each.source) for each in definitions}
        await self._task_definitions.retire(lambda family, source: (family, source) in there or is_kept(source, kept))
        for each in definitions:
            await self._task_definitions.register(each.members, folder=each.folder, source=each.source)

    async def set_workflows(
        self, files: Sequence[WorkflowFile], kept: frozenset[str]
    ) -> Mapping[str, Sequence[Diagnostic]]:
        """Exactly these code-first files, beside those that say nothing now."""
        if self._code is None:
            return {}
        return await self._code.set_files(files, lambda path: is_kept(path, kept))

    async def report(self, reports: Sequence[FileReport]) -> None:
        """All files, for the console. Only what is different from the time before is written and told."""
        before = self._reported or {}
        now = {report.path: report for report in reports}
        rows = [_row(report) for path, report in now.items() if report != before.get(path)]
        gone = [path for path in before if path not in now] if self._reported is not None else None
        await self._db.write(partial(files.replace, files=rows, gone=gone))
        self._reported = now
        cursor = self._db.changes.next_cursor()
        self._db.changes.append(
            [Change(cursor, "file", row.path, status=row.status, name=row.name or "") for row in rows]
        )


def _row(report: FileReport) -> schema.SourceFile:
    return schema.SourceFile(
        path=report.path,
        kind=report.kind,
        status=report.status,
        name=report.name,
        diagnostics=msgspec.json.encode(report.diagnostics).decode(),
        updated_ms=report.updated_ms,
    )
