"""Puts a Snapshot in force through the registrar: only what changed, functions before machines, then schedules.

It remembers what was said last: an unchanged file publishes nothing, and a broken one keeps its last good version.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from flowd.asl.diagnostics import Diagnostic
from flowd.clock import Clock
from flowd.engine.dropfolder.snapshot import (
    MORE_FINDINGS,
    NAME_TAKEN,
    NOT_STORED,
    UNREADABLE,
    FileReport,
    MachineFile,
    Registrar,
    Snapshot,
    TaskDefinitionFile,
    WorkflowFile,
    failed,
)
from flowd.functions import FunctionSpec
from flowd.routes import Route
from flowd.sam.project import SamSource
from flowd.sam.schedules import SamSchedule

log = logging.getLogger(__name__)

_REMOVED_KEPT = 200
_LOGGED = 10  # findings of one file
_REPORTED = 50  # of one machine; nobody reads more of them, and every start and look carries them all
_YAML_EFFORT = 50  # measured: YAML with positions beside JSON


class _Published(NamedTuple):
    """What the registrar said of a machine's text."""

    digest: str
    diagnostics: tuple[Diagnostic, ...]


class Applier:
    """One registrar's view of the folder."""

    def __init__(self, registrar: Registrar, clock: Clock) -> None:
        self._registrar = registrar
        self._clock = clock
        self._published: dict[str, _Published] = {}
        self._functions: tuple[FunctionSpec, ...] | None = None
        self._schedules: tuple[tuple[SamSchedule, ...], frozenset[str]] | None = None
        self._task_definitions: tuple[tuple[TaskDefinitionFile, ...], frozenset[str]] | None = None
        self._workflows: tuple[tuple[WorkflowFile, ...], frozenset[str]] | None = None
        self._workflows_said: Mapping[str, Sequence[Diagnostic]] = {}
        self._projects: tuple[object, ...] | None = None
        self._sources: tuple[SamSource, ...] = ()
        self._routes: tuple[Route, ...] | None = None
        self._reports: dict[str, FileReport] | None = None
        self.unfinished = False  # something could not be stored: to be tried again soon
        self.postponed = 0  # machines that are to be checked in the next look

    async def owned(self) -> Mapping[str, str]:
        """Machines in force that belong to the folder: name -> source."""
        return await self._registrar.owned_machines()

    async def apply(self, found: Snapshot, patience_s: float | None = None) -> None:
        """Put it in force. A step that fails is logged, reported and tried again at the next look.

        With a `patience_s`, machines that are not checked by then are left to the next look, which may know of others
        that are quicker.
        """
        self.unfinished = False
        self.postponed = 0
        await self._set_functions(found)
        await self._set_projects(found)
        loop = asyncio.get_running_loop()
        late = None if patience_s is None else loop.time() + patience_s
        reports = {report.path: report for report in found.files}
        for machine in sorted(found.machines, key=_effort):
            if late is not None and loop.time() > late and self._is_news(machine):
                self.postponed += 1
                _keep_report(reports, machine, self._reports or {})
                continue
            said = await self._publish(machine)
            reports[machine.path] = _joined(reports.get(machine.path), machine, said)
        await self._retire(found)
        await self._set_schedules(found)
        for path, found_there in (await self._set_workflows(found)).items():
            reports[path] = _said_of(reports[path], found_there)
        await self._set_task_definitions(found)
        await self._set_routes(found)
        await self._report(reports)

    async def lost(self, message: str) -> None:
        """The folder itself cannot be read: say so, and leave everything as it is."""
        diagnostic = Diagnostic("ERROR", UNREADABLE, message)
        report = FileReport(path=".", kind="machine", status="rejected", diagnostics=(diagnostic,))
        known = {path: each for path, each in (self._reports or {}).items() if each.status != "removed"}
        await self._report({**known, ".": report})

    # ---- one step each ---------------------------------------------------------------------------------------------

    async def _set_functions(self, found: Snapshot) -> None:
        present = {function.name for function in found.functions}
        kept = [
            function
            for function in self._functions or ()
            if function.name not in present and (found.keeps(function.source) or function.name in found.kept_functions)
        ]
        functions = (*found.functions, *kept)
        if functions == self._functions:
            return
        try:
            await self._registrar.set_functions(functions)
        except Exception:
            self._failed("the functions could not be set")
        else:
            self._functions = functions

    def _is_news(self, machine: MachineFile) -> bool:
        known = self._published.get(machine.name)
        if known is None or known.digest != _digest(machine):
            return True
        return any(each.code == NAME_TAKEN for each in known.diagnostics)

    async def _publish(self, machine: MachineFile) -> tuple[Diagnostic, ...]:
        """What is to be said of it. One whose name was taken is tried again: its owner may have gone."""
        if not self._is_news(machine):
            return self._published[machine.name].diagnostics
        try:
            found = await self._registrar.publish_machine(
                machine.name, machine.text, machine.type, machine.source, machine.owner, machine.yaml
            )
        except Exception as problem:
            self._failed(f"the machine {machine.name} could not be published")
            return (Diagnostic("ERROR", NOT_STORED, f"it could not be stored, and will be tried again: {problem}"),)
        said = tuple(_placed(machine, diagnostic) for diagnostic in _first(found))
        self._published[machine.name] = _Published(_digest(machine), said)
        return said

    async def _retire(self, found: Snapshot) -> None:
        for name, source in (await self.owned()).items():
            if name in found.names or found.keeps(source):
                continue
            try:
                await self._registrar.retire_machine(name, source)
            except Exception:
                self._failed(f"the machine {name} could not be retired")
            else:
                log.info("%s is gone: the state machine %s is retired", source, name)
                self._published.pop(name, None)

    async def _set_schedules(self, found: Snapshot) -> None:
        kept = frozenset(found.kept)
        wanted = (found.schedules, kept)
        if wanted == self._schedules:
            return
        try:
            await self._registrar.set_schedules(found.schedules, kept)
        except Exception:
            self._failed("the schedules could not be set")
        else:
            self._schedules = wanted

    async def _set_projects(self, found: Snapshot) -> None:
        """What templates want of the services, before the machines that use it; queues and streams call functions last.

        Those of a template that says nothing now stay.
        """
        said = {each.key for each in found.sources}
        kept = (each for each in self._sources if found.keeps(each.source) and each.key not in said)
        sources = (*found.sources, *kept)
        wanted = (found.projects, found.resources, frozenset(found.kept), sources)
        if wanted == self._projects:
            return
        try:
            done = await self._registrar.set_projects(found.projects, found.resources, frozenset(found.kept))
            await self._registrar.set_sources(sources)
            self._sources = sources
        except Exception:
            self._failed("what templates want of the services could not be made")
        else:
            self._projects = wanted if done else None
            self.unfinished = self.unfinished or not done

    async def _set_routes(self, found: Snapshot) -> None:
        """Behind what they lead to; those of a template that says nothing now stay."""
        kept = [route for route in self._routes or () if found.keeps(route.source)]
        wanted = (*found.routes, *kept)
        if wanted == (self._routes or ()):
            return
        try:
            await self._registrar.set_routes(wanted)
        except Exception:
            self._failed("the routes could not be set")
        else:
            self._routes = wanted

    async def _set_task_definitions(self, found: Snapshot) -> None:
        broken = {
            report.path for report in found.files if report.kind == "taskDefinition" and report.status == "rejected"
        }
        wanted = (found.task_definitions, frozenset(found.kept) | broken)
        if wanted == self._task_definitions:
            return
        try:
            await self._registrar.set_task_definitions(*wanted)
        except Exception:
            self._failed("the task definitions could not be set")
        else:
            self._task_definitions = wanted

    async def _set_workflows(self, found: Snapshot) -> Mapping[str, Sequence[Diagnostic]]:
        """What is to be said of them. As with machines, a refused one is tried again."""
        wanted = (found.workflows, frozenset(found.kept))
        if wanted == self._workflows:
            return self._workflows_said
        try:
            said = await self._registrar.set_workflows(found.workflows, frozenset(found.kept))
        except Exception:
            self._failed("the workflow files could not be set")
            return {}
        if any(each.code == NOT_STORED for listed in said.values() for each in listed):
            self.unfinished = True
        else:
            self._workflows, self._workflows_said = wanted, said
        return said

    async def _report(self, reports: dict[str, FileReport]) -> None:
        before = self._reports or {}
        now_ms = self._clock.now_ms()
        current = {path: _dated(report, before.get(path), now_ms) for path, report in reports.items()}
        gone = [report for path, report in before.items() if path not in current]
        for report in gone:
            if report.status != "removed":
                report = msgspec.structs.replace(report, status="removed", diagnostics=(), updated_ms=now_ms)
            current[report.path] = report
        _drop_oldest_removed(current)
        if current == self._reports:
            return
        for path, report in current.items():
            if report != before.get(path):
                _log(report)
        try:
            await self._registrar.report([current[path] for path in sorted(current)])
        except Exception:
            self._failed("the state of the files could not be stored")
        else:
            self._reports = current

    def _failed(self, message: str) -> None:
        self.unfinished = True
        log.exception("%s; it is tried again", message)


