"""What a machine's row tells, and its verbs: versions, aliases, pause, undeploy. By keys only."""

from __future__ import annotations

import pytest

from console.client import RemoteError
from console.screens.aliases import routes_of
from tests.console.conftest import Console
from tests.console.driver import goes_to, notices, sees, until
from tests.console.fake import FakeDaemon

ARN = "arn:aws:states:us-east-1:000000000000:stateMachine:order-fulfilment"


async def test_a_wide_row_tells_the_day_the_schedule_and_the_aliases(console: Console) -> None:
    async with console(200, 30) as pilot:
        await sees(pilot, "● live")
        await goes_to(pilot, "sm")
        text = await sees(pilot, "24h", "by hour", "p95", "schedule", "aliases")
        order = next(line for line in text.splitlines() if "order-fulfilment.asl.json" in line)
        assert "812✓ 19✗" in order and "4.2s" in order and "live" in order and "█" in order
        nightly = next(line for line in text.splitlines() if "nightly-report.asl.json" in line)
        assert "cron(0 2 * * ? *)" in nightly and "5m04s" in nightly


async def test_in_80_columns_the_day_and_p95_stay(console: Console) -> None:
    async with console(80, 24) as pilot:
        await sees(pilot, "● live")
        await goes_to(pilot, "sm")
        await sees(pilot, "812✓ 19✗", "4.2s")


async def test_versions_and_their_difference_are_a_key_away(console: Console) -> None:
    async with console(120, 30) as pilot:
        await sees(pilot, "● live")
        await goes_to(pilot, "sm")
        await sees(pilot, "order-fulfilment")
        await pilot.press("slash", *"order-", "enter", "v")
        await sees(pilot, "machines › order-fulfilment › versions", "v9", "v8")
        await pilot.press("escape", "d")
        await sees(pilot, "order-fulfilment v8 › v9", "the two are the same")
        await pilot.press("escape", "escape", "slash", *"nightly", "enter", "d")
        await until(pilot, lambda: "nightly-report has one version" in notices(pilot))


async def test_an_alias_is_changed_made_and_deleted(console: Console, daemon: FakeDaemon) -> None:
    async with console(120, 30) as pilot:
        await sees(pilot, "● live")
        await goes_to(pilot, "sm")
        await sees(pilot, "order-fulfilment")
        await pilot.press("slash", *"order-", "enter", "a")
        await sees(pilot, "order-fulfilment › aliases", "live", "v9 90 % · v8 10 %", "latest version v9")
        await pilot.press("enter")
        await sees(pilot, "Where live leads")
        await pilot.press("ctrl+u", *"nine", "enter")
        await sees(pilot, "✗ not versions: 'nine': write one like 9")
        await pilot.press("ctrl+u", *"9:70 8:30", "enter")
        await until(pilot, lambda: daemon.asked)
        routes = [
            {"stateMachineVersionArn": f"{ARN}:9", "weight": 70},
            {"stateMachineVersionArn": f"{ARN}:8", "weight": 30},
        ]
        assert daemon.asked == [
            ("UpdateStateMachineAlias",
             {"stateMachineAliasArn": f"{ARN}:live", "routingConfiguration": routes, "description": ""}),
        ]  # fmt: skip
        await pilot.press("N")
        await sees(pilot, "A new alias of order-fulfilment")
        await pilot.press(*"beta", "enter")
        await until(pilot, lambda: len(daemon.asked) == 2)
        assert daemon.asked[1] == (
            "CreateStateMachineAlias",
            {
                "name": "beta",
                "routingConfiguration": [{"stateMachineVersionArn": f"{ARN}:9", "weight": 100}],
                "description": "",
            },
        )
        await pilot.press("x")
        await sees(pilot, "Delete the alias live?")
        await pilot.press("y")
        await until(pilot, lambda: len(daemon.asked) == 3)
        assert daemon.asked[2] == ("DeleteStateMachineAlias", {"stateMachineAliasArn": f"{ARN}:live"})


async def test_pausing_a_machine_pauses_what_starts_it(console: Console, daemon: FakeDaemon) -> None:
    async with console(120, 30) as pilot:
        await sees(pilot, "● live")
        await goes_to(pilot, "sm")
        await sees(pilot, "nightly-report")
        await pilot.press("j", "p")
        await until(pilot, lambda: "pause: nothing starts it by itself" in notices(pilot))
        await pilot.press("slash", *"nightly", "enter", "p")
        await until(pilot, lambda: daemon.asked)
        assert daemon.asked == [("PauseSchedules", {"names": ["nightly", "sync"]})]


async def test_a_machine_of_a_file_is_not_undeployed_and_one_of_the_api_only_by_its_name(
    console: Console, daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with console(120, 30) as pilot:
        await sees(pilot, "● live")
        await goes_to(pilot, "sm")
        await sees(pilot, "order-fulfilment")
        await pilot.press("slash", *"order-", "enter", "u")
        await until(pilot, lambda: "it is deployed by its file: remove order-fulfilment.asl.json" in notices(pilot))
        real = daemon.machines

        async def of_the_api() -> list[dict[str, object]]:
            return [{**each, "owner": "api"} for each in await real()]

        monkeypatch.setattr(daemon, "machines", of_the_api)
        await pilot.press("ctrl+r", "u")
        await sees(pilot, "Undeploy order-fulfilment", "executions of it still run")
        await pilot.press(*"order", "enter")
        await sees(pilot, "to delete it, type order-fulfilment")
        await pilot.press(*"-fulfilment", "enter")
        await until(pilot, lambda: daemon.asked)
        assert daemon.asked == [("DeleteStateMachine", {"stateMachineArn": ARN})]


async def test_a_read_only_console_has_none_of_these(console: Console) -> None:
    async with console(120, 30, readonly=True) as pilot:
        await sees(pilot, "● live")
        await goes_to(pilot, "sm")
        await sees(pilot, "nightly-report")
        await pilot.press("slash", *"nightly", "enter", "p")
        await until(pilot, lambda: "pause: the console is read-only" in notices(pilot))


def test_the_versions_of_an_alias_are_written_as_people_write_them() -> None:
    assert routes_of("v9", "m") == [{"stateMachineVersionArn": "m:9", "weight": 100}]
    assert [route["weight"] for route in routes_of("9:90%, 8:10", "m")] == [90, 10]
    for wrong in ("", "latest", "9:x", "9 8 live"):
        with pytest.raises(RemoteError, match="write one like 9"):
            routes_of(wrong, "m")
