"""flowd's own operations over the unix socket."""

from __future__ import annotations

import asyncio
import getpass
import json
from functools import partial
from typing import Any

import pytest

from flowd.functions import FunctionSpec
from flowd.sam.schedules import SamSchedule
from flowd.store import matching, prompts, schema
from tests.api.box import PASS, WAIT, Box, activity_machine

TEAM = "arn:aws:states:us-east-1:000000000000:activity:team"
SCHEMA = {
    "type": "object",
    "properties": {"approved": {"type": "boolean"}, "note": {"type": "string", "maxLength": 3}},
    "required": ["approved"],
    "additionalProperties": False,
}


def asking(**prompt: Any) -> str:
    return activity_machine(TEAM, Parameters={"Prompt": {"Title": "Go?", **prompt}, "n.$": "$.n"}, TimeoutSeconds=60)


async def only_prompt(box: Box) -> dict[str, Any]:
    prompts = (await box.flowd("ListPrompts"))["prompts"]
    assert len(prompts) == 1
    found: dict[str, Any] = prompts[0]
    return found


async def test_a_prompt_is_listed_answered_once_and_remembered(box: Box) -> None:
    arn = await box.run(
        await box.machine(asking(Schema=SCHEMA, Message="m", Choices=["a"], Assignees="eva", Reminder=5)),
        input='{"n": 1}',
    )
    prompt = await only_prompt(box)
    asked = box.world.clock.now_ms() / 1000
    assert prompt == {
        "id": prompt["id"],
        "kind": "prompt",
        "queue": "team",
        "title": "Go?",
        "message": "m",
        "schema": SCHEMA,
        "choices": ["a"],
        "assignees": ["eva"],
        "reminderAt": asked + 5,
        "input": prompt["input"],
        "executionArn": arn,
        "executionName": arn.rpartition(":")[2],
        "stateMachineName": "m",
        "state": "Ask",
        "askedAt": asked,
        "dueAt": asked + 60,
    }
    assert json.loads(prompt["input"])["n"] == 1
    wrong = await box.flowd_refused("AnswerPrompt", id=prompt["id"], output='{"note": "long", "x": 1}')
    assert wrong.code == "ValidationException"
    assert {fault["path"] for fault in wrong.members["errors"]} == {"", "/note"}
    assert (await box.flowd_refused("AnswerPrompt", id=prompt["id"], output="{")).code == "ValidationException"
    assert await only_prompt(box) == prompt

    answered = await box.flowd("AnswerPrompt", id=prompt["id"], output='{"approved":  true}', comment="fine")
    assert answered == {"id": prompt["id"], "by": getpass.getuser(), "at": asked, "repeated": False}
    await box.world.settle()
    assert (await box.call("describe_execution", executionArn=arn))["output"] == '{"approved":  true}'
    again = await box.flowd("AnswerPrompt", id=prompt["id"], output='{"approved":true}')
    assert again == {**answered, "repeated": True}
    other = await box.flowd_refused("AnswerPrompt", id=prompt["id"], output='{"approved": false}')
    assert (other.code, other.members["by"]) == ("ConflictException", getpass.getuser())
    assert getpass.getuser() in other.message
    assert (await box.flowd("ListPrompts"))["prompts"] == []
    closed = (await box.flowd("ListPrompts", closed=True))["prompts"]
    assert [each["answer"] for each in closed] == [
        {"output": '{"approved":  true}', "by": getpass.getuser(), "at": asked}
    ]
    assert (closed[0]["title"], closed[0]["executionArn"]) == ("Go?", arn)
    entry = (await box.flowd("ListAudit", limit=1))["entries"][0]
    assert (entry["verb"], entry["who"], entry["target"]) == ("AnswerPrompt", getpass.getuser(), f"{arn} Ask")
    assert "fine" in entry["detail"]


async def test_two_people_at_once_are_one_answer_and_one_conflict(box: Box) -> None:
    await box.run(await box.machine(asking()), input='{"n": 1}')
    prompt = (await only_prompt(box))["id"]
    outcomes = await asyncio.gather(
        *(box.flowd("AnswerPrompt", id=prompt, output=str(number)) for number in range(5)), return_exceptions=True
    )
    good = [outcome for outcome in outcomes if isinstance(outcome, dict)]
    assert len(good) == 1
    assert {getattr(bad, "code", None) for bad in outcomes if bad is not good[0]} == {"ConflictException"}


