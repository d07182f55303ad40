"""Map Runs through boto3: list, describe, change, and what is said of their children."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from flowd.integrations.ports import Failed
from tests.api.box import Box
from tests.engine.world import function

NOWHERE = "arn:aws:states:us-east-1:000000000000:mapRun:m/L:nowhere"


def definition(state: dict[str, Any], **fields: Any) -> str:
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "Each",
        "States": {"Each": state},
    }
    whole = {"Type": "Map", "Label": "L", "ItemProcessor": processor, "End": True, **fields}
    return json.dumps({"StartAt": "All", "States": {"All": whole}})


PASS = {"Type": "Pass", "End": True}
WAIT = {"Type": "Wait", "Seconds": 60, "End": True}


async def test_a_map_run_that_has_ended_is_described_as_recorded(box: Box) -> None:
    machine = await box.machine(definition(PASS, MaxConcurrency=1))
    arn = await box.run(machine, input="[1,2]")
    (listed,) = (await box.call("list_map_runs", executionArn=arn))["mapRuns"]
    assert listed["executionArn"] == arn
    assert listed["stateMachineArn"] == f"{machine}/L"
    assert {"startDate", "stopDate"} <= listed.keys()
    run = listed["mapRunArn"]
    found = await box.call("describe_map_run", mapRunArn=run)
    assert {"startDate", "stopDate"} <= found.keys()
    counts = {
        "aborted": 0,
        "failed": 0,
        "pending": 0,
        "resultsWritten": 2,
        "running": 0,
        "succeeded": 2,
        "timedOut": 0,
        "total": 2,
    }
    del found["startDate"], found["stopDate"]
    assert found == {
        "executionArn": arn,
        "executionCounts": counts,
        "itemCounts": counts,
        "mapRunArn": run,
        "maxConcurrency": 1,
        "status": "SUCCEEDED",
        "toleratedFailureCount": 0,
        "toleratedFailurePercentage": 0.0,
    }


async def test_children_are_listed_by_their_map_run_only(box: Box) -> None:
    machine = await box.machine(definition(PASS, ItemBatcher={"MaxItemsPerBatch": 2}))
    arn = await box.run(machine, input="[1,2,3]")
    run = (await box.call("list_map_runs", executionArn=arn))["mapRuns"][0]["mapRunArn"]
    listed = await box.call("list_executions", stateMachineArn=machine)
    assert [each["executionArn"] for each in listed["executions"]] == [arn]
    children = (await box.call("list_executions", mapRunArn=run))["executions"]
    assert [child["itemCount"] for child in children] == [1, 2]
    first = children[-1]
    assert first["mapRunArn"] == run
    assert first["stateMachineArn"] == f"{machine}/L"
    page = await box.call("list_executions", mapRunArn=run, maxResults=1)
    rest = await box.call("list_executions", mapRunArn=run, maxResults=1, nextToken=page["nextToken"])
    assert page["executions"] + rest["executions"] == children
    assert (await box.call("list_executions", mapRunArn=run, statusFilter="FAILED"))["executions"] == []
    child = await box.call("describe_execution", executionArn=first["executionArn"])
    assert (child["mapRunArn"], child["input"]) == (run, '{"Items":[1,2]}')
    shown = await box.call("describe_state_machine_for_execution", executionArn=first["executionArn"])
    assert (shown["mapRunArn"], shown["label"]) == (run, "L")
    assert json.loads(shown["definition"])["StartAt"] == "Each"
    history = (await box.call("get_execution_history", executionArn=first["executionArn"]))["events"]
    assert [event["type"] for event in history][-1] == "ExecutionSucceeded"


async def test_operators_find_the_items_of_a_map_run_by_status_and_by_number(box: Box) -> None:
    odd = {"Variable": "$.bad", "IsPresent": True, "Next": "Bad"}
    states = {
        "Each": {"Type": "Choice", "Choices": [odd], "Default": "Good"},
        "Good": {"Type": "Pass", "End": True},
        "Bad": {"Type": "Fail", "Error": "BadItem"},
    }
    whole = json.loads(definition(PASS, ToleratedFailurePercentage=100))
    whole["States"]["All"]["ItemProcessor"]["States"] = states
    arn = await box.run(await box.machine(json.dumps(whole)), input='[{"n":0},{"n":1,"bad":1},{"n":2},{"n":3}]')
    shown = await box.flowd("GetExecution", executionArn=arn)
    (run,) = shown["mapRuns"]
    assert (run["status"], run["items"], run["counts"]) == ("SUCCEEDED", 4, {"SUCCEEDED": 3, "FAILED": 1})
    for name in (run["mapRunArn"], run["mapRunArn"].rpartition(":")[2]):
        found = (await box.flowd("ListExecutions", filter=f"map:{name}"))["executions"]
        assert [(each["item"], each["itemCount"]) for each in found] == [(3, 1), (2, 1), (1, 1), (0, 1)]
        (failed,) = (await box.flowd("ListExecutions", filter=f"map:{name} status:failed"))["executions"]
        assert (failed["item"], failed["error"]) == (1, "BadItem")
        (third,) = (await box.flowd("ListExecutions", filter=f"map:{name} item:2"))["executions"]
        assert third["item"] == 2
        counted = await box.flowd("CountExecutions", filter=f"map:{name}", most=2)
        assert (counted["total"], counted.get("more")) == (4, None)
    assert (await box.flowd("ListExecutions", filter="map:%"))["executions"] == []
    assert [each["executionArn"] for each in (await box.flowd("ListExecutions"))["executions"]] == [arn]


async def test_a_running_map_run_is_changed_and_an_ended_one_is_not(box: Box) -> None:
    arn = await box.run(await box.machine(definition(WAIT, MaxConcurrency=1)), input="[1,2,3]")
    run = (await box.call("list_map_runs", executionArn=arn))["mapRuns"][0]["mapRunArn"]
    before = await box.call("describe_map_run", mapRunArn=run)
    assert (before["status"], "stopDate" in before) == ("RUNNING", False)
    assert (before["itemCounts"]["running"], before["itemCounts"]["pending"]) == (1, 2)
    changes = {"maxConcurrency": 2, "toleratedFailureCount": 5, "toleratedFailurePercentage": 7.5}
    assert await box.call("update_map_run", mapRunArn=run, **changes) == {}
    await box.world.settle()
    after = await box.call("describe_map_run", mapRunArn=run)
    assert {name: after[name] for name in changes} == changes
    assert after["itemCounts"]["running"] == 2
    await box.call("stop_execution", executionArn=arn)
    await box.world.settle()
    assert (await box.call("describe_map_run", mapRunArn=run))["status"] == "ABORTED"
    code, message = await box.refused("update_map_run", mapRunArn=run, maxConcurrency=1)
    assert code == "ValidationException"
    assert "has ended" in message


async def test_a_redriven_run_tells_what_is_still_to_be_redriven(box: Box) -> None:
    task = {"Type": "Task", "Resource": function("hang"), "End": True}
    box.world.functions.handlers["hang"] = lambda call: Failed("Boom", None)
    machine = await box.machine(definition(task, MaxConcurrency=1, ToleratedFailureCount=1))
    arn = await box.run(machine, input="[1,2,3]")
    run = (await box.call("list_map_runs", executionArn=arn))["mapRuns"][0]["mapRunArn"]
    box.world.functions.handlers["hang"] = lambda call: asyncio.Event().wait()
    await box.call("redrive_execution", executionArn=arn)
    await box.world.settle()
    (listed,) = (await box.call("list_map_runs", executionArn=arn))["mapRuns"]
    assert (listed["mapRunArn"], "stopDate" in listed) == (run, False)
    found = await box.call("describe_map_run", mapRunArn=run)
    assert (found["status"], found["redriveCount"], "redriveDate" in found) == ("RUNNING", 1, True)
    counts = found["executionCounts"]
    assert {name for name in counts if counts[name] == 1} == {"running", "pendingRedrive", "pending"}
    assert counts["total"] == 3

    async def names(**filters: str) -> list[tuple[str, int]]:
        children = (await box.call("list_executions", mapRunArn=run, **filters))["executions"]
        return [(child["status"], child["redriveCount"]) for child in reversed(children)]

    assert await names() == [("RUNNING", 1), ("PENDING_REDRIVE", 0)]
    assert await names(redriveFilter="REDRIVEN") == [("RUNNING", 1)]
    assert await names(redriveFilter="NOT_REDRIVEN") == [("PENDING_REDRIVE", 0)]
    assert await names(statusFilter="PENDING_REDRIVE") == [("PENDING_REDRIVE", 0)]
    assert await names(statusFilter="FAILED") == []
    waiting = (await box.call("list_executions", mapRunArn=run, statusFilter="PENDING_REDRIVE"))["executions"][0]
    shown = await box.call("describe_execution", executionArn=waiting["executionArn"])
    assert (shown["status"], shown["redriveStatus"]) == ("PENDING_REDRIVE", "NOT_REDRIVABLE")
    assert "PENDING_REDRIVE" in shown["redriveStatusReason"]
    await box.call("stop_execution", executionArn=arn)
    await box.world.settle()
    assert await names() == [("ABORTED", 1), ("FAILED", 0)]
    code, message = await box.refused("redrive_execution", executionArn=waiting["executionArn"])
    assert (code, "redrive the execution that started it" in message) == ("ExecutionNotRedrivable", True)


async def test_what_is_no_map_run_is_refused(box: Box) -> None:
    for operation in ("describe_map_run", "update_map_run", "list_executions"):
        assert (await box.refused(operation, mapRunArn=NOWHERE))[0] == "ResourceNotFound"
        assert (await box.refused(operation, mapRunArn="x"))[0] == "InvalidArn"
    nobody = "arn:aws:states:us-east-1:000000000000:execution:m:nobody"
    assert (await box.refused("list_map_runs", executionArn=nobody))[0] == "ExecutionDoesNotExist"
    arn = await box.run(await box.machine(definition(WAIT)), input="[1]")
    run = (await box.call("list_map_runs", executionArn=arn))["mapRuns"][0]["mapRunArn"]
    assert (await box.refused("update_map_run", mapRunArn=run))[0] == "ValidationException"
