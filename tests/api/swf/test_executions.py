"""Executions over boto3: starts and their faults, signals, cancels, terminations, descriptions, histories, lists."""

from __future__ import annotations

import asyncio
import datetime
from typing import Any

import pytest

from flowd.swf.rules import Limits
from tests.api.swf.shop import CHARGE, DOMAIN, ORDER, Shop, decision

COMPLETE = decision("CompleteWorkflowExecution")
ALWAYS = {"oldestDate": datetime.datetime(2001, 1, 1, tzinfo=datetime.UTC)}


async def one(shop: Shop, operation: str, workflow_id: str = "order-1", **members: Any) -> None:
    await shop.call(operation, domain=DOMAIN, workflowId=workflow_id, **members)


# -- starts ---------------------------------------------------------------------


async def test_a_workflow_id_is_open_once_and_free_again_when_it_is_closed(shop: Shop) -> None:
    first = await shop.start()
    refused = await shop.refused("start_workflow_execution", domain=DOMAIN, workflowId="order-1", workflowType=ORDER)
    assert refused == ("WorkflowExecutionAlreadyStartedFault", "")
    await shop.decide(COMPLETE)
    assert await shop.start() != first


async def test_many_starts_of_one_id_at_once_begin_one(shop: Shop) -> None:
    asked = {"workflowId": "w", "workflowType": ORDER}
    starts = [shop.box.world.core.workflows.start(DOMAIN, asked) for _ in range(4)]
    outcomes = await asyncio.gather(*starts, return_exceptions=True)
    assert sum(isinstance(each, str) for each in outcomes) == 1


@pytest.mark.parametrize(
    ("defaults", "member"),
    [
        ({}, "executionStartToCloseTimeout"),
        ({"defaultExecutionStartToCloseTimeout": "9"}, "taskList"),
        ({"defaultExecutionStartToCloseTimeout": "9", "defaultTaskList": {"name": "l"}}, "taskStartToCloseTimeout"),
        (
            {
                "defaultExecutionStartToCloseTimeout": "9",
                "defaultTaskList": {"name": "l"},
                "defaultTaskStartToCloseTimeout": "9",
            },
            "childPolicy",
        ),
    ],
)
async def test_a_start_without_a_setting_names_it(shop: Shop, defaults: dict[str, Any], member: str) -> None:
    kind = {"name": "Bare", "version": "1"}
    await shop.call("register_workflow_type", domain=DOMAIN, **kind, **defaults)
    refused = await shop.refused("start_workflow_execution", domain=DOMAIN, workflowId="w", workflowType=kind)
    assert refused == ("DefaultUndefinedFault", member)


@pytest.mark.parametrize(
    ("members", "word"),
    [
        ({"workflowId": "a:b"}, "workflowId"),
        ({"executionStartToCloseTimeout": "NONE"}, "executionStartToCloseTimeout"),
        ({"executionStartToCloseTimeout": "0"}, "executionStartToCloseTimeout"),
        ({"executionStartToCloseTimeout": "31536001"}, "executionStartToCloseTimeout"),
        ({"taskStartToCloseTimeout": "x"}, "taskStartToCloseTimeout"),
        ({"taskPriority": "x"}, "taskPriority"),
        ({"childPolicy": "KILL"}, "childPolicy"),
        ({"tagList": list("abcdef")}, "tagList"),
        ({"tagList": ["x" * 257]}, "tagList"),
        ({"taskList": {"name": "a|b"}}, "taskList.name"),
        ({"input": "x" * 32_769}, "input"),
    ],
)
async def test_a_start_that_breaks_a_rule_is_refused(shop: Shop, members: dict[str, Any], word: str) -> None:
    asked = {"domain": DOMAIN, "workflowId": "w", "workflowType": ORDER, **members}
    code, message = await shop.refused("start_workflow_execution", **asked)
    assert (code, word in message) == ("ValidationException", True), message


