"""Every decision over boto3, and every cause for which one fails."""

from __future__ import annotations

from typing import Any

import pytest

from flowd.swf.rules import Limits
from tests.api.swf.shop import BARE, CHARGE, DOMAIN, ORDER, Shop, decision

COMPLETE = decision("CompleteWorkflowExecution", result="done")
CALL = decision("ScheduleActivityTask", activityType=CHARGE, activityId="a")


def limited(shop: Shop, **limits: int) -> None:
    shop.box.world.core.swf.limits = Limits(**limits)


async def failed(shop: Shop, event_type: str, *decisions: dict[str, Any], **settings: Any) -> dict[str, Any]:
    """Start, decide, and the attributes of the event that says the last decision failed; the decider hears of it."""
    run = await shop.start(**settings)
    await shop.decide(*decisions)
    attributes = await shop.last(run, event_type)
    assert attributes.get("decisionTaskCompletedEventId", 4) == 4
    assert (await shop.types(run))[-1] == "DecisionTaskScheduled"
    return attributes


# -- activities -----------------------------------------------------------------


async def test_an_activity_takes_its_settings_from_the_decision_before_the_type(shop: Shop) -> None:
    run = await shop.start()
    await shop.decide(
        decision(
            "ScheduleActivityTask",
            activityType=CHARGE,
            activityId="a",
            input="in",
            control="ctl",
            taskList={"name": "elsewhere"},
            taskPriority="5",
            startToCloseTimeout="NONE",
            heartbeatTimeout="7",
        )
    )
    assert await shop.last(run, "ActivityTaskScheduled") == {
        "activityType": CHARGE,
        "activityId": "a",
        "input": "in",
        "control": "ctl",
        "taskList": {"name": "elsewhere"},
        "taskPriority": "5",
        "scheduleToStartTimeout": "300",
        "scheduleToCloseTimeout": "NONE",
        "startToCloseTimeout": "NONE",
        "heartbeatTimeout": "7",
        "decisionTaskCompletedEventId": 4,
    }
    assert (await shop.work("elsewhere"))["activityId"] == "a"


@pytest.mark.parametrize(
    ("given", "cause"),
    [
        ({}, "DEFAULT_SCHEDULE_TO_CLOSE_TIMEOUT_UNDEFINED"),
        ({"scheduleToCloseTimeout": "9"}, "DEFAULT_TASK_LIST_UNDEFINED"),
        (
            {"scheduleToCloseTimeout": "9", "taskList": {"name": "l"}},
            "DEFAULT_SCHEDULE_TO_START_TIMEOUT_UNDEFINED",
        ),
        (
            {"scheduleToCloseTimeout": "9", "taskList": {"name": "l"}, "scheduleToStartTimeout": "NONE"},
            "DEFAULT_START_TO_CLOSE_TIMEOUT_UNDEFINED",
        ),
        (
            {
                "scheduleToCloseTimeout": "9",
                "taskList": {"name": "l"},
                "scheduleToStartTimeout": "9",
                "startToCloseTimeout": "9",
            },
            "DEFAULT_HEARTBEAT_TIMEOUT_UNDEFINED",
        ),
    ],
)
async def test_a_setting_that_nobody_gave_fails_the_decision(shop: Shop, given: dict[str, Any], cause: str) -> None:
    wanted = decision("ScheduleActivityTask", activityType=BARE, activityId="a", **given)
    assert await failed(shop, "ScheduleActivityTaskFailed", wanted) == {
        "activityType": BARE,
        "activityId": "a",
        "cause": cause,
        "decisionTaskCompletedEventId": 4,
    }


async def test_an_activity_of_no_type_fails(shop: Shop) -> None:
    wanted = decision("ScheduleActivityTask", activityType={"name": "No", "version": "1"}, activityId="a")
    assert (await failed(shop, "ScheduleActivityTaskFailed", wanted))["cause"] == "ACTIVITY_TYPE_DOES_NOT_EXIST"