def _effort(machine: MachineFile) -> int:
    """What is quick to check goes first, so that hundreds of large files hold up no small one."""
    return len(machine.text) * (_YAML_EFFORT if machine.yaml else 1)


def _digest(machine: MachineFile) -> str:
    parts = (machine.type, machine.owner, machine.source, str(machine.yaml), machine.text)
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def _first(found: Sequence[Diagnostic]) -> Sequence[Diagnostic]:
    """All findings, or the first ones, errors before warnings, and how many there are besides."""
    if len(found) <= _REPORTED:
        return found
    ranked = sorted(found, key=lambda each: each.severity != "ERROR")
    left = ranked[_REPORTED:]
    told = f"and {len(left)} more findings; `flowd check` of the file has them all"
    return [*ranked[:_REPORTED], Diagnostic(left[0].severity, MORE_FINDINGS, told, left[0].location)]


def _placed(machine: MachineFile, diagnostic: Diagnostic) -> Diagnostic:
    """Lines of an inline definition are those of its template, not of the JSON that was made of it."""
    if machine.sam is None:
        return diagnostic
    mark = machine.sam.locate(diagnostic.location)
    message = f"{machine.name}: {diagnostic.message}"
    return msgspec.structs.replace(diagnostic, message=message, line=mark.line, column=mark.column)