async def test_what_is_unknown_or_deprecated_cannot_be_started(shop: Shop) -> None:
    asked: dict[str, Any] = {"domain": DOMAIN, "workflowId": "w", "workflowType": {"name": "No", "version": "1"}}
    assert await shop.refused("start_workflow_execution", **asked) == (
        "UnknownResourceFault",
        "Unknown type: WorkflowType=[name=No, version=1]",
    )
    assert await shop.refused("start_workflow_execution", **{**asked, "domain": "x"}) == (
        "UnknownResourceFault",
        "Unknown domain: x",
    )
    await shop.call("deprecate_workflow_type", domain=DOMAIN, workflowType=ORDER)
    refused = await shop.refused("start_workflow_execution", **{**asked, "workflowType": ORDER})
    assert refused == ("TypeDeprecatedFault", "WorkflowType=[name=Order, version=1.0]")


async def test_a_domain_takes_so_many_open_executions_only(shop: Shop) -> None:
    shop.box.world.core.swf.limits = Limits(open_executions=1)
    await shop.start("a")
    refused = await shop.refused("start_workflow_execution", domain=DOMAIN, workflowId="b", workflowType=ORDER)
    assert refused[0] == "LimitExceededFault"


# -- signals, cancels, terminations ------------------------------------------------


async def test_a_signal_is_an_event_and_wakes_the_decider(shop: Shop) -> None:
    run = await shop.start()
    await shop.decide()
    await one(shop, "signal_workflow_execution", signalName="paid", input="7")
    assert await shop.last(run, "WorkflowExecutionSignaled") == {
        "signalName": "paid",
        "input": "7",
        "externalInitiatedEventId": 0,
    }
    assert (await shop.types(run))[-1] == "DecisionTaskScheduled"


async def test_news_before_the_decider_polls_needs_one_task_only(shop: Shop) -> None:
    run = await shop.start()
    for name in "abc":
        await one(shop, "signal_workflow_execution", signalName=name)
    assert (await shop.types(run))[2:] == ["WorkflowExecutionSignaled"] * 3
    assert (await shop.poll())["startedEventId"] == 6


async def test_news_while_a_decider_decides_schedules_the_next_task_at_once(shop: Shop) -> None:
    run = await shop.start()
    task = await shop.poll()
    for name in "ab":
        await one(shop, "signal_workflow_execution", signalName=name)
    assert (await shop.types(run))[3:] == [
        "WorkflowExecutionSignaled",
        "DecisionTaskScheduled",
        "WorkflowExecutionSignaled",
    ]
    waiting = await shop.call("count_pending_decision_tasks", domain=DOMAIN, taskList={"name": "orders"})
    assert waiting["count"] == 0  # not before the first is answered
    assert (await shop.describe(run))["openCounts"]["openDecisionTasks"] == 1
    await shop.respond(task)
    assert (await shop.poll())["previousStartedEventId"] == 3


async def test_a_cancel_request_may_come_again_and_again(shop: Shop) -> None:
    run = await shop.start()
    assert (await shop.describe(run))["executionInfo"]["cancelRequested"] is False
    await one(shop, "request_cancel_workflow_execution")
    await one(shop, "request_cancel_workflow_execution", runId=run)
    assert (await shop.types(run)).count("WorkflowExecutionCancelRequested") == 2
    assert await shop.last(run, "WorkflowExecutionCancelRequested") == {"externalInitiatedEventId": 0}
    assert (await shop.describe(run))["executionInfo"]["cancelRequested"] is True
    await shop.decide(decision("CancelWorkflowExecution"))
    assert (await shop.describe(run))["executionInfo"]["cancelRequested"] is False  # as recorded


