"""Metrics, dead letters, deploys, log, presence, saved views, and schedules in bulk, over the socket."""

from __future__ import annotations

import asyncio
import getpass
import json
import logging
from typing import Any

import pytest

from flowd.sam.schedules import SamSchedule
from tests.api.box import PASS, WAIT, Box, activity_machine

ME = getpass.getuser()
JOBS = "arn:aws:states:us-east-1:000000000000:activity:jobs"


def failing(error: str) -> str:
    return json.dumps({"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": error}}})


async def test_dead_letters_are_grouped_and_a_group_is_redriven_by_its_filter(box: Box) -> None:
    declined, down = await box.machine(failing("Card Declined"), name="a"), await box.machine(failing("Down"), name="b")
    for machine, times in ((declined, 3), (down, 1)):
        for _ in range(times):
            await box.run(machine)
    stopped = await box.run(await box.machine(WAIT, name="w"))
    await box.call("stop_execution", executionArn=stopped)
    groups = (await box.flowd("ListDeadLetters"))["groups"]
    assert [(g["stateMachineName"], g["state"], g["error"], g["count"]) for g in groups] == [
        ("a", "F", "Card Declined", 3),
        ("b", "F", "Down", 1),
    ]
    assert groups[0]["filter"] == 'status:failed,timed_out machine:a on:F error:"Card Declined"'
    found = await box.flowd("CountExecutions", filter=groups[0]["filter"])
    assert found["total"] == 3
    await box.world.pass_time(3 * 86_400)
    assert (await box.flowd("ListDeadLetters", days=2))["groups"] == []


async def test_metrics_count_what_began_and_ended_by_the_minute(box: Box) -> None:
    good, bad = await box.machine(PASS, name="good"), await box.machine(failing("E"), name="bad")
    await box.run(good)
    await box.run(good)
    await box.world.pass_time(120)
    await box.run(bad)
    await box.services.core.archivist.pack_all()
    found = await box.flowd("GetMetrics", minutes=5)
    assert [m["started"] for m in found["minutes"]] == [0, 0, 2, 0, 1]
    assert [m["succeeded"] for m in found["minutes"]] == [0, 0, 2, 0, 0]
    assert [m["failed"] for m in found["minutes"]] == [0, 0, 0, 0, 1]
    assert found["p95Seconds"] == 0 and "queueOldestAt" not in found
    await box.run(await box.machine(activity_machine(JOBS), name="j"))
    asked = box.world.clock.now_ms() / 1000
    await box.world.pass_time(60)
    assert (await box.flowd("GetMetrics", minutes=5))["queueOldestAt"] == asked


async def test_deploys_tell_who_published_what(box: Box) -> None:
    machine = await box.machine(PASS, name="m", publish=True, versionDescription="first")
    await box.call("update_state_machine", stateMachineArn=machine, definition=WAIT)
    await box.call("publish_state_machine_version", stateMachineArn=machine, description="waits")
    found = (await box.flowd("ListDeploys"))["deploys"]
    assert [(d["version"], d.get("description"), d["current"]) for d in found] == [
        (2, "waits", True),
        (1, "first", False),
    ]
    assert found[0]["by"] == "anonymous"
    page = await box.flowd("ListDeploys", limit=1)
    rest = await box.flowd("ListDeploys", limit=1, before=page["next"])
    assert [d["version"] for d in rest["deploys"]] == [1]


