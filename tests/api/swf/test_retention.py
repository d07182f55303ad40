"""How long closed SWF executions are kept, and what is kept longer because somebody must still hear of it."""

from __future__ import annotations

import datetime
from collections.abc import Awaitable
from typing import Any

import pytest

from tests.api.swf.shop import DOMAIN, ORDER, Shop, decision

COMPLETE = decision("CompleteWorkflowExecution")
ALWAYS = {"oldestDate": datetime.datetime(2001, 1, 1, tzinfo=datetime.UTC)}


async def test_a_history_is_kept_as_long_as_its_domain_says(shop: Shop) -> None:
    run = await shop.start()
    await shop.decide(COMPLETE)
    archivist = shop.box.world.core.archivist
    await archivist.pack_all()
    shop.box.world.clock.advance(7 * 86_400 - 1)
    await archivist.expire_domains()
    assert (await shop.types(run))[-1] == "WorkflowExecutionCompleted"
    shop.box.world.clock.advance(1)
    await archivist.expire_domains()
    refused = await shop.refused(
        "describe_workflow_execution", domain=DOMAIN, execution={"workflowId": "order-1", "runId": run}
    )
    assert refused[0] == "UnknownResourceFault"
    assert (await shop.box.flowd("CountExecutions"))["total"] == 0


async def brief(shop: Shop) -> None:
    """A domain that keeps nothing."""
    await shop.call("register_domain", name="brief", workflowExecutionRetentionPeriodInDays="NONE")
    defaults = {
        "defaultTaskStartToCloseTimeout": "60",
        "defaultExecutionStartToCloseTimeout": "60",
        "defaultTaskList": {"name": "l"},
        "defaultChildPolicy": "TERMINATE",
    }
    await shop.call("register_workflow_type", domain="brief", **ORDER, **defaults)


async def start_brief(shop: Shop, workflow_id: str, **members: Any) -> dict[str, str]:
    answer = await shop.call(
        "start_workflow_execution", domain="brief", workflowId=workflow_id, workflowType=ORDER, **members
    )
    return {"workflowId": workflow_id, "runId": answer["runId"]}


async def decide_brief(shop: Shop, *decisions: dict[str, Any], task_list: str = "l") -> Any:
    task = await shop.call("poll_for_decision_task", domain="brief", taskList={"name": task_list})
    await shop.respond(task, *decisions)
    return task


async def sweep(shop: Shop) -> None:
    await shop.box.world.core.archivist.pack_all()
    await shop.box.world.core.archivist.expire_domains()


async def test_a_domain_that_keeps_nothing_forgets_at_the_close(shop: Shop) -> None:
    await brief(shop)
    execution = await start_brief(shop, "w")
    await decide_brief(shop, COMPLETE)
    await sweep(shop)
    refused = await shop.refused("get_workflow_execution_history", domain="brief", execution=execution)
    assert refused[0] == "UnknownResourceFault"


CHILD = decision("StartChildWorkflowExecution", workflowType=ORDER, workflowId="kid", taskList={"name": "kids"})


async def crash_before_errands(shop: Shop, closing: Awaitable[Any]) -> None:
    """What closes, closes; what it sets out to do elsewhere dies with the daemon, which has been swept before."""
    shop.box.world.core.errands._begin = lambda work: work.close()  # type: ignore[method-assign]
    await closing
    await sweep(shop)
    await shop.box.restart()
    await shop.box.world.settle()


async def test_a_child_is_kept_until_its_parent_has_heard_of_its_end(shop: Shop) -> None:
    await brief(shop)
    parent = await start_brief(shop, "w")
    await decide_brief(shop, CHILD)
    await crash_before_errands(shop, decide_brief(shop, COMPLETE, task_list="kids"))
    heard = await shop.call("get_workflow_execution_history", domain="brief", execution=parent)
    assert heard["events"][-1]["eventType"] == "ChildWorkflowExecutionCompleted"
    await sweep(shop)
    kids = await shop.call("count_closed_workflow_executions", domain="brief", startTimeFilter=ALWAYS)
    assert kids["count"] == 0


@pytest.mark.parametrize("policy", ["TERMINATE", "REQUEST_CANCEL"])
async def test_a_parent_is_kept_until_its_child_policy_has_reached_its_children(shop: Shop, policy: str) -> None:
    await brief(shop)
    await start_brief(shop, "w", childPolicy=policy)
    await decide_brief(shop, CHILD)
    await crash_before_errands(shop, shop.call("terminate_workflow_execution", domain="brief", workflowId="w"))
    await sweep(shop)
    assert (await shop.call("count_closed_workflow_executions", domain="brief", startTimeFilter=ALWAYS))["count"] == 0
    left = await shop.call("list_open_workflow_executions", domain="brief", startTimeFilter=ALWAYS)
    assert [each["cancelRequested"] for each in left["executionInfos"]] == (
        [True] if policy == "REQUEST_CANCEL" else []
    )