async def test_a_termination_needs_no_decider(shop: Shop) -> None:
    run = await shop.start()
    await one(shop, "terminate_workflow_execution", reason="broken", details="d", childPolicy="ABANDON")
    assert await shop.last(run, "WorkflowExecutionTerminated") == {
        "reason": "broken",
        "details": "d",
        "childPolicy": "ABANDON",
        "cause": "OPERATOR_INITIATED",
    }
    assert (await shop.describe(run))["executionInfo"]["closeStatus"] == "TERMINATED"
    waiting = await shop.call("count_pending_decision_tasks", domain=DOMAIN, taskList={"name": "orders"})
    assert waiting["count"] == 0


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("signal_workflow_execution", {"signalName": "s"}),
        ("request_cancel_workflow_execution", {}),
        ("terminate_workflow_execution", {}),
    ],
)
async def test_what_is_closed_or_unknown_hears_nothing(shop: Shop, operation: str, members: dict[str, Any]) -> None:
    unknown = await shop.refused(operation, domain=DOMAIN, workflowId="never", **members)
    assert unknown == ("UnknownResourceFault", "Unknown execution, workflowId = never")
    run = await shop.start()
    other = await shop.refused(operation, domain=DOMAIN, workflowId="order-1", runId="other", **members)
    assert other == ("UnknownResourceFault", "Unknown execution, workflowId = order-1, runId = other")
    await shop.decide(COMPLETE)
    closed = await shop.refused(operation, domain=DOMAIN, workflowId="order-1", runId=run, **members)
    assert closed[0] == "UnknownResourceFault"


# -- descriptions and histories -----------------------------------------------------


async def test_an_execution_is_described_with_all_that_is_open(shop: Shop) -> None:
    run = await shop.start(tagList=["a", "b"], taskPriority="4", lambdaRole="arn:aws:iam::0:role/r")
    await shop.decide(
        decision("ScheduleActivityTask", activityType=CHARGE, activityId="a"),
        decision("StartTimer", timerId="t", startToFireTimeout="5"),
        decision("StartChildWorkflowExecution", workflowType=ORDER, workflowId="kid"),
        executionContext="here",
    )
    found = await shop.describe(run)
    assert found["executionConfiguration"] == {
        "taskStartToCloseTimeout": "60",
        "executionStartToCloseTimeout": "3600",
        "taskList": {"name": "orders"},
        "taskPriority": "4",
        "childPolicy": "TERMINATE",
        "lambdaRole": "arn:aws:iam::0:role/r",
    }
    assert found["openCounts"] == {
        "openActivityTasks": 1,
        "openDecisionTasks": 1,
        "openTimers": 1,
        "openChildWorkflowExecutions": 1,
        "openLambdaFunctions": 0,
    }
    assert found["latestExecutionContext"] == "here"
    assert found["latestActivityTaskTimestamp"] == found["executionInfo"]["startTimestamp"]  # the clock stands
    assert found["executionInfo"]["tagList"] == ["a", "b"]


async def test_both_ids_are_needed_and_must_fit(shop: Shop) -> None:
    await shop.start()
    wrong = {"domain": DOMAIN, "execution": {"workflowId": "order-1", "runId": "other"}}
    told = ("UnknownResourceFault", "Unknown execution: WorkflowExecution=[workflowId=order-1, runId=other]")
    assert await shop.refused("describe_workflow_execution", **wrong) == told
    assert await shop.refused("get_workflow_execution_history", **wrong) == told


async def test_a_history_is_read_in_pages_both_ways_also_when_it_is_archived(shop: Shop) -> None:
    run = await shop.start(input="x" * 30_000)
    marks = [decision("RecordMarker", markerName=str(number), details="d" * 5000) for number in range(20)]
    await shop.decide(*marks, COMPLETE)
    for archived in (False, True):
        if archived:
            await shop.box.world.core.archivist.pack_all()
        for reverse in (False, True):
            seen: list[int] = []
            token: dict[str, str] = {}
            while True:
                answer = await shop.call(
                    "get_workflow_execution_history",
                    domain=DOMAIN,
                    execution={"workflowId": "order-1", "runId": run},
                    maximumPageSize=5,
                    reverseOrder=reverse,
                    **token,
                )
                seen += [event["eventId"] for event in answer["events"]]
                if "nextPageToken" not in answer:
                    break
                token = {"nextPageToken": answer["nextPageToken"]}
            assert seen == sorted(range(1, 26), reverse=reverse)
    first = (await shop.history(run))[0]
    assert len(first["workflowExecutionStartedEventAttributes"]["input"]) == 30_000
    assert (await shop.describe(run))["executionInfo"]["closeStatus"] == "COMPLETED"


