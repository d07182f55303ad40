"""An older version is in force again two keys later, however the machine is deployed; nothing is done unseen."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from console.app import FlowdApp
from console.client import Item
from tests.console.driver import goes_to, notices, sees, sees_no, until
from tests.console.fake import FakeDaemon

OLD = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Succeed", "Comment": "old"}}})
NEW = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Succeed", "Comment": "new"}}})
App = Callable[..., FlowdApp]


class Deployed(FakeDaemon):
    """Version 8 differs from what is in force."""

    def __init__(self, **members: Any) -> None:
        super().__init__()
        self.members = members

    async def machines(self) -> list[Item]:
        return [each | self.members for each in await super().machines()]

    async def machine(self, arn: str) -> Item:
        return await super().machine(arn) | {"definition": OLD if arn.endswith(":8") else NEW}


async def on_version_8(pilot: Pilot[int]) -> None:
    await sees(pilot, "● live")
    await goes_to(pilot, "sm")
    await sees(pilot, "order-fulfilment")
    await pilot.press("slash", *"order-", "enter", "v")
    await sees(pilot, "versions", "v8")
    await pilot.press("slash", *"v8", "enter")
    await sees(pilot, "order-fulfilment v8  not in force")


async def test_a_machine_of_the_api_is_changed_to_the_older_definition(make_app: App) -> None:
    daemon = Deployed(owner="api", source=None)
    async with make_app(behind=daemon).run_test(size=(120, 30)) as pilot:
        await on_version_8(pilot)
        await pilot.press("R")
        await sees(pilot, "Roll order-fulfilment back to v8?", '"Comment": "new"', '"Comment": "old"')
        await pilot.press("escape")
        await sees_no(pilot, "Roll order")
        assert not [call for call in daemon.asked if call[0] == "UpdateStateMachine"]
        await pilot.press("R")
        await sees(pilot, "Roll order-fulfilment back to v8?")
        await pilot.press("y")
        await until(pilot, lambda: "as in v8, which is published once more" in notices(pilot))
        (sent,) = [members for operation, members in daemon.asked if operation == "UpdateStateMachine"]
        assert (sent["definition"], sent["publish"], sent["versionDescription"]) == (OLD, True, "v8 again")


async def test_a_machine_of_a_file_is_rolled_back_in_its_file(make_app: App, tmp_path: Path) -> None:
    file = tmp_path / "order-fulfilment.asl.json"
    file.write_text(NEW)
    file.chmod(0o640)
    daemon = Deployed()
    app = make_app(behind=daemon)
    async with app.run_test(size=(120, 30)) as pilot:
        await sees(pilot, "● live")
        app.link.health["workflowsDirectory"] = str(tmp_path)
        await on_version_8(pilot)
        await pilot.press("R")
        await sees(pilot, "written to order-fulfilment.asl.json")
        await pilot.press("y")
        await until(pilot, lambda: "it becomes a new version" in notices(pilot))
    assert file.read_text() == OLD
    assert file.stat().st_mode & 0o777 == 0o640
    assert [each.name for each in tmp_path.glob(".*.new")] == []


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({"source": "order.asl.yaml"}, "is not kept as it was written"),
        ({"owner": "template", "source": "template.yaml"}, "is not kept as it was written"),
        ({}, "is not on this machine"),
    ],
)
async def test_what_cannot_be_rolled_back_here_says_what_can_be_done(make_app: App, members: Item, told: str) -> None:
    async with make_app(behind=Deployed(**members)).run_test(size=(120, 30)) as pilot:
        await on_version_8(pilot)
        await pilot.press("R")
        await until(pilot, lambda: told in notices(pilot))


async def test_what_is_in_force_needs_no_rolling_back_and_a_read_only_console_does_none(make_app: App) -> None:
    app = make_app(True, behind=Deployed(owner="api", source=None))
    async with app.run_test(size=(120, 30)) as pilot:
        await on_version_8(pilot)
        await sees_no(pilot, "roll back")
    async with make_app(behind=FakeDaemon()).run_test(size=(120, 30)) as pilot:
        await on_version_8(pilot)
        await pilot.press("R")
        await until(pilot, lambda: "v8 is the same as what is in force" in notices(pilot))
