"""Stopping and redriving where SWF executions stand in the same list as all others: over the socket."""

from __future__ import annotations

import json

from tests.api.box import WAIT, Box
from tests.api.swf.shop import DOMAIN, Shop, decision
from tests.api.test_flowd_batches import FAIL, over


async def test_a_batch_stops_what_runs_of_both_services(box: Box, shop: Shop) -> None:
    run = await shop.start()
    arn = await box.run(await box.machine(WAIT, name="waiting"))
    batch = await box.flowd("StartBatch", verb="stop", filter="status:running", reason="maintenance")
    done = await over(box, batch["id"])
    assert (done["done"], done["failed"]) == (2, 0)
    last = (await shop.history(run))[-1]
    assert last["eventType"] == "WorkflowExecutionTerminated"
    assert "maintenance" in json.dumps(last["workflowExecutionTerminatedEventAttributes"])
    assert (await box.call("describe_execution", executionArn=arn))["status"] == "ABORTED"
    entries = (await box.flowd("ListAudit"))["entries"]
    assert sum(entry["verb"] == "StopExecution" for entry in entries) == 2


async def test_a_redrive_of_all_that_failed_leaves_swf_executions_alone(box: Box, shop: Shop) -> None:
    await shop.start()
    await shop.respond(await shop.poll(), decision("FailWorkflowExecution", reason="Bad"))
    await box.run(await box.machine(FAIL, name="failing"))
    dry = await box.flowd("StartBatch", verb="redrive", filter="status:failed", dryRun=True)
    assert (dry["matches"], dry["applies"]) == (2, 1)
    dry = await box.flowd("StartBatch", verb="redrive", filter="type:swf", dryRun=True)
    assert (dry["matches"], dry["applies"]) == (1, 0)
    batch = await box.flowd("StartBatch", verb="redrive", filter="status:failed", reason="again")
    done = await over(box, batch["id"])
    assert (done["total"], done["done"], done["failed"]) == (1, 1, 0)


async def test_one_swf_execution_is_stopped_by_its_arn_as_the_console_does_it(box: Box, shop: Shop) -> None:
    run = await shop.start()
    (row,) = (await box.flowd("ListExecutions", filter="type:swf"))["executions"]
    await box.flowd("StartBatch", verb="stop", ids=[row["id"]], dryRun=True)
    await box.call("stop_execution", executionArn=row["executionArn"], cause="no longer needed")
    assert (await shop.types(run))[-1] == "WorkflowExecutionTerminated"
    assert (await box.flowd("GetExecution", executionArn=row["executionArn"]))["status"] == "ABORTED"
    assert DOMAIN in row["executionArn"] or row["type"] == "SWF"