# -- lists --------------------------------------------------------------------------


async def ids(shop: Shop, operation: str, **members: Any) -> list[str]:
    answer = await shop.call(operation, domain=DOMAIN, **members)
    return [each["execution"]["workflowId"] for each in answer["executionInfos"]]


async def test_open_executions_are_listed_newest_first_behind_a_filter(shop: Shop) -> None:
    for name, tags in (("a", ["x"]), ("b", ["x", "y"]), ("c", [])):
        await shop.start(name, tagList=tags)
        shop.box.world.clock.advance(10)
    listed = "list_open_workflow_executions"
    assert await ids(shop, listed, startTimeFilter=ALWAYS) == ["c", "b", "a"]
    assert await ids(shop, listed, startTimeFilter=ALWAYS, reverseOrder=True) == ["a", "b", "c"]
    assert await ids(shop, listed, startTimeFilter=ALWAYS, tagFilter={"tag": "x"}) == ["b", "a"]
    assert await ids(shop, listed, startTimeFilter=ALWAYS, executionFilter={"workflowId": "a"}) == ["a"]
    assert await ids(shop, listed, startTimeFilter=ALWAYS, typeFilter={"name": "Order"}) == ["c", "b", "a"]
    assert await ids(shop, listed, startTimeFilter=ALWAYS, typeFilter={"name": "Order", "version": "2"}) == []
    began = 1_700_000_000
    times = {"oldestDate": began + 5, "latestDate": began + 15}
    assert await ids(shop, listed, startTimeFilter=times) == ["b"]
    counted = await shop.call("count_open_workflow_executions", domain=DOMAIN, startTimeFilter=ALWAYS)
    assert counted == {"count": 3, "truncated": False}


async def test_closed_executions_are_listed_by_start_or_close(shop: Shop) -> None:
    for name in ("a", "b"):
        await shop.start(name)
        shop.box.world.clock.advance(10)
    tasks = [await shop.poll(), await shop.poll()]
    shop.box.world.clock.advance(10)
    await shop.respond(tasks[1], decision("FailWorkflowExecution"))
    shop.box.world.clock.advance(10)
    await shop.respond(tasks[0], COMPLETE)
    listed = "list_closed_workflow_executions"
    assert await ids(shop, listed, startTimeFilter=ALWAYS) == ["b", "a"]
    assert await ids(shop, listed, closeTimeFilter=ALWAYS) == ["a", "b"]
    assert await ids(shop, listed, closeTimeFilter=ALWAYS, closeStatusFilter={"status": "FAILED"}) == ["b"]
    counted = await shop.call(
        "count_closed_workflow_executions", domain=DOMAIN, startTimeFilter=ALWAYS, executionFilter={"workflowId": "a"}
    )
    assert counted["count"] == 1
    for times in ({}, {"startTimeFilter": ALWAYS, "closeTimeFilter": ALWAYS}):
        assert (await shop.refused(listed, domain=DOMAIN, **times))[0] == "ValidationException"


async def test_one_filter_beside_the_time_is_the_most(shop: Shop) -> None:
    two = {"executionFilter": {"workflowId": "a"}, "tagFilter": {"tag": "x"}}
    for operation in ("list_open_workflow_executions", "count_open_workflow_executions"):
        code, message = await shop.refused(operation, domain=DOMAIN, startTimeFilter=ALWAYS, **two)
        assert code == "ValidationException"
        assert "executionFilter and tagFilter" in message


async def test_executions_are_listed_in_pages(shop: Shop) -> None:
    for number in range(7):
        await shop.start(f"w{number}")
    seen: list[str] = []
    token: dict[str, str] = {}
    while True:
        answer = await shop.call(
            "list_open_workflow_executions", domain=DOMAIN, startTimeFilter=ALWAYS, maximumPageSize=3, **token
        )
        seen += [each["execution"]["workflowId"] for each in answer["executionInfos"]]
        if "nextPageToken" not in answer:
            break
        token = {"nextPageToken": answer["nextPageToken"]}
    assert seen == [f"w{number}" for number in reversed(range(7))]
