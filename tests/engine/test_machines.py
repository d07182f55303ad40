"""Machines of files: versions, ownership, restarts. (What the API does with machines is tested through the API.)"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from flowd import names
from flowd.asl.diagnostics import Diagnostic
from flowd.decisions import Pattern
from flowd.engine.machines import Machines, Wanted
from flowd.errors import ConflictException, StateMachineAlreadyExists, StateMachineDeleting, ValidationException
from flowd.payload import Payload
from flowd.store import machines as store
from flowd.store import schema
from tests.engine.world import World

ROLE = names.role_arn()
YAML = "StartAt: A\nStates:\n  A:\n    Type: Pass\n    End: true\n"


def definition(text: str = "a", **state: object) -> str:
    return json.dumps({"Comment": text, "StartAt": "A", "States": {"A": {"Type": "Pass", "End": True, **state}}})


def refuse(service: str, action: str, pattern: Pattern) -> str | None:
    return None if service in ("lambda", "activity") else f"{service} is not built"


class Folder:
    """Machines as the drop folder uses them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.machines = Machines(world.core.db, world.clock, refuse)

    async def publish(
        self, text: str, name: str = "m", source: str = "m.asl.json", yaml: bool = False
    ) -> list[Diagnostic]:
        return await self.machines.publish_machine(name, text, "STANDARD", source, "file", yaml)

    async def row(self, name: str = "m") -> schema.StateMachine:
        """As it is on disk."""
        found = await self.world.core.db.read(lambda session: store.by_name(session, name))
        assert found is not None
        return found

    async def again(self) -> None:
        """A restart."""
        await self.world.reboot()
        self.machines = Machines(self.world.core.db, self.world.clock, refuse)


@pytest.fixture
async def folder(world: World) -> AsyncIterator[Folder]:
    yield Folder(world)


async def test_a_changed_file_publishes_a_version_and_an_unchanged_one_nothing(folder: Folder) -> None:
    assert await folder.publish(definition("one")) == []
    first = await folder.row()
    assert (first.latest_version, first.owner, first.source, first.status) == (1, "file", "m.asl.json", "ACTIVE")
    await folder.publish(definition("one"))
    await folder.again()
    await folder.publish(definition("one"))
    assert await folder.row() == first
    await folder.publish(definition("two"))
    second = await folder.row()
    assert second.latest_version == 2
    assert second.revision_id is not None
    await folder.publish(definition("one"))
    assert (await folder.row()).latest_version == 3
    assert await folder.machines.owned_machines() == {"m": "m.asl.json"}


async def test_a_wrong_file_changes_nothing_and_says_where(folder: Folder) -> None:
    await folder.publish(definition())
    before = await folder.row()
    said = await folder.publish('{\n  "StartAt": "A",\n  "States": {\n    "A": {"Type": "Pass", "Next": "B"}}}')
    assert (said[0].severity, said[0].code, said[0].line) == ("ERROR", "MISSING_TRANSITION_TARGET", 4)
    assert (await folder.publish("{"))[0].severity == "ERROR"
    sqs = definition(Type="Task", Resource="arn:aws:states:::sqs:sendMessage")
    assert "sqs is not built" in (await folder.publish(sqs))[0].message
    assert await folder.row() == before


async def test_what_is_not_built_is_told_at_load(folder: Folder) -> None:
    inner = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "B",
        "States": {"B": {"Type": "Pass", "End": True}},
    }
    reader = {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "PARQUET"}}
    said = await folder.publish(definition(Type="Map", ItemProcessor=inner, ItemReader=reader))
    assert any(each.severity == "ERROR" and "Parquet files cannot be read" in each.message for each in said)


async def test_yaml_is_kept_as_json_and_its_faults_have_its_lines(folder: Folder) -> None:
    assert await folder.publish(YAML, yaml=True) == []
    machine = await folder.row()
    started = await folder.world.core.executions.start(machine, None, Payload.of({}))
    await folder.world.settle()
    assert (await folder.world.execution(started.arn)).status == "SUCCEEDED"
    await folder.publish(YAML + "# a remark\n", yaml=True)
    assert (await folder.row()).latest_version == 1
    said = await folder.publish(YAML.replace("    End: true", "    Next: B"), yaml=True)
    assert said[0].line == 5


