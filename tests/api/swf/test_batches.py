"""A whole batch of decisions over boto3: refused as a whole, or carried out as far as each decision can be."""

from __future__ import annotations

from typing import Any

import pytest

from flowd.swf.rules import Limits
from tests.api.swf.shop import CHARGE, DOMAIN, ORDER, Shop, decision

COMPLETE = decision("CompleteWorkflowExecution", result="done")
CALL = decision("ScheduleActivityTask", activityType=CHARGE, activityId="a")


@pytest.mark.parametrize(
    ("batch", "words"),
    [
        ([{"decisionType": "Dance"}], "Value 'Dance' at 'decisions.1.member.decisionType'"),
        ([COMPLETE, CALL], "Close must be last decision in list"),
        ([COMPLETE, COMPLETE], "Close must be last decision in list"),
        ([{"decisionType": "StartTimer"}], "decisions.1.member.startTimerDecisionAttributes"),
        ([CALL, decision("StartTimer", timerId="t", startToFireTimeout="soon")], "decisions.2.member"),
        ([CALL, decision("StartTimer", timerId="t", startToFireTimeout="NONE")], "startToFireTimeout"),
        ([decision("StartTimer", timerId="a:b", startToFireTimeout="1")], "timerId"),
        ([decision("ScheduleActivityTask", activityType=CHARGE, activityId="a/b")], "activityId"),
        (
            [decision("ScheduleActivityTask", activityType=CHARGE, activityId="a", heartbeatTimeout="x")],
            "heartbeatTimeout",
        ),
        ([decision("ScheduleActivityTask", activityType=CHARGE, activityId="a", taskPriority="x")], "taskPriority"),
        ([decision("StartChildWorkflowExecution", workflowType=ORDER, workflowId="a:b")], "workflowId"),
        ([decision("ContinueAsNewWorkflowExecution", executionStartToCloseTimeout="NONE")], "executionStartToClose"),
        ([decision("ScheduleLambdaFunction", id="f", name="g", startToCloseTimeout="901")], "startToCloseTimeout"),
    ],
)
async def test_one_bad_decision_and_none_of_the_batch_is_carried_out(
    shop: Shop, batch: list[dict[str, Any]], words: str
) -> None:
    run = await shop.start()
    task = await shop.poll()
    code, message = await shop.refused("respond_decision_task_completed", taskToken=task["taskToken"], decisions=batch)
    assert (code, words in message) == ("ValidationException", True), message
    assert (await shop.types(run))[-1] == "DecisionTaskStarted"
    await shop.respond(task, COMPLETE)  # the token is still good
    assert (await shop.types(run))[-1] == "WorkflowExecutionCompleted"


async def test_a_member_missing_in_any_attributes_refuses_the_batch(shop: Shop) -> None:
    await shop.start()
    task = await shop.poll()
    odd = {**COMPLETE, "startTimerDecisionAttributes": {"timerId": "t"}}
    body = {"taskToken": task["taskToken"], "decisions": [odd]}
    refused = await shop.box.raw_swf("RespondDecisionTaskCompleted", body)
    assert refused[0] == 400
    assert "startTimerDecisionAttributes.startToFireTimeout" in refused[1]["message"]


async def test_no_decisions_are_fine_and_the_execution_waits(shop: Shop) -> None:
    run = await shop.start()
    await shop.decide()
    assert (await shop.types(run))[-1] == "DecisionTaskCompleted"


async def test_a_wrong_decision_does_not_keep_the_others_from_being_carried_out(shop: Shop) -> None:
    run = await shop.start()
    await shop.decide(decision("CancelTimer", timerId="t"), CALL)
    assert (await shop.types(run))[4:] == ["CancelTimerFailed", "ActivityTaskScheduled", "DecisionTaskScheduled"]


async def test_a_history_has_an_end(shop: Shop) -> None:
    shop.box.world.core.swf.limits = Limits(events=20)
    run = await shop.start()
    marks = [decision("RecordMarker", markerName=str(number)) for number in range(30)]
    await shop.decide(CALL, *marks)
    types = await shop.types(run)
    assert (len(types), types[-1]) == (20, "WorkflowExecutionTerminated")
    assert (await shop.last(run, "WorkflowExecutionTerminated"))["cause"] == "EVENT_LIMIT_EXCEEDED"
    assert (await shop.call("count_pending_activity_tasks", domain=DOMAIN, taskList={"name": "work"}))["count"] == 0