async def test_an_activity_of_a_deprecated_type_fails(shop: Shop) -> None:
    await shop.call("deprecate_activity_type", domain=DOMAIN, activityType=CHARGE)
    assert (await failed(shop, "ScheduleActivityTaskFailed", CALL))["cause"] == "ACTIVITY_TYPE_DEPRECATED"


async def test_an_id_is_used_once_at_a_time(shop: Shop) -> None:
    found = await failed(shop, "ScheduleActivityTaskFailed", CALL, CALL)
    assert found["cause"] == "ACTIVITY_ID_ALREADY_IN_USE"


async def test_too_many_open_activities_fail(shop: Shop) -> None:
    limited(shop, open_activities=1)
    other = decision("ScheduleActivityTask", activityType=CHARGE, activityId="b")
    found = await failed(shop, "ScheduleActivityTaskFailed", CALL, other)
    assert (found["activityId"], found["cause"]) == ("b", "OPEN_ACTIVITIES_LIMIT_EXCEEDED")


async def test_an_activity_that_no_worker_has_is_canceled_at_once(shop: Shop) -> None:
    run = await shop.start()
    await shop.decide(CALL, decision("RequestCancelActivityTask", activityId="a"))
    assert (await shop.types(run))[4:] == [
        "ActivityTaskScheduled",
        "ActivityTaskCancelRequested",
        "ActivityTaskCanceled",
        "DecisionTaskScheduled",
    ]
    assert await shop.last(run, "ActivityTaskCanceled") == {
        "scheduledEventId": 5,
        "startedEventId": 0,
        "latestCancelRequestedEventId": 6,
    }
    assert (await shop.describe(run))["openCounts"]["openActivityTasks"] == 0


async def test_a_worker_hears_by_its_heartbeat_that_it_should_cancel(shop: Shop) -> None:
    run = await shop.start()
    await shop.decide(CALL)
    work = await shop.work()
    token = work["taskToken"]
    assert (await shop.call("record_activity_task_heartbeat", taskToken=token))["cancelRequested"] is False
    await shop.call("signal_workflow_execution", domain=DOMAIN, workflowId="order-1", signalName="stop")
    await shop.decide(decision("RequestCancelActivityTask", activityId="a"))
    assert (await shop.call("record_activity_task_heartbeat", taskToken=token))["cancelRequested"] is True
    await shop.call("respond_activity_task_canceled", taskToken=token, details="undone")
    found = await shop.last(run, "ActivityTaskCanceled")
    requested = [each for each in await shop.history(run) if each["eventType"] == "ActivityTaskCancelRequested"]
    assert found["details"] == "undone"
    assert found["latestCancelRequestedEventId"] == requested[0]["eventId"]


async def test_an_unknown_activity_cannot_be_canceled(shop: Shop) -> None:
    wanted = decision("RequestCancelActivityTask", activityId="never")
    assert await failed(shop, "RequestCancelActivityTaskFailed", wanted) == {
        "activityId": "never",
        "cause": "ACTIVITY_ID_UNKNOWN",
        "decisionTaskCompletedEventId": 4,
    }


# -- timers and markers -----------------------------------------------------------


async def test_a_timer_is_canceled_and_never_fires(shop: Shop) -> None:
    run = await shop.start()
    await shop.decide(decision("StartTimer", timerId="t", startToFireTimeout="5"), decision("CancelTimer", timerId="t"))
    assert await shop.last(run, "TimerCanceled") == {
        "timerId": "t",
        "startedEventId": 5,
        "decisionTaskCompletedEventId": 4,
    }
    await shop.pass_time(10)
    assert (await shop.types(run))[-1] == "TimerCanceled"