async def test_the_log_is_read_on_from_a_line(box: Box, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    log = logging.getLogger("flowd.test")
    log.info("one")
    log.warning("two %s", "words")
    lines = (await box.flowd("ReadLog"))["lines"][-2:]
    assert [(line["level"], line["logger"], line["text"]) for line in lines] == [
        ("INFO", "flowd.test", "one"),
        ("WARNING", "flowd.test", "two words"),
    ]
    poll = asyncio.create_task(box.flowd("ReadLog", after=lines[-1]["id"], level="error", timeoutSeconds=5))
    await box.flowd("Health")
    log.warning("not this")
    try:
        raise ValueError("inner")
    except ValueError:
        log.exception("that")
    assert [line["text"] for line in (await poll)["lines"]] == ["that (ValueError: inner)"]
    assert (await box.flowd_refused("ReadLog", level="loud")).code == "ValidationException"


async def test_consoles_see_each_other_until_they_fall_silent(box: Box) -> None:
    first = await box.flowd("Attend", console="c1", looksAt="executions")
    assert (first["you"], [each["console"] for each in first["attached"]]) == (ME, ["c1"])
    cursor = (await box.flowd("Health"))["cursor"]
    await box.flowd("Attend", console="c2", looksAt="prompt 7f3a")
    news = (await box.flowd("Watch", cursor=cursor, timeoutSeconds=1))["changes"]
    assert [each["kind"] for each in news] == ["presence"]
    both = await box.flowd("Attend", console="c1", looksAt="inbox")
    assert [(each["console"], each["looksAt"]) for each in both["attached"]] == [("c1", "inbox"), ("c2", "prompt 7f3a")]
    assert (await box.flowd("Health"))["attached"] == 2
    await box.world.pass_time(61)
    assert [each["console"] for each in (await box.flowd("Attend", console="c1"))["attached"]] == ["c1"]
    assert (await box.flowd("Attend", console="c1", leaves=True))["attached"] == []


async def test_a_worker_that_polls_is_remembered(box: Box) -> None:
    await box.run(await box.machine(activity_machine(JOBS), name="j"))
    assert "polledAt" not in (await box.flowd("ListQueues"))["queues"][0]
    await box.call("create_activity", name="jobs")
    await box.call("get_activity_task", activityArn=JOBS, workerName="worker-7")
    queue = (await box.flowd("ListQueues"))["queues"][0]
    assert (queue["polledBy"], queue["polledAt"]) == ("worker-7", box.world.clock.now_ms() / 1000)


async def test_views_are_kept_by_name_over_a_restart(box: Box) -> None:
    await box.flowd("SaveView", name="failed today", filter="status:failed since:24h")
    await box.flowd("SaveView", name="a", filter="error:X")
    await box.flowd("SaveView", name="a", filter="error:Y")
    await box.restart()
    views = (await box.flowd("ListViews"))["views"]
    assert [(view["name"], view["filter"]) for view in views] == [
        ("a", "error:Y"),
        ("failed today", "status:failed since:24h"),
    ]
    await box.flowd("DeleteView", name="a")
    assert (await box.flowd_refused("DeleteView", name="a")).code == "ResourceNotFound"
    for name, text in (("b", "status:odd"), (" ", ""), ("x" * 65, "")):
        assert (await box.flowd_refused("SaveView", name=name, filter=text)).code == "ValidationException"


def schedules(*names: str) -> list[SamSchedule]:
    return [SamSchedule(name=name, machine="report", expression="rate(1 hour)", timezone="UTC") for name in names]


async def test_schedules_are_paused_and_resumed_in_bulk(box: Box) -> None:
    await box.machine(PASS, name="report")
    await box.services.core.schedules.set_schedules(schedules("a", "b", "c"))
    assert await box.flowd("PauseSchedules", names=["a", "b"], reason="bank holiday") == {"names": ["a", "b"]}
    assert await box.flowd("PauseSchedules") == {"names": ["c"]}
    shown = (await box.flowd("ListSchedules"))["schedules"]
    assert [(each["state"], each["pausedBy"]) for each in shown] == [("DISABLED", ME)] * 3
    assert (await box.flowd_refused("ResumeSchedules", names=["a", "nope"])).code == "ResourceNotFound"
    assert await box.flowd("ResumeSchedules") == {"names": ["a", "b", "c"]}
    verbs = [(e["verb"], e["target"], e.get("detail")) for e in (await box.flowd("ListAudit"))["entries"]]
    assert ("PauseSchedule", "a", "bank holiday") in verbs


async def test_a_backfill_is_previewed_and_starts_each_run_once(box: Box) -> None:
    await box.machine(PASS, name="report")
    hourly = SamSchedule(name="hourly", machine="report", expression="cron(0 * * * ? *)", timezone="UTC")
    await box.services.core.schedules.set_schedules([hourly])
    await box.world.pass_time(86_400)
    await box.call("list_executions", stateMachineArn="arn:aws:states:us-east-1:000000000000:stateMachine:report")
    now = box.world.clock.now_ms() / 1000
    hour = now - now % 3600
    ask: dict[str, Any] = {"name": "hourly", "since": hour - 40 * 3600, "until": hour - 36 * 3600}
    before = (await box.flowd("CountExecutions"))["total"]
    dry = await box.flowd("BackfillSchedule", **ask, dryRun=True)
    assert dry == {"name": "hourly", "times": [hour - n * 3600 for n in (40, 39, 38, 37)]}
    assert (await box.flowd("CountExecutions"))["total"] == before
    done = await box.flowd("BackfillSchedule", **ask, reason="was down")
    assert len(done["started"]) == 4
    await box.world.settle()
    assert (await box.flowd("BackfillSchedule", **ask))["started"] == []
    assert (await box.flowd("CountExecutions", filter="trigger:schedule:hourly"))["total"] == before + 4
    entries = (await box.flowd("ListAudit"))["entries"]
    assert ("BackfillSchedule", "4 runs: was down") in [(e["verb"], e.get("detail")) for e in entries]


@pytest.mark.parametrize(("since", "until"), [(5.0, 4.0), (0.0, 1e12), (-5.0, 5.0), (0.0, None)])
async def test_a_backfill_that_makes_no_sense_is_refused(box: Box, since: float, until: float | None) -> None:
    await box.machine(PASS, name="report")
    await box.services.core.schedules.set_schedules(schedules("a"))
    members = {"since": since, **({} if until is None else {"until": until})}
    assert (await box.flowd_refused("BackfillSchedule", name="a", **members)).code == "ValidationException"
    assert (await box.flowd_refused("BackfillSchedule", name="none", since=1.0)).code == "ResourceNotFound"
