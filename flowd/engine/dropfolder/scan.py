"""Reads a drop folder into a Snapshot of what it means. It blocks on the disk (call it in a thread), changes nothing.

One name has one owner: a second file of the same name is refused and told which was first. First is who had the name
before, then the order of the paths.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from flowd import names
from flowd.asl.diagnostics import Diagnostic
from flowd.engine.dropfolder.code import read_workflows
from flowd.engine.dropfolder.functions import read_function, workflow_line
from flowd.engine.dropfolder.projects import Projects, Read
from flowd.engine.dropfolder.reading import Reader, Unsettled, Unusable, shown
from flowd.engine.dropfolder.snapshot import (
    NAME_INVALID,
    NAME_TAKEN,
    UNREADABLE,
    FileKind,
    FileReport,
    FileStatus,
    MachineFile,
    Snapshot,
    TaskDefinitionFile,
    WorkflowFile,
)
from flowd.engine.dropfolder.taskdefinitions import read_task_definition
from flowd.engine.dropfolder.walk import (
    Closed,
    Definition,
    Entry,
    FunctionEntry,
    PythonFile,
    TaskDefinitionEntry,
    TemplateFile,
    walk,
)
from flowd.functions import FunctionSpec
from flowd.routes import Route
from flowd.sam.intrinsics import substitute
from flowd.sam.project import Listed, SamResource, SamSource
from flowd.sam.resources import Place
from flowd.sam.schedules import SamSchedule
from flowd.sdk.sources import looks_like_workflows
from flowd.services.ecs.definitions import Site

_LONGEST_NAME = 80
_Owned = TypeVar("_Owned", MachineFile, FunctionSpec, SamSchedule, TaskDefinitionFile)
Owners = dict[tuple[FileKind, str], str]  # of machines, functions and (as "template") schedules


class Scanner:
    """Reads one folder again and again; what has not changed is not read twice."""

    def __init__(
        self,
        root: str,
        *,
        region: str = names.REGION,
        account: str = names.ACCOUNT,
        substitutions: Mapping[str, str] | None = None,
        parameters: Mapping[str, Mapping[str, str]] | None = None,
        site: Site | None = None,
        endpoint: str = "",
        front: str = "",
        still_s: float | None = None,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """`substitutions` are for `${Name}` in plain definition files, `parameters` for templates (by folder name),
        `site` says what there is for containers, `front` where templates' APIs are reached."""
        self._site = site or Site(region=region, account=account)
        self.root = root = os.path.abspath(root)
        self._reader = Reader(still_s, now_ns)
        place = Place(region, account, endpoint=endpoint, front=front)
        self._projects = Projects(root, self._reader, place, parameters or {}, self._site)
        self._substitutions = dict(substitutions or {})
        self._owners: Owners = {}

    @property
    def moving(self) -> bool:
        """True if the last scan met files that may still be written, and took the versions before."""
        return self._reader.moving

    def scan(self, owners: Mapping[str, str] | None = None, settle: bool = False) -> Snapshot:
        """What the folder means now.

        `owners` (name -> source) decides who was first. With `settle`, a file that is new or changed is read only when
        a second scan meets it unchanged. Raises OSError if the folder itself cannot be read.
        """
        self._reader.begin(settle)
        machines: Owners = {("machine", name): source for name, source in (owners or {}).items()}
        pass_ = _Pass(
            self.root, self._reader, self._projects, {**self._owners, **machines}, self._substitutions, self._site
        )
        for entry in walk(self.root):
            pass_.add(entry)
        self._reader.end()
        found = pass_.snapshot()
        self._owners = {("machine", each.name): each.source for each in found.machines}
        self._owners.update({("function", each.name): each.source for each in found.functions})
        self._owners.update({("template", each.name): each.source for each in found.schedules})
        self._owners.update({("python", name): file.path for file in found.workflows for name in file.names})
        self._owners.update({("taskDefinition", each.name): each.source for each in found.task_definitions})
        return found


