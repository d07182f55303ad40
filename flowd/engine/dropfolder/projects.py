"""A folder with a template -> what the template means, with its definition files read and everything reported."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from flowd.asl.diagnostics import Diagnostic
from flowd.engine.dropfolder.functions import Code
from flowd.engine.dropfolder.reading import Reader, Stamp, Unusable, shown, stamp_of
from flowd.engine.dropfolder.snapshot import (
    FILTER_INVALID,
    IGNORED,
    TASK_DEFINITION_INVALID,
    UNREADABLE,
    FileReport,
    FileStatus,
    MachineFile,
    TaskDefinitionFile,
)
from flowd.engine.dropfolder.walk import CDK_TEMPLATE, TemplateFile
from flowd.engine.sources.filters import wrong_in
from flowd.functions import FunctionSpec
from flowd.routes import Route
from flowd.sam import samconfig
from flowd.sam.intrinsics import substitute
from flowd.sam.project import Listed, Problem, Project, SamMachine, SamResource, SamSource
from flowd.sam.schedules import SamSchedule
from flowd.sam.template import Place, read_template
from flowd.services.ecs.definitions import InvalidDefinition, Site, check

log = logging.getLogger(__name__)
_SHOWN = 500


class Read(NamedTuple):
    """What one project folder means."""

    machines: tuple[MachineFile, ...] = ()
    functions: tuple[FunctionSpec, ...] = ()
    schedules: tuple[SamSchedule, ...] = ()
    files: tuple[FileReport, ...] = ()
    names: frozenset[str] = frozenset()
    kept_functions: frozenset[str] = frozenset()
    complete: bool = True
    resources: tuple[SamResource, ...] = ()
    sources: tuple[SamSource, ...] = ()
    routes: tuple[Route, ...] = ()
    task_definitions: tuple[TaskDefinitionFile, ...] = ()
    listing: tuple[Listed, ...] = ()


class Projects:
    """Reads templates, and remembers what they meant as long as no file that they need has changed."""

    def __init__(
        self, root: str, reader: Reader, place: Place, parameters: Mapping[str, Mapping[str, str]], site: Site
    ) -> None:
        self._site = site
        self._root = root
        self._reader = reader
        self._place = place
        self._parameters = parameters
        self._known: dict[str, tuple[dict[str, Stamp | None], Read]] = {}

    def read(self, file: TemplateFile) -> Read:
        """What the project of `file` means. Raises Unsettled, or FileNotFoundError if it is just gone."""
        known = self._known.get(file.path)
        if known is not None and all(stamp_of(path) == stamp for path, stamp in known[0].items()):
            for path in known[0]:
                self._reader.touch(path)
            return known[1]
        code = Code(self._root, file.folder)
        read = self._read(file, code)
        self._known[file.path] = ({path: self._reader.stamp(path) for path in (file.path, *code.asked)}, read)
        return read

    def _read(self, file: TemplateFile, code: Code) -> Read:
        source = self._relative(file.path)
        try:
            text = self._reader.text(file.path)
        except Unusable as problem:
            diagnostic = Diagnostic("ERROR", UNREADABLE, problem.message, None, problem.line, problem.column)
            report = FileReport(path=source, kind="template", status="rejected", diagnostics=(diagnostic,))
            return Read(files=(report,), complete=False)
        place = self._place._replace(stack=_stack(file.path))
        parameters = self._parameters.get(place.stack, {})
        defaults, unread = self._samconfig(file, code)
        try:
            project = read_template(
                text,
                source=source,
                place=place,
                parameters=parameters,
                defaults=defaults,
                find_code=code.find,
                find_folder=code.find_folder,
            )
        except Exception as problem:
            # A mistake of ours; the other files of the folder are read all the same.
            log.exception("the template %s cannot be read", source)
            message = f"it cannot be read, through a fault of flowd ({type(problem).__name__}: {problem})"
            diagnostic = Diagnostic("ERROR", UNREADABLE, message[:_SHOWN])
            report = FileReport(path=source, kind="template", status="rejected", diagnostics=(diagnostic,))
            return Read(files=(report,), complete=False)
        return self._project(file, source, project, code, unread)

    def _samconfig(self, file: TemplateFile, code: Code) -> tuple[dict[str, str], list[Diagnostic]]:
        """What samconfig.toml says of the parameters of a template beside it; none of the CDK's has one."""
        if file.path.endswith(CDK_TEMPLATE):
            return {}, []
        path = os.path.join(os.path.dirname(file.path), samconfig.NAME)
        code.asked.append(path)
        try:
            return samconfig.overrides(self._reader.text(path)), []
        except FileNotFoundError:
            return {}, []
        except (Unusable, samconfig.Unreadable) as problem:
            said = f"{samconfig.NAME} beside the template gives its parameters no values: {problem.message}"
            return {}, [Diagnostic("WARNING", IGNORED, said)]

    def _project(self, file: TemplateFile, source: str, project: Project, code: Code, before: list[Diagnostic]) -> Read:
        diagnostics = [*before, *(_diagnostic(problem) for problem in project.problems)]
        machines, files = [], []
        unread: dict[str, str] = {}
        for machine in project.machines:
            try:
                text, path = self._definition(machine, source, code, diagnostics)
            except Unusable as problem:
                unread[machine.resource] = problem.message
                diagnostics.append(
                    Diagnostic("ERROR", UNREADABLE, problem.message, machine.resource, machine.line, machine.column)
                )
                continue
            inline = machine.definition_path is None
            machines.append(
                MachineFile(
                    name=machine.name,
                    type=machine.type,
                    text=text,
                    yaml=path.endswith((".yaml", ".yml")) and not inline,
                    owner="template",
                    source=source,
                    path=path,
                    sam=machine if inline else None,
                )
            )
            if not inline:
                files.append(FileReport(path=path, kind="machine", status="loaded", name=machine.name))
        task_definitions = self._task_definitions(file, source, project, diagnostics)
        sources = _sources(project, diagnostics)
        if file.other is not None:
            word = Diagnostic("WARNING", IGNORED, f"{os.path.basename(file.path)} stands beside it and is read instead")
            other = self._relative(file.other)
            files.append(FileReport(path=other, kind="template", status="ignored", diagnostics=(word,)))
        wrong = any(each.severity == "ERROR" for each in diagnostics)
        status: FileStatus = "rejected" if wrong else "loaded"
        files.append(FileReport(path=source, kind="template", status=status, diagnostics=tuple(diagnostics)))
        return Read(
            machines=tuple(machines),
            functions=project.functions,
            schedules=project.schedules,
            files=tuple(files),
            names=frozenset({*project.refused, *(machine.name for machine in project.machines)}),
            kept_functions=frozenset(project.refused_functions),
            complete=project.complete,
            resources=project.resources,
            sources=tuple(sources),
            routes=project.routes,
            task_definitions=tuple(task_definitions),
            listing=tuple(_unless_unread(each, unread.get(each.resource)) for each in project.listing),
        )

    def _task_definitions(
        self, file: TemplateFile, source: str, project: Project, diagnostics: list[Diagnostic]
    ) -> list[TaskDefinitionFile]:
        """Families whose rules this box can keep; the others are in the diagnostics."""
        found = []
        for each in project.task_definitions:
            try:
                check(each.members, self._site)
            except InvalidDefinition as error:
                said = f"{each.resource}: {error} {error.location}".strip()
                place = f"/Resources/{each.resource}"
                diagnostics.append(Diagnostic("ERROR", TASK_DEFINITION_INVALID, said, place, each.line, each.column))
                continue
            found.append(TaskDefinitionFile(name=each.name, members=each.members, folder=file.folder, source=source))
        return found

    def _definition(
        self, machine: SamMachine, source: str, code: Code, diagnostics: list[Diagnostic]
    ) -> tuple[str, str]:
        """The definition's text and the file it stands in. Raises Unusable, Unsettled."""
        if machine.definition_path is None:
            return machine.definition_text or "", source
        path = code.resolve(machine.definition_path)
        code.asked.append(path)
        if not code.inside(path):
            raise Unusable(f"the definition {machine.definition_path} leads out of the drop folder")
        try:
            text = self._reader.text(path)
        except FileNotFoundError:
            raise Unusable(f"the definition {machine.definition_path}: there is no such file") from None
        except Unusable as problem:
            raise Unusable(f"the definition {machine.definition_path}: {problem.message}") from None
        text, missing = substitute(text, machine.substitutions)
        for name in missing:
            message = f"${{{name}}} stands in {machine.definition_path}, but DefinitionSubstitutions has no {name}"
            diagnostics.append(Diagnostic("WARNING", IGNORED, message, machine.resource, machine.line, machine.column))
        return text, self._relative(path)

    def _relative(self, path: str) -> str:
        return shown(os.path.relpath(path, self._root))


