"""What is told of projects: machines whose definition is refused are not called loaded."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest

from flowd.store import files
from flowd.store.schema import SourceFile
from flowd.store.schema_projects import ProjectResource
from tests.api.box import Box

FOUND = {"severity": "ERROR", "code": "X", "location": "/States/A", "line": 3, "column": 5}


def report(path: str, kind: str, name: str | None, *said: dict[str, Any]) -> SourceFile:
    return SourceFile(path=path, kind=kind, name=name, status="rejected", diagnostics=json.dumps(said), updated_ms=1)


@pytest.mark.parametrize(
    ("reported", "status", "note"),
    [
        (
            report("p/m.asl.json", "machine", "Order", FOUND | {"message": "no Type"}),
            "refused",
            "p/m.asl.json:3: no Type",
        ),
        (report("p/t.yaml", "template", None, FOUND | {"message": "Order: a: b"}), "refused", "p/t.yaml:3: a: b"),
        (report("p/m.asl.json", "machine", "Order", FOUND | {"message": "-", "severity": "WARNING"}), "loaded", None),
        (report("p/m.asl.json", "machine", "Other", FOUND | {"message": "no Type"}), "loaded", None),
    ],
)
async def test_a_machine_whose_definition_is_refused_is_listed_as_refused(
    box: Box, reported: SourceFile, status: str, note: str | None
) -> None:
    rows = {"M": ("AWS::Serverless::StateMachine", "loaded"), "F": ("AWS::Serverless::Function", "loaded")}
    box.registrar.projects = [
        ProjectResource(
            source="p/t.yaml", resource=resource, type=type, name="Order", status=said, line=1, updated_ms=1
        )
        for resource, (type, said) in rows.items()
    ]
    await box.services.core.db.write(partial(files.replace, files=[reported]))
    (project,) = (await box.flowd("ListProjects"))["projects"]
    machine, function = project["resources"]
    assert (machine["status"], machine.get("note")) == (status, note)
    assert function["status"] == "loaded"


@pytest.mark.parametrize(
    "reported",
    [
        report("a/b/inner/m.asl.json", "machine", "Order", FOUND | {"message": "defined by a/t.yaml already"}),
        report("a/b/t.yaml", "template", None, FOUND | {"message": "Order: defined by a/t.yaml already"}),
    ],
)
async def test_an_error_is_told_of_the_project_whose_machine_it_is_and_of_no_other_with_that_name(
    box: Box, reported: SourceFile
) -> None:
    box.registrar.projects = [
        ProjectResource(
            source=source,
            resource="M",
            type="AWS::Serverless::StateMachine",
            name="Order",
            status="loaded",
            line=1,
            updated_ms=1,
        )
        for source in ("a/b/t.yaml", "a/t.yaml", "t.yaml")
    ]
    await box.services.core.db.write(partial(files.replace, files=[reported]))
    told = {
        project["source"]: project["resources"][0]["status"]
        for project in (await box.flowd("ListProjects"))["projects"]
    }
    assert told == {"a/b/t.yaml": "refused", "a/t.yaml": "loaded", "t.yaml": "loaded"}
