"""Deciders and workers of SWF, played with boto3: decision and activity tasks from poll to answer."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from tests.api.swf.shop import CHARGE, DOMAIN, ORDER, Shop, decision


async def test_an_order_is_charged_and_completed(shop: Shop) -> None:
    run = await shop.start(input='{"amount": 7}', tagList=["fast"])
    assert run.startswith("22")
    task = await shop.decide(
        decision("ScheduleActivityTask", activityType=CHARGE, activityId="charge", input="7", control="c"),
        executionContext="charging",
    )
    assert (task["startedEventId"], task["previousStartedEventId"]) == (3, 0)
    assert task["workflowExecution"] == {"workflowId": "order-1", "runId": run}
    assert task["workflowType"] == ORDER
    assert [event["eventType"] for event in task["events"]] == [
        "WorkflowExecutionStarted",
        "DecisionTaskScheduled",
        "DecisionTaskStarted",
    ]
    assert task["events"][0]["workflowExecutionStartedEventAttributes"] == {
        "input": '{"amount": 7}',
        "executionStartToCloseTimeout": "3600",
        "taskStartToCloseTimeout": "60",
        "childPolicy": "TERMINATE",
        "taskList": {"name": "orders"},
        "workflowType": ORDER,
        "tagList": ["fast"],
        "parentInitiatedEventId": 0,
    }
    work = await shop.work(identity="worker-1")
    assert (work["activityId"], work["input"], work["activityType"]) == ("charge", "7", CHARGE)
    await shop.call("respond_activity_task_completed", taskToken=work["taskToken"], result="paid")
    second = await shop.decide(decision("CompleteWorkflowExecution", result="done"))
    assert second["previousStartedEventId"] == 3
    assert await shop.types(run) == [
        "WorkflowExecutionStarted",
        "DecisionTaskScheduled",
        "DecisionTaskStarted",
        "DecisionTaskCompleted",
        "ActivityTaskScheduled",
        "ActivityTaskStarted",
        "ActivityTaskCompleted",
        "DecisionTaskScheduled",
        "DecisionTaskStarted",
        "DecisionTaskCompleted",
        "WorkflowExecutionCompleted",
    ]
    assert await shop.last(run, "ActivityTaskCompleted") == {
        "result": "paid",
        "scheduledEventId": 5,
        "startedEventId": 6,
    }
    described = await shop.describe(run)
    assert described["executionInfo"]["closeStatus"] == "COMPLETED"
    assert described["latestExecutionContext"] == "charging"
    assert described["openCounts"]["openDecisionTasks"] == 0


async def test_a_timer_fires(shop: Shop) -> None:
    run = await shop.start()
    await shop.decide(decision("StartTimer", timerId="t", startToFireTimeout="30", control="why"))
    assert (await shop.describe(run))["openCounts"]["openTimers"] == 1
    await shop.pass_time(29)
    assert "TimerFired" not in await shop.types(run)
    await shop.pass_time(1)
    assert await shop.last(run, "TimerFired") == {"timerId": "t", "startedEventId": 5}
    assert (await shop.types(run))[-1] == "DecisionTaskScheduled"


async def test_a_poll_waits_for_its_task(shop: Shop) -> None:
    polling = asyncio.create_task(shop.poll())
    await asyncio.sleep(0.05)  # the poll must be waiting; nothing depends on how long
    run = await shop.start()
    task: Any = await polling
    assert task["workflowExecution"]["runId"] == run


async def test_the_engine_goes_on_after_a_restart(shop: Shop, tmp_path: Path) -> None:
    run = await shop.start()
    await shop.decide(decision("ScheduleActivityTask", activityType=CHARGE, activityId="charge"))
    work = await shop.work()
    await shop.box.restart()
    await shop.call("respond_activity_task_completed", taskToken=work["taskToken"])
    await shop.decide(decision("CompleteWorkflowExecution"))
    assert (await shop.types(run))[-1] == "WorkflowExecutionCompleted"
    assert (await shop.call("list_domains", registrationStatus="REGISTERED"))["domainInfos"][0]["name"] == DOMAIN