def _sources(project: Project, diagnostics: list[Diagnostic]) -> list[SamSource]:
    """Queues and streams whose filters are sound; the others are in the diagnostics, and call nothing."""
    found = []
    for each in project.sources:
        wrong = wrong_in(each.service, each.filters)
        if wrong:
            said = f"{each.name} calls nothing, since its FilterCriteria are refused: {wrong}"
            diagnostics.append(Diagnostic("ERROR", FILTER_INVALID, said, None, each.line, 1))
        else:
            found.append(each)
    return found


def _unless_unread(listed: Listed, why: str | None) -> Listed:
    return listed if why is None else msgspec.structs.replace(listed, verdict="refused", note=why)


def _stack(path: str) -> str:
    """AWS::StackName: the folder's name, or that of a template of the CDK, in the characters of CloudFormation."""
    file = os.path.basename(path)
    name = file.removesuffix(CDK_TEMPLATE) if file.endswith(CDK_TEMPLATE) else os.path.basename(os.path.dirname(path))
    return re.sub(r"[^A-Za-z0-9-]+", "-", name).strip("-") or "flowd"


def _diagnostic(problem: Problem) -> Diagnostic:
    location = f"/Resources/{problem.resource}" if problem.resource else None
    return Diagnostic(problem.severity, problem.code, problem.message, location, problem.line, problem.column)
