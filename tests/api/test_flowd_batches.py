"""Batches over the socket: dry run, progress, cancel half-way, errors by item, a restart in the middle."""

from __future__ import annotations

import asyncio
import getpass
import json
from typing import Any

import pytest

from flowd.integrations.ports import Failed
from flowd.operators import batches
from tests.api.box import WAIT, Box

FAIL = json.dumps({"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Bad", "Cause": "it is"}}})
RETRY = json.dumps(
    {
        "StartAt": "T",
        "States": {
            "T": {
                "Type": "Task",
                "Resource": "arn:aws:lambda:us-east-1:000000000000:function:busy",
                "Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 3000, "MaxAttempts": 1}],
                "End": True,
            }
        },
    }
)


async def over(box: Box, batch: int) -> dict[str, Any]:
    while (found := await box.flowd("GetBatch", id=batch))["status"] in ("COLLECTING", "RUNNING"):
        await box.flowd("Watch", cursor=(await box.flowd("Health"))["cursor"], timeoutSeconds=0.05)
    await box.world.settle()
    return dict(found)


async def counts(box: Box, text: str = "") -> Any:
    return (await box.flowd("CountExecutions", filter=text))["counts"]


async def test_all_that_match_are_redriven_and_each_stands_in_the_audit(box: Box) -> None:
    failing = await box.machine(FAIL, name="failing")
    for number in range(7):
        await box.run(failing, name=f"n{number}")
    await box.run(await box.machine(name="good"))
    dry = await box.flowd("StartBatch", verb="redrive", filter="", dryRun=True)
    assert dry == {"counts": {"FAILED": 7, "SUCCEEDED": 1}, "matches": 8, "applies": 7}
    batch = await box.flowd("StartBatch", verb="redrive", filter="", reason="the bank is back")
    done = await over(box, batch["id"])
    assert (done["status"], done["total"], done["done"], done["failed"]) == ("DONE", 7, 7, 0)
    assert (await box.flowd("ListExecutions", filter="name:n3"))["executions"][0]["redriveCount"] == 1
    entries = (await box.flowd("ListAudit"))["entries"]
    mine = [entry for entry in entries if entry["verb"] == "RedriveExecution"]
    assert len(mine) == 7
    assert {(entry["who"], entry["detail"]) for entry in mine} == {
        (getpass.getuser(), f"batch {batch['id']}: the bank is back")
    }


async def test_named_executions_that_refuse_are_listed_with_their_reason(box: Box) -> None:
    await box.run(await box.machine(FAIL, name="failing"))
    await box.run(await box.machine(name="good"))
    batch = await box.flowd("StartBatch", verb="redrive", ids=[1, 2, 99], reason="try")
    done = await over(box, batch["id"])
    assert (done["total"], done["done"], done["failed"]) == (3, 1, 2)
    assert {each["error"] for each in done["errors"]} == {
        "ExecutionNotRedrivable: Execution is SUCCEEDED and cannot be redriven",
        "the execution is no longer there",
    }
    items = (await box.flowd("ListBatchItems", id=batch["id"], state="FAILED"))["items"]
    assert [item["execution"]["id"] for item in items] == [2]
    assert "cannot be redriven" in items[0]["problem"]


async def test_a_batch_that_is_cancelled_half_way_leaves_the_rest_alone(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "AT_ONCE", 2)
    waiting = await box.machine(WAIT, name="waiting")
    for number in range(10):
        await box.run(waiting, name=f"n{number}")
    stop, stopped = box.services.core.executions.stop, asyncio.Event()

    async def slow(arn: str, error: str | None, cause: str | None) -> int:
        answer = await stop(arn, error, cause)
        if not stopped.is_set():
            stopped.set()
            await box.flowd("CancelBatch", id=1)
        return answer

    monkeypatch.setattr(box.services.core.executions, "stop", slow)
    batch = await box.flowd("StartBatch", verb="stop", filter="machine:waiting", reason="wrong input", error="Wrong")
    done = await over(box, batch["id"])
    assert (done["status"], done["cancelledBy"], done["total"]) == ("CANCELLED", getpass.getuser(), 10)
    assert await counts(box) == {"RUNNING": 8, "ABORTED": 2}
    assert (await box.flowd("ListExecutions", filter="status:aborted"))["executions"][0]["error"] == "Wrong"
    assert (await box.flowd("CancelBatch", id=batch["id"]))["status"] == "CANCELLED"


async def test_a_batch_goes_on_after_a_restart(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "AT_ONCE", 2)
    waiting = await box.machine(WAIT, name="waiting")
    for number in range(6):
        await box.run(waiting, name=f"n{number}")
    stop, hung = box.services.core.executions.stop, asyncio.Event()

    async def hangs(arn: str, error: str | None, cause: str | None) -> int:
        if arn.endswith("n2"):
            hung.set()
            await asyncio.sleep(3600)
        return await stop(arn, error, cause)

    monkeypatch.setattr(box.services.core.executions, "stop", hangs)
    batch = await box.flowd("StartBatch", verb="stop", filter="", reason="all of them")
    await hung.wait()
    await box.world.settle()
    await box.restart()
    done = await over(box, batch["id"])
    assert (done["status"], done["done"], done["failed"]) == ("DONE", 6, 0)
    assert await counts(box) == {"ABORTED": 6}


async def test_what_waits_for_a_retry_is_retried_now(box: Box) -> None:
    box.world.functions.handlers["busy"] = lambda task: Failed("Busy", "")
    arn = await box.run(await box.machine(RETRY, name="retrying"))
    await box.run(await box.machine(WAIT, name="waiting"))
    box.world.functions.handlers["busy"] = lambda task: "at last"
    dry = await box.flowd("StartBatch", verb="retry-now", filter="status:running", dryRun=True)
    assert (dry["matches"], dry["applies"]) == (2, 1)
    assert await box.flowd("RetryNow", executionArn=arn) == {"retried": 1}
    await box.world.settle()
    assert (await box.call("describe_execution", executionArn=arn))["output"] == '"at last"'
    assert "waits for a retry" in (await box.flowd_refused("RetryNow", executionArn=arn)).message


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({"verb": "redrive", "filter": ""}, "needs a reason"),
        ({"verb": "redrive", "filter": "", "reason": "  "}, "needs a reason"),
        ({"verb": "explode", "filter": "", "reason": "x"}, "there are redrive, stop"),
        ({"verb": "redrive", "reason": "x"}, "a filter or for ids"),
        ({"verb": "redrive", "filter": "", "ids": [1], "reason": "x"}, "a filter or for ids"),
        ({"verb": "redrive", "ids": [], "reason": "x"}, "1 to 1000"),
        ({"verb": "redrive", "filter": "status:odd", "reason": "x"}, "status:odd"),
        ({"verb": "redrive", "filter": "", "error": "E", "reason": "x"}, "takes no error"),
    ],
)
async def test_a_batch_that_makes_no_sense_is_refused(box: Box, members: dict[str, Any], told: str) -> None:
    error = await box.flowd_refused("StartBatch", **members)
    assert error.code == "ValidationException" and told in error.message
    assert (await box.flowd("ListBatches"))["batches"] == []


async def test_a_batch_that_never_was_is_not_found(box: Box) -> None:
    for operation in ("GetBatch", "CancelBatch", "ListBatchItems"):
        assert (await box.flowd_refused(operation, id=7)).code == "ResourceNotFound"
