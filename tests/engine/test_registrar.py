"""What the registrar keeps of the drop folder's reports."""

from __future__ import annotations

from typing import Any

from flowd.engine.dropfolder.snapshot import FileReport
from flowd.engine.registrar import Registrar
from flowd.store import files
from tests.engine.world import World


def report(name: str, at_ms: int = 1) -> FileReport:
    return FileReport(path=f"{name}.asl.json", kind="machine", status="loaded", name=name, updated_ms=at_ms)


def of(world: World) -> Registrar:
    nobody: Any = None  # reports need the store only
    return Registrar(world.core.db, nobody, world.core.schedules, nobody, {})


async def test_only_the_reports_that_changed_are_written_and_told(world: World) -> None:
    await of(world).report([report("left by a daemon before")])
    registrar = of(world)
    await registrar.report([report(name) for name in "abc"])
    cursor = world.core.db.changes.cursor
    await registrar.report([report("a"), report("b", at_ms=2), report("d")])
    told = world.core.db.changes.since(cursor)
    assert told is not None and [change.id for change in told] == ["b.asl.json", "d.asl.json"]
    rows = await world.core.db.read(files.every)
    assert {row.path: row.updated_ms for row in rows} == {"a.asl.json": 1, "b.asl.json": 2, "d.asl.json": 1}