async def test_a_prompt_survives_a_restart_and_can_be_failed(box: Box) -> None:
    arn = await box.run(await box.machine(asking()), input='{"n": 1}')
    before = await only_prompt(box)
    await box.restart()
    assert await only_prompt(box) == before
    await box.flowd("FailPrompt", id=before["id"], error="Rejected", cause="no")
    await box.world.settle()
    found = await box.call("describe_execution", executionArn=arn)
    assert (found["status"], found["error"], found["cause"]) == ("FAILED", "Rejected", "no")
    assert (await box.flowd("FailPrompt", id=before["id"], error="Rejected", cause="no"))["repeated"]
    assert (await box.flowd_refused("AnswerPrompt", id=before["id"], output="1")).code == "ConflictException"


async def test_a_claim_without_effect_does_not_block_the_prompt(box: Box) -> None:
    """As if the daemon had died between the claim and the answer."""
    await box.run(await box.machine(asking()), input='{"n": 1}')
    prompt = (await only_prompt(box))["id"]
    claim = schema.PromptAnswer(short=prompt, execution_id=1, state="Ask", queue="team", output="1", answered_by="x")
    await box.services.core.db.write(partial(prompts.claim, answer=claim))
    assert (await box.flowd("ListPrompts", closed=True))["prompts"] == []
    assert (await box.flowd("AnswerPrompt", id=prompt, output="2"))["by"] == getpass.getuser()


async def test_a_prompt_that_is_over_or_never_was_is_not_found(box: Box) -> None:
    await box.run(await box.machine(asking()), input='{"n": 1}')
    prompt = (await only_prompt(box))["id"]
    await box.world.pass_time(61)
    assert (await box.flowd("ListPrompts"))["prompts"] == []
    for name in (prompt, "zz", ""):
        assert (await box.flowd_refused("AnswerPrompt", id=name, output="1")).code == "ResourceNotFound"


async def test_plain_activity_tasks_stand_in_the_inbox_as_tokens(box: Box) -> None:
    arn = await box.run(await box.machine(activity_machine(TEAM)), input='{"n": 1}')
    token = await only_prompt(box)
    assert (token["kind"], token["title"], token["queue"]) == ("token", "Ask", "team")
    await box.flowd("AnswerPrompt", id=token["id"], output="7")
    await box.world.settle()
    assert (await box.call("describe_execution", executionArn=arn))["output"] == "7"