async def test_a_file_that_goes_retires_its_machine_and_brings_it_back(folder: Folder) -> None:
    await folder.publish(definition())
    await folder.machines.retire_machine("m", "other.asl.json")
    assert (await folder.row()).status == "ACTIVE"
    await folder.machines.retire_machine("m", "m.asl.json")
    assert await folder.machines.owned_machines() == {}
    with pytest.raises(StateMachineDeleting, match=r"m\.asl\.json is gone"):
        await folder.world.core.executions.start(await folder.row(), None, Payload.of({}))
    await folder.publish(definition(), source="moved/m.asl.json")
    back = await folder.row()
    assert (back.status, back.latest_version, back.source) == ("ACTIVE", 1, "moved/m.asl.json")


async def test_the_api_leaves_the_machines_of_files_alone(folder: Folder) -> None:
    await folder.publish(definition())
    machine = await folder.machines.named("m", "arn")
    with pytest.raises(ConflictException, match=r"m\.asl\.json"):
        await folder.machines.update(machine, {}, definition("x"))
    with pytest.raises(ValidationException, match=r"m\.asl\.json"):
        await folder.machines.delete("m")
    with pytest.raises(StateMachineAlreadyExists, match=r"m\.asl\.json"):
        await folder.machines.create(Wanted(name="m", definition=definition("x"), role_arn=ROLE))
    assert (await folder.machines.publish(machine, None, "")).number == 1


async def test_files_leave_the_machines_of_the_api_alone(folder: Folder) -> None:
    await folder.machines.create(Wanted(name="m", definition=definition("api"), role_arn=ROLE))
    said = await folder.publish(definition("file"))
    assert [(each.severity, each.code) for each in said] == [("ERROR", "NAME_TAKEN")]
    await folder.machines.retire_machine("m", "m.asl.json")
    row = await folder.row()
    assert (row.owner, row.status, row.latest_version) == ("api", "ACTIVE", 0)


async def test_the_api_may_take_a_name_whose_file_is_gone(folder: Folder) -> None:
    await folder.publish(definition())
    await folder.machines.retire_machine("m", "m.asl.json")
    machine, version = await folder.machines.create(
        Wanted(name="m", definition=definition("api"), role_arn=ROLE, publish=True)
    )
    assert (machine.owner, machine.source, machine.status) == ("api", None, "ACTIVE")
    assert version is not None
    assert version.number == 2


async def test_a_name_that_aws_refuses_is_refused(folder: Folder) -> None:
    for name in ("a b", "x" * 81):
        assert [each.code for each in await folder.publish(definition(), name=name)] == ["NAME_INVALID"]


async def test_activities_of_a_loaded_definition_exist(folder: Folder) -> None:
    arn = "arn:aws:states:eu-west-1:123456789012:activity:team"
    await folder.publish(definition(Type="Task", Resource=arn))
    found = await folder.machines.activities.find("team")
    assert found is not None
    assert found.implicit
    made = await folder.machines.activities.create("team", [("a", "b")])
    assert not made.implicit
    assert made.tags == '{"a":"b"}'


async def test_every_change_is_told_to_those_who_watch(folder: Folder) -> None:
    cursor = folder.world.core.db.cursor
    await folder.publish(definition())
    await folder.machines.retire_machine("m", "m.asl.json")
    changes = folder.world.core.db.changes.since(cursor) or []
    assert [(change.kind, change.id) for change in changes][-1] == ("machine", "m")
    assert [change.status for change in changes if change.kind == "machine"][-1] == "RETIRED"


async def test_large_definitions_are_checked_off_the_loop(folder: Folder, tmp_path: Path) -> None:
    states = {f"S{number}": {"Type": "Pass", "Next": f"S{number + 1}"} for number in range(2000)}
    states["S2000"] = {"Type": "Succeed"}
    text = json.dumps({"StartAt": "S0", "States": states})
    machine, _ = await folder.machines.create(Wanted(name="big", definition=text, role_arn=ROLE))
    assert machine.name == "big"
