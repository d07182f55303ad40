"""flowd's own operation on projects: what templates hold, what was made of it, and what not, with reasons and lines."""

from __future__ import annotations

from itertools import groupby

import msgspec

from flowd.api.services import Services
from flowd.api.wire.answers import Body, date, present
from flowd.api.wire.caller import Caller
from flowd.store.schema_projects import ProjectResource


class Nothing(msgspec.Struct, kw_only=True):
    pass


async def list_projects(do: Services, request: Nothing, caller: Caller) -> Body:
    rows = await do.registrar.project_resources()
    return {
        "projects": [
            {"source": source, "resources": [_body(row) for row in group]}
            for source, group in groupby(rows, key=lambda row: row.source)
        ]
    }


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
