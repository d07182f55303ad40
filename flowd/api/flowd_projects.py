"""flowd's own operation on projects: what templates hold, what was made of it, and what not, with reasons and lines."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Mapping, Sequence
from itertools import groupby

import msgspec

from flowd.api.services import Services
from flowd.api.wire.answers import Body, date, present
from flowd.api.wire.caller import Caller
from flowd.payload import loads
from flowd.store import files
from flowd.store.schema import SourceFile
from flowd.store.schema_projects import ProjectResource

MACHINES = ("AWS::Serverless::StateMachine", "AWS::StepFunctions::StateMachine")


class Nothing(msgspec.Struct, kw_only=True):
    pass


async def list_projects(do: Services, request: Nothing, caller: Caller) -> Body:
    rows = await do.registrar.project_resources()
    refused = _refused(await do.core.db.read(files.every), {row.source for row in rows})
    return {
        "projects": [
            {"source": source, "resources": [_body(_judged(row, refused)) for row in group]}
            for source, group in groupby(rows, key=lambda row: row.source)
        ]
    }


def _refused(reports: Sequence[SourceFile], templates: Collection[str]) -> dict[tuple[str, str], str]:
    """Template and machine -> why its definition is refused: what templates make is listed before it is checked."""
    found: dict[tuple[str, str], str] = {}
    for report in reports:
        sources = [report.path] if report.kind == "template" else _templates_of(report.path, templates)
        for each in loads(report.diagnostics):
            if each["severity"] != "ERROR" or report.kind not in ("machine", "template"):
                continue
            # An inline definition's findings stand in its template's report, behind the machine's name.
            inline, _, rest = each["message"].partition(": ")
            name, said = (report.name, each["message"]) if report.kind == "machine" else (inline, rest)
            place = f"{report.path}:{each['line']}" if each.get("line") else report.path
            for source in sources:
                found.setdefault((source, name or ""), f"{place}: {said}")
    return found


def _templates_of(path: str, templates: Collection[str]) -> list[str]:
    """The templates of the innermost project folder that a definition file is in."""
    folder = posixpath.dirname(path)
    while True:
        if found := [each for each in templates if posixpath.dirname(each) == folder]:
            return found
        if not folder:
            return []
        folder = posixpath.dirname(folder)


def _judged(row: ProjectResource, refused: Mapping[tuple[str, str], str]) -> ProjectResource:
    why = refused.get((row.source, row.name)) if row.status == "loaded" and row.type in MACHINES else None
    if why is not None:
        row.status, row.note = "refused", why
    return row


def _body(row: ProjectResource) -> Body:
    return present(
        resource=row.resource,
        type=row.type,
        name=row.name,
        status=row.status,
        note=row.note or None,
        line=row.line,
        updatedAt=date(row.updated_ms),
    )


OPERATIONS = {"ListProjects": (Nothing, list_projects)}