async def test_executions_are_filtered_paged_and_counted(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    good, slow = await box.machine(PASS, name="order-a"), await box.machine(WAIT, name="slow")
    arns = [await box.run(good, name=f"n{number}") for number in range(3)] + [await box.run(slow, name="w1")]
    await box.call("stop_execution", executionArn=arns[3], error="Card.Declined")

    async def names(text: str, **members: Any) -> list[str]:
        answer = await box.flowd("ListExecutions", filter=text, **members)
        return [item["name"] for item in answer["executions"]]

    assert await names("") == ["w1", "n2", "n1", "n0"]
    assert await names("status:succeeded") == ["n2", "n1", "n0"]
    assert await names("machine:order-*") == ["n2", "n1", "n0"]
    assert await names("name:n1,n2 since:1h") == ["n2", "n1"]
    assert await names("error:Card*") == ["w1"]
    assert await names("W type:standard") == ["w1"]
    assert await names("until:1h") == []
    assert (await box.flowd_refused("ListExecutions", filter="status:nope")).code == "ValidationException"
    assert (await box.flowd_refused("ListExecutions", limit=0)).code == "ValidationException"
    assert await names("name:n*", patienceSeconds=0.5) == ["n2", "n1", "n0"]
    monkeypatch.setattr(matching, "PIECE", 1)
    piece = await box.flowd("ListExecutions", filter="name:*0", patienceSeconds=0, limit=1)
    assert piece == {"executions": [], "next": 4, "searched": 0.25}
    assert await names("name:*0", patienceSeconds=1, before=piece["next"]) == ["n0"]
    page = await box.flowd("ListExecutions", limit=2)
    rest = await box.flowd("ListExecutions", limit=2, before=page["next"])
    assert [item["name"] for item in rest["executions"]] == ["n1", "n0"]
    assert "next" not in rest
    assert await box.flowd("CountExecutions") == {"counts": {"SUCCEEDED": 3, "ABORTED": 1}, "total": 4}
    assert await box.flowd("CountExecutions", filter="machine:slow") == {"counts": {"ABORTED": 1}, "total": 1}
    assert page["executions"][0] == {
        "id": 4,
        "executionArn": arns[3],
        "name": "w1",
        "stateMachineName": "slow",
        "stateMachineArn": slow,
        "type": "STANDARD",
        "status": "ABORTED",
        "startDate": page["executions"][0]["startDate"],
        "stopDate": page["executions"][0]["stopDate"],
        "state": "W",
        "error": "Card.Declined",
        "redriveCount": 0,
        "trigger": "api",
    }


async def test_one_execution_shows_all_that_is_open(box: Box) -> None:
    waiting = await box.run(await box.machine(WAIT))
    found = await box.flowd("GetExecution", executionArn=waiting)
    assert (found["status"], found["waiting"], found["definition"], found["input"]) == ("RUNNING", "timer", WAIT, "{}")
    due = box.world.clock.now_ms() / 1000 + 60
    assert found["timers"] == [{"frame": "0", "state": "W", "purpose": "wait", "dueAt": due}]
    asked = await box.run(await box.machine(asking(), name="p"), input='{"n": 1}')
    task = (await box.flowd("GetExecution", executionArn=asked))["openTasks"][0]
    assert (task["state"], task["status"], task["worker"], task["timeoutAt"]) == ("Ask", "STARTED", "flowd-inbox", due)
    assert task["promptId"] == (await only_prompt(box))["id"]
    assert (await box.flowd_refused("GetExecution", executionArn=f"{asked}x")).code == "ExecutionDoesNotExist"
    assert (await box.flowd_refused("GetExecution")).code == "ValidationException"


async def test_a_history_is_read_on_from_an_event(box: Box) -> None:
    arn = await box.run(await box.machine())
    first = await box.flowd("GetHistory", executionArn=arn, limit=3)
    assert ([event["id"] for event in first["events"]], first["last"], first["more"]) == ([1, 2, 3], 3, True)
    assert first["events"][1]["frame"] == "0"
    rest = await box.flowd("GetHistory", executionArn=arn, after=3)
    assert ([event["type"] for event in rest["events"]], rest["more"]) == (["ExecutionSucceeded"], False)
    assert (await box.flowd("GetHistory", executionArn=arn, after=99))["last"] == 99
    assert (await box.flowd("GetTaskOutput", executionArn=arn))["outputs"] == []


async def test_an_execution_is_run_again_with_another_input(box: Box) -> None:
    arn = await box.run(await box.machine(PASS), input='{"a": 1}')
    again = await box.flowd("StartFromInput", executionArn=arn, input='{"a": 2}')
    await box.world.settle()
    assert (await box.call("describe_execution", executionArn=again["executionArn"]))["input"] == '{"a": 2}'
    assert (await box.flowd_refused("StartFromInput", executionArn=arn, input="{")).code == "InvalidExecutionInput"
    await box.call("delete_state_machine", stateMachineArn="arn:aws:states:us-east-1:000000000000:stateMachine:m")
    assert (await box.flowd_refused("StartFromInput", executionArn=arn, input="1")).code == "ResourceNotFound"


async def test_watch_answers_when_something_changes(box: Box) -> None:
    machine = await box.machine(WAIT)
    begin = await box.flowd("Watch", timeoutSeconds=0)
    assert (begin["changes"], begin["resync"]) == ([], False)
    poll = asyncio.create_task(box.flowd("Watch", cursor=begin["cursor"]))
    arn = await box.run(machine)
    async with asyncio.timeout(5):
        news = await poll
    assert news["changes"] == [{"kind": "execution", "id": "1", "executionArn": arn, "status": "RUNNING", "name": "m"}]
    assert news["databaseId"] == (await box.flowd("Health"))["databaseId"]
    quiet = asyncio.create_task(box.flowd("Watch", cursor=news["cursor"], executionArn=arn, timeoutSeconds=5))
    await box.machine(PASS, name="other")
    await asyncio.sleep(0.05)
    assert not quiet.done()
    await box.call("stop_execution", executionArn=arn)
    assert [change["status"] for change in (await quiet)["changes"]] == ["ABORTED"]
    assert (await box.flowd("Watch", cursor=10**9))["resync"]


async def test_a_machine_tells_its_last_day_and_its_aliases(box: Box) -> None:
    machine = await box.machine(PASS, publish=True)
    version = {"stateMachineVersionArn": f"{machine}:1", "weight": 100}
    await box.call("create_state_machine_alias", name="live", routingConfiguration=[version], description="for all")
    for number in range(3):
        await box.run(machine, input=str(number))
    await box.world.settle()
    (told,) = (await box.flowd("ListMachines"))["machines"]
    assert told["aliases"] == [
        {"name": "live", "description": "for all", "routing": [{"version": 1, "weight": 100}],
         "updatedAt": told["aliases"][0]["updatedAt"]}
    ]  # fmt: skip
    day = told["day"]
    assert (day["succeeded"], day["failed"], len(day["hours"]), sum(day["hours"])) == (3, 0, 24, 3)
    assert day["hours"][-1] == 3 and day["p95Seconds"] >= 0


async def test_machines_files_functions_and_queues_are_listed(box: Box) -> None:
    machine = await box.machine(asking(), publish=True)
    await box.run(machine, input='{"n": 1}')
    await box.run(await box.machine(activity_machine(TEAM.replace("team", "jobs")), name="w"))
    machines = (await box.flowd("ListMachines"))["machines"]
    assert machines[0] == {
        "name": "m",
        "stateMachineArn": machine,
        "type": "STANDARD",
        "status": "ACTIVE",
        "version": 1,
        "states": 1,
        "counts": {"RUNNING": 1},
        "owner": "api",
        "updatedAt": machines[0]["updatedAt"],
    }
    assert "day" not in machines[0]
    at = box.world.clock.now_ms() / 1000
    assert (await box.flowd("ListQueues"))["queues"] == [
        {"name": "jobs", "depth": 1, "oldestAt": at, "pollers": 0, "openPrompts": 0},
        {"name": "team", "depth": 0, "pollers": 0, "openPrompts": 1},
    ]
    box.registrar.functions = (FunctionSpec(name="charge", kind="python", path="/w/functions/charge.py"),)
    assert (await box.flowd("ListFunctions"))["functions"] == [
        {
            "name": "charge",
            "kind": "python",
            "source": "/w/functions/charge.py",
            "timeoutSeconds": 900.0,
            "memoryMb": 512,
            "warm": 2,
            "packages": "installing",
        }
    ]
    assert (await box.flowd("ListFiles")) == {"files": []}


async def test_health_tells_how_the_daemon_is(box: Box) -> None:
    await box.run(await box.machine(WAIT))
    found = await box.flowd("Health")
    assert found["executions"] == {"RUNNING": 1}
    assert (found["deadlines"], found["machines"], found["writable"], found["problems"]) == (1, 1, True, [])
    assert found["nextDeadline"] == box.world.clock.now_ms() / 1000 + 60
    assert found["databaseBytes"] > 0
    assert found["runner"] == {"status": "up"}
    box.runner.connected, box.runner.problem = False, "no runner answers on /s"
    box.registrar.functions = (FunctionSpec(name="f", kind="python", path="/f.py"),)
    found = await box.flowd("Health")
    assert found["runner"] == {"status": "down"}
    assert found["problems"][0] == "functions wait: no runner answers on /s"
    box.dropfolder.problem = "the drop folder /w cannot be read: No such file or directory"
    found = await box.flowd("Health")
    assert found["problems"][1] == f"{box.dropfolder.problem}; what it held stays in force"


async def test_schedules_are_listed_paused_resumed_and_run(box: Box) -> None:
    await box.machine(PASS, name="report")
    schedule = SamSchedule(name="nightly", machine="report", expression="cron(0 3 * * ? *)", timezone="Europe/Berlin")
    await box.services.core.schedules.set_schedules([schedule])
    shown = (await box.flowd("ListSchedules"))["schedules"][0]
    assert (shown["name"], shown["stateMachineName"], shown["state"]) == ("nightly", "report", "ENABLED")
    assert len(shown["next"]) == 5
    assert shown["next"] == sorted(shown["next"])
    assert "last" not in shown
    assert await box.flowd("PauseSchedule", name="nightly") == {"name": "nightly", "state": "DISABLED"}
    assert (await box.flowd("ListSchedules"))["schedules"][0]["next"] == []
    assert await box.flowd("ResumeSchedule", name="nightly") == {"name": "nightly", "state": "ENABLED"}
    ran = await box.flowd("RunSchedule", name="nightly")
    await box.world.settle()
    last = (await box.flowd("ListSchedules"))["schedules"][0]["last"]
    assert (last["executionArn"], last["status"]) == (ran["executionArn"], "SUCCEEDED")
    assert (await box.flowd("ListExecutions"))["executions"][0]["trigger"] == "schedule:nightly"
    for verb in ("PauseSchedule", "ResumeSchedule", "RunSchedule"):
        assert (await box.flowd_refused(verb, name="none")).code == "ResourceNotFound"


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("ListExecutions", {"limit": "many"}),
        ("Watch", {"cursor": "x"}),
        ("AnswerPrompt", {"id": 1, "output": "1"}),
        ("AnswerPrompt", {"id": "a"}),
        ("GetHistory", {"executionArn": "x"}),
        ("ListAudit", {"limit": 100_000}),
    ],
)
async def test_requests_that_do_not_fit_are_client_errors(box: Box, operation: str, members: dict[str, Any]) -> None:
    assert (await box.flowd_refused(operation, **members)).code in ("ValidationException", "InvalidArn")