async def test_a_timer_id_is_used_once_at_a_time_and_may_come_again(shop: Shop) -> None:
    start = decision("StartTimer", timerId="t", startToFireTimeout="5")
    found = await failed(shop, "StartTimerFailed", start, start)
    assert (found["timerId"], found["cause"]) == ("t", "TIMER_ID_ALREADY_IN_USE")
    await shop.decide(decision("CancelTimer", timerId="t"), start)
    run = (await shop.call("list_open_workflow_executions", domain=DOMAIN, startTimeFilter={"oldestDate": 0}))[
        "executionInfos"
    ][0]["execution"]["runId"]
    await shop.pass_time(5)
    assert (await shop.types(run)).count("TimerFired") == 1


async def test_too_many_open_timers_fail(shop: Shop) -> None:
    limited(shop, open_timers=1)
    wanted = [decision("StartTimer", timerId=each, startToFireTimeout="5") for each in "ab"]
    found = await failed(shop, "StartTimerFailed", *wanted)
    assert (found["timerId"], found["cause"]) == ("b", "OPEN_TIMERS_LIMIT_EXCEEDED")


async def test_an_unknown_timer_cannot_be_canceled(shop: Shop) -> None:
    found = await failed(shop, "CancelTimerFailed", decision("CancelTimer", timerId="t"))
    assert found["cause"] == "TIMER_ID_UNKNOWN"


async def test_a_marker_is_written_down_and_asks_for_nothing(shop: Shop) -> None:
    run = await shop.start()
    await shop.decide(decision("RecordMarker", markerName="m", details="d"))
    assert (await shop.types(run))[-1] == "MarkerRecorded"
    assert await shop.last(run, "MarkerRecorded") == {
        "markerName": "m",
        "details": "d",
        "decisionTaskCompletedEventId": 4,
    }


# -- ends -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "attributes", "event_type", "status", "shown"),
    [
        ("CompleteWorkflowExecution", {"result": "r"}, "WorkflowExecutionCompleted", "COMPLETED", "SUCCEEDED"),
        ("FailWorkflowExecution", {"reason": "why", "details": "d"}, "WorkflowExecutionFailed", "FAILED", "FAILED"),
        ("CancelWorkflowExecution", {"details": "d"}, "WorkflowExecutionCanceled", "CANCELED", "ABORTED"),
    ],
)
async def test_a_decision_closes_the_execution(
    shop: Shop, kind: str, attributes: dict[str, str], event_type: str, status: str, shown: str
) -> None:
    run = await shop.start()
    await shop.decide(CALL, decision("StartTimer", timerId="t", startToFireTimeout="5"), decision(kind, **attributes))
    assert await shop.last(run, event_type) == {**attributes, "decisionTaskCompletedEventId": 4}
    info = (await shop.describe(run))["executionInfo"]
    assert (info["executionStatus"], info["closeStatus"]) == ("CLOSED", status)
    await shop.pass_time(500)
    assert (await shop.types(run))[-1] == event_type
    listed = await shop.box.flowd("ListExecutions", filter="type:swf")
    assert [(each["status"], each["name"]) for each in listed["executions"]] == [(shown, "order-1")]


@pytest.mark.parametrize(
    "kind",
    ["CompleteWorkflowExecution", "FailWorkflowExecution", "CancelWorkflowExecution", "ContinueAsNewWorkflowExecution"],
)
async def test_what_the_decider_has_not_seen_keeps_the_execution_open(shop: Shop, kind: str) -> None:
    run = await shop.start()
    task = await shop.poll()
    await shop.call("signal_workflow_execution", domain=DOMAIN, workflowId="order-1", signalName="news")
    await shop.respond(task, decision(kind))
    assert (await shop.last(run, f"{kind}Failed"))["cause"] == "UNHANDLED_DECISION"
    assert (await shop.types(run))[3:] == [
        "WorkflowExecutionSignaled",
        "DecisionTaskScheduled",
        "DecisionTaskCompleted",
        f"{kind}Failed",
    ]
    await shop.decide(COMPLETE)
    assert (await shop.types(run))[-1] == "WorkflowExecutionCompleted"