class _Pass:
    """One reading of the folder."""

    def __init__(
        self,
        root: str,
        reader: Reader,
        projects: Projects,
        owners: Owners,
        substitutions: dict[str, str],
        site: Site,
    ) -> None:
        self._site = site
        self._root = root
        self._reader = reader
        self._projects = projects
        self._owners = owners
        self._substitutions = substitutions
        self._machines: list[MachineFile] = []
        self._functions: list[FunctionSpec] = []
        self._schedules: list[SamSchedule] = []
        self._workflows: list[WorkflowFile] = []
        self._task_definitions: list[TaskDefinitionFile] = []
        self._routes: list[Route] = []
        self._resources: list[SamResource] = []
        self._sources: list[SamSource] = []
        self._listings: dict[str, tuple[Listed, ...]] = {}
        self._files: dict[str, FileReport] = {}
        self._names: set[str] = set()
        self._kept: set[str] = set()
        self._kept_functions: set[str] = set()

    def add(self, entry: Entry) -> None:
        """Read one entry; one that is gone by now, or still being written for the first time, adds nothing."""
        try:
            _ADD[type(entry)](self, entry)
        except FileNotFoundError:
            return
        except Unsettled:
            self._kept.add(self._relative(entry.path))

    def snapshot(self) -> Snapshot:
        machines, functions = self._first("machine", self._machines), self._first("function", self._functions)
        schedules = self._first("template", self._schedules)
        workflows = self._first_workflows()
        task_definitions = self._first("taskDefinition", self._task_definitions)
        return Snapshot(
            machines=tuple(machines),
            functions=tuple(functions),
            schedules=tuple(schedules),
            workflows=tuple(workflows),
            task_definitions=tuple(task_definitions),
            routes=tuple(self._routes),
            resources=tuple(self._resources),
            sources=tuple(self._sources),
            projects=self._listings,
            files=tuple(self._files[path] for path in sorted(self._files)),
            names=frozenset(self._names),
            kept=frozenset(self._kept),
            kept_functions=frozenset(self._kept_functions),
        )

    # ---- one method per kind of entry ------------------------------------------------------------------------------

    def _definition(self, entry: Definition) -> None:
        path = self._relative(entry.path)
        self._names.add(entry.name)
        if not names.is_valid_name(entry.name) or len(entry.name) > _LONGEST_NAME:
            message = "the file's name is no name of a machine: 1 to 80 characters, no blanks or special ones"
            self._say(path, "machine", "rejected", None, Diagnostic("ERROR", NAME_INVALID, message))
            return
        try:
            text = self._reader.text(entry.path)
        except Unusable as problem:
            self._unusable(path, "machine", entry.name, problem)
            return
        if self._substitutions:
            text = substitute(text, self._substitutions)[0]
        self._say(path, "machine", "loaded", entry.name)
        self._machines.append(
            MachineFile(
                name=entry.name, type="STANDARD", text=text, yaml=entry.yaml, owner="file", source=path, path=path
            )
        )

    def _template(self, entry: TemplateFile) -> None:
        read: Read = self._projects.read(entry)
        self._machines.extend(read.machines)
        self._functions.extend(read.functions)
        self._schedules.extend(read.schedules)
        self._resources.extend(read.resources)
        self._sources.extend(read.sources)
        self._routes.extend(read.routes)
        self._task_definitions.extend(read.task_definitions)
        self._listings[self._relative(entry.path)] = read.listing
        self._names.update(read.names)
        self._kept_functions.update(read.kept_functions)
        for report in read.files:
            self._files.setdefault(report.path, report)
        if not read.complete:
            self._kept.add(self._relative(entry.path))

    def _function(self, entry: FunctionEntry) -> None:
        path = self._relative(entry.path)
        found = read_function(entry, self._reader, path)
        wrong = any(each.severity == "ERROR" for each in found.diagnostics)
        if found.spec is not None:
            self._functions.append(found.spec)
        if found.spec is not None or found.diagnostics:
            status: FileStatus = "rejected" if wrong else "loaded" if found.spec is not None else "ignored"
            name = None if found.spec is None else found.spec.name
            self._say(path, "function", status, name, *found.diagnostics)

    def _task_definition(self, entry: TaskDefinitionEntry) -> None:
        path = self._relative(entry.path)
        try:
            read = read_task_definition(self._reader.text(entry.path), entry.path, path, self._site)
        except Unusable as problem:
            self._unusable(path, "taskDefinition", None, problem)
            return
        if read.definition is not None:
            self._task_definitions.append(read.definition)
        name = read.definition.name if read.definition else None
        self._say(path, "taskDefinition", "loaded" if read.definition else "rejected", name, *read.diagnostics)

    def _python(self, entry: PythonFile) -> None:
        """A file counts if it has @workflow, or would have if it could be parsed."""
        path = self._relative(entry.path)
        try:
            text = self._reader.text(entry.path)
        except Unusable:
            return
        if not workflow_line(text) and not looks_like_workflows(text):
            return
        found, said = read_workflows(self._root, path, self._reader)
        if found is not None and not found.names:  # somebody else's @workflow
            return
        if found is not None:
            self._workflows.append(found)
            self._say(path, "python", "loaded", ", ".join(found.names))
        else:
            self._kept.add(path)
            self._say(path, "python", "rejected", None, *said)

    def _closed(self, entry: Closed) -> None:
        path = self._relative(entry.path)
        self._kept.add(f"{path}/")
        message = f"this folder cannot be read ({entry.reason}); what it held stays in force"
        self._say(path, "machine", "rejected", None, Diagnostic("ERROR", UNREADABLE, message))

    # ---- one name, one owner ---------------------------------------------------------------------------------------

    def _first(self, kind: FileKind, found: list[_Owned]) -> list[_Owned]:
        """Of each name the one that had it before, else the first; the others are refused, naming it."""
        chosen: dict[str, _Owned] = {}
        for each in found:
            before = self._owners.get((kind, each.name))
            if each.name not in chosen or (each.source == before != chosen[each.name].source):
                chosen[each.name] = each
        for each in found:
            first = chosen[each.name]
            if each is not first:
                self._refuse(kind, each, first.source)
        return list(chosen.values())

    def _first_workflows(self) -> list[WorkflowFile]:
        """Files whose workflows nobody else has: the file that had a name before keeps it, else the first one."""
        takers: dict[str, str] = {}
        for file in self._workflows:
            for name in file.names:
                if self._owners.get(("python", name)) == file.path or name not in takers:
                    takers[name] = file.path
        for file in self._workflows:
            other = next((takers[name] for name in file.names if takers[name] != file.path), None)
            if other is not None:
                self._kept.add(file.path)
                name = next(name for name in file.names if takers[name] != file.path)
                message = f"the workflow {name} is defined by {other} already; rename one of them"
                self._say(file.path, "python", "rejected", name, Diagnostic("ERROR", NAME_TAKEN, message))
        return [file for file in self._workflows if all(takers[name] == file.path for name in file.names)]

    def _refuse(self, kind: FileKind, each: _Owned, first: str) -> None:
        path = each.path if isinstance(each, MachineFile) else each.source
        what = {"template": "schedule", "taskDefinition": "task definition"}.get(kind, kind)
        message = f"the {what} {each.name} is defined by {first} already; rename one of them"
        diagnostic = Diagnostic("ERROR", NAME_TAKEN, message)
        if isinstance(each, MachineFile) and each.sam is not None:  # a template says of which machine it speaks
            said_of, line, column = f"{each.name}: {message}", each.sam.line, each.sam.column
            diagnostic = Diagnostic("ERROR", NAME_TAKEN, said_of, None, line, column)
        fresh = FileReport(path=path, kind=kind, status="rejected", name=each.name)
        report: FileReport = self._files.get(path, fresh)
        said = (*report.diagnostics, diagnostic)
        self._files[path] = msgspec.structs.replace(report, status="rejected", diagnostics=said)

    def _say(self, path: str, kind: FileKind, status: FileStatus, name: str | None, *said: Diagnostic) -> None:
        self._files[path] = FileReport(path=path, kind=kind, status=status, name=name, diagnostics=said)

    def _unusable(self, path: str, kind: FileKind, name: str | None, problem: Unusable) -> None:
        diagnostic = Diagnostic("ERROR", UNREADABLE, problem.message, None, problem.line, problem.column)
        self._say(path, kind, "rejected", name, diagnostic)

    def _relative(self, path: str) -> str:
        return shown(os.path.relpath(path, self._root))


_ADD: dict[type[Entry], Callable[[_Pass, Any], None]] = {
    Closed: _Pass._closed,
    Definition: _Pass._definition,
    FunctionEntry: _Pass._function,
    PythonFile: _Pass._python,
    TaskDefinitionEntry: _Pass._task_definition,
    TemplateFile: _Pass._template,
}