def _joined(report: FileReport | None, machine: MachineFile, said: Sequence[Diagnostic]) -> FileReport:
    """The report of a file with what the registrar said of a machine in it."""
    if report is None:
        report = FileReport(path=machine.path, kind="machine", status="loaded", name=machine.name)
    status = "rejected" if failed(said) else report.status
    return msgspec.structs.replace(report, status=status, diagnostics=(*report.diagnostics, *said))


def _keep_report(reports: dict[str, FileReport], machine: MachineFile, before: Mapping[str, FileReport]) -> None:
    """Nothing new is said yet of a machine that is not checked yet; its template has more to say."""
    if machine.sam is not None:
        return
    if machine.path in before:
        reports[machine.path] = before[machine.path]
    else:
        reports.pop(machine.path, None)


def _said_of(report: FileReport, said: Sequence[Diagnostic]) -> FileReport:
    status = "rejected" if failed(said) else report.status
    return msgspec.structs.replace(report, status=status, diagnostics=(*report.diagnostics, *said))


def _dated(report: FileReport, before: FileReport | None, now_ms: int) -> FileReport:
    """With the time since when it says this."""
    same = before is not None and msgspec.structs.replace(before, updated_ms=0) == report
    return msgspec.structs.replace(report, updated_ms=before.updated_ms if same and before is not None else now_ms)


def _drop_oldest_removed(reports: dict[str, FileReport]) -> None:
    removed = sorted((each for each in reports.values() if each.status == "removed"), key=lambda each: each.updated_ms)
    for report in removed[:-_REMOVED_KEPT]:
        del reports[report.path]


def _log(report: FileReport) -> None:
    """One line for a file that is in order, else the first findings, errors before warnings: path:line:column, as
    compilers say it."""
    if not report.diagnostics:
        log.info("%s: %s", report.path, report.status)
    found = sorted(report.diagnostics, key=lambda each: each.severity != "ERROR")
    for each in found[:_LOGGED]:
        place = f":{each.line}:{each.column}" if each.line else ""
        level = logging.ERROR if each.severity == "ERROR" else logging.WARNING
        log.log(level, "%s%s: %s %s%s", report.path, place, each.code, each.message, _where(each))
    if len(found) > _LOGGED:
        log.log(level, "%s: %d more; `flowd machines` has them", report.path, len(found) - _LOGGED)


def _where(diagnostic: Diagnostic) -> str:
    return f" at {diagnostic.location}" if diagnostic.location else ""