async def test_a_run_is_continued_as_a_new_one(shop: Shop) -> None:
    first = await shop.start(tagList=["x"])
    await shop.decide(
        decision(
            "ContinueAsNewWorkflowExecution", input="again", tagList=["y"], taskPriority="3", childPolicy="ABANDON"
        )
    )
    told = await shop.last(first, "WorkflowExecutionContinuedAsNew")
    second = told.pop("newExecutionRunId")
    assert told == {
        "input": "again",
        "decisionTaskCompletedEventId": 4,
        "executionStartToCloseTimeout": "3600",
        "taskStartToCloseTimeout": "60",
        "taskList": {"name": "orders"},
        "taskPriority": "3",
        "childPolicy": "ABANDON",
        "tagList": ["y"],
        "workflowType": ORDER,
    }
    assert (await shop.describe(first))["executionInfo"]["closeStatus"] == "CONTINUED_AS_NEW"
    started = await shop.last(second, "WorkflowExecutionStarted")
    assert (started["continuedExecutionRunId"], started["input"]) == (first, "again")
    await shop.decide(COMPLETE)
    assert (await shop.describe(second))["executionInfo"]["closeStatus"] == "COMPLETED"


@pytest.mark.parametrize(
    ("version", "defaults", "cause"),
    [
        ("9", None, "WORKFLOW_TYPE_DOES_NOT_EXIST"),
        ("2", {}, "DEFAULT_EXECUTION_START_TO_CLOSE_TIMEOUT_UNDEFINED"),
        ("2", {"defaultExecutionStartToCloseTimeout": "9"}, "DEFAULT_TASK_LIST_UNDEFINED"),
        (
            "2",
            {"defaultExecutionStartToCloseTimeout": "9", "defaultTaskList": {"name": "l"}},
            "DEFAULT_TASK_START_TO_CLOSE_TIMEOUT_UNDEFINED",
        ),
        (
            "2",
            {
                "defaultExecutionStartToCloseTimeout": "9",
                "defaultTaskList": {"name": "l"},
                "defaultTaskStartToCloseTimeout": "9",
            },
            "DEFAULT_CHILD_POLICY_UNDEFINED",
        ),
    ],
)
async def test_a_run_or_a_child_without_a_type_or_a_setting_does_not_begin(
    shop: Shop, version: str, defaults: dict[str, Any] | None, cause: str
) -> None:
    if defaults is not None:
        await shop.call("register_workflow_type", domain=DOMAIN, name="Order", version=version, **defaults)
    kind = {"name": "Order", "version": version}
    child = decision("StartChildWorkflowExecution", workflowType=kind, workflowId="kid", control="c")
    found = await failed(shop, "StartChildWorkflowExecutionFailed", child)
    assert found == {
        "workflowType": kind,
        "workflowId": "kid",
        "cause": cause,
        "initiatedEventId": 0,
        "decisionTaskCompletedEventId": 4,
        "control": "c",
    }
    await shop.decide(decision("ContinueAsNewWorkflowExecution", workflowTypeVersion=version))
    (run,) = [
        each["execution"]["runId"]
        for each in (
            await shop.call("list_open_workflow_executions", domain=DOMAIN, startTimeFilter={"oldestDate": 0})
        )["executionInfos"]
    ]
    assert (await shop.last(run, "ContinueAsNewWorkflowExecutionFailed"))["cause"] == cause


async def test_a_deprecated_type_begins_nothing(shop: Shop) -> None:
    run = await shop.start()
    await shop.call("deprecate_workflow_type", domain=DOMAIN, workflowType=ORDER)
    await shop.decide(
        decision("StartChildWorkflowExecution", workflowType=ORDER, workflowId="kid"),
        decision("ContinueAsNewWorkflowExecution"),
    )
    assert (await shop.last(run, "StartChildWorkflowExecutionFailed"))["cause"] == "WORKFLOW_TYPE_DEPRECATED"
    assert (await shop.last(run, "ContinueAsNewWorkflowExecutionFailed"))["cause"] == "WORKFLOW_TYPE_DEPRECATED"
