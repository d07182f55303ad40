"""Histories in, decisions out: the pure driver against histories written by hand, and what it says of other code."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

import pytest

from flowd import sdk
from flowd.sdk import Workflow, activity, gather, sleep, workflow
from flowd.sdk.errors import NonDeterminismError
from flowd.sdk.replay import Replay, decide, verify
from tests.sdk.histories import INFO, History


@activity
def charge(amount: int) -> str:
    raise AssertionError("the driver never runs activities")


@activity(retry=sdk.Retry(first=2, attempts=2))
def ship(name: str) -> str:
    raise AssertionError("the driver never runs activities")


@workflow
async def order(amount: int) -> str:
    return f"{await charge(amount)} {await ship('parcel')}"


def _kinds(decisions: list[dict[str, Any]]) -> list[str]:
    return [each["decisionType"] for each in decisions]


def test_the_first_decision_schedules_with_everything_spelled_out() -> None:
    (decision,) = decide(order, INFO, History().began("5")).decisions
    assert decision == {
        "decisionType": "ScheduleActivityTask",
        "scheduleActivityTaskDecisionAttributes": {
            "activityType": {"name": "charge", "version": "v1"},
            "activityId": "1",
            "input": "5",
            "taskList": {"name": "lists"},
            "startToCloseTimeout": "NONE",
            "scheduleToStartTimeout": "NONE",
            "scheduleToCloseTimeout": "NONE",
            "heartbeatTimeout": "60",
        },
    }


def _charged() -> History:
    history = History().began("5")
    history.completed(history.scheduled("charge", "1", "5", history.answered()), '"paid"')
    return history.asked()


def test_a_history_is_followed_to_its_end() -> None:
    history = _charged()
    assert _kinds(decide(order, INFO, history).decisions) == ["ScheduleActivityTask"]
    history.completed(history.scheduled("ship", "2", '"parcel"', history.answered()), '"sent"')
    (close,) = decide(order, INFO, history.asked()).decisions
    assert close["completeWorkflowExecutionDecisionAttributes"] == {"result": '"paid sent"'}
    done = history.answered()
    history.event("WorkflowExecutionCompleted", result='"paid sent"', decisionTaskCompletedEventId=done)
    verify(order, INFO, history)


def test_a_replay_that_is_kept_decides_as_one_from_the_beginning() -> None:
    kept = Replay(order, INFO)
    history = History().began("5")
    assert _kinds(kept.advance(list(history)).decisions) == ["ScheduleActivityTask"]
    history.completed(history.scheduled("charge", "1", "5", history.answered()), '"paid"')
    history.asked()
    assert kept.advance(list(history)).decisions == decide(order, INFO, history).decisions


def test_a_decision_task_that_timed_out_was_never_decided() -> None:
    history = History().began("5")
    history.event("DecisionTaskTimedOut", timeoutType="START_TO_CLOSE", scheduledEventId=2, startedEventId=3)
    assert _kinds(decide(order, INFO, history.asked()).decisions) == ["ScheduleActivityTask"]


def test_news_that_came_while_a_task_was_decided_is_told_in_the_next() -> None:
    paid = sdk.Signal("paid", int)

    @workflow
    async def waits() -> str:
        index, _ = await sdk.first(paid.receive(), sleep(60))
        return "paid" if index == 0 else "late"

    history = History().began()
    history.event("WorkflowExecutionSignaled", signalName="paid", input="5", externalInitiatedEventId=0)
    done = history.answered()
    history.event("TimerStarted", timerId="1", startToFireTimeout="60", decisionTaskCompletedEventId=done)
    assert _kinds(decide(waits, INFO, history.asked()).decisions) == ["CancelTimer", "CompleteWorkflowExecution"]


def test_a_close_that_met_unseen_news_is_decided_again() -> None:
    @workflow
    async def quick() -> str:
        return "done"

    history = History().began()
    history.event("WorkflowExecutionSignaled", signalName="any", externalInitiatedEventId=0)
    done = history.answered()
    cause = "UNHANDLED_DECISION"
    history.event("CompleteWorkflowExecutionFailed", cause=cause, decisionTaskCompletedEventId=done)
    assert _kinds(decide(quick, INFO, history.asked()).decisions) == ["CompleteWorkflowExecution"]


def test_a_refused_decision_is_raised_where_it_was_awaited() -> None:
    history = History().began("5")
    done = history.answered()
    kind = {"name": "charge", "version": "v1"}
    cause = "ACTIVITY_TYPE_DOES_NOT_EXIST"
    named = {"activityType": kind, "activityId": "1", "cause": cause}
    history.event("ScheduleActivityTaskFailed", **named, decisionTaskCompletedEventId=done)
    (close,) = decide(order, INFO, history.asked()).decisions
    assert close["failWorkflowExecutionDecisionAttributes"]["reason"] == cause


def test_a_retry_pause_is_a_timer() -> None:
    history = _charged()
    scheduled = history.scheduled("ship", "2", '"parcel"', history.answered())
    started = history.event("ActivityTaskStarted", scheduledEventId=scheduled)
    history.event("ActivityTaskFailed", scheduledEventId=scheduled, startedEventId=started, reason="ValueError")
    (timer,) = decide(order, INFO, history.asked()).decisions
    assert timer["startTimerDecisionAttributes"] == {"timerId": "3", "startToFireTimeout": "2"}
    done = history.answered()
    event = history.event("TimerStarted", timerId="3", startToFireTimeout="2", decisionTaskCompletedEventId=done)
    history.event("TimerFired", timerId="3", startedEventId=event)
    (again,) = decide(order, INFO, history.asked()).decisions
    assert again["scheduleActivityTaskDecisionAttributes"]["activityId"] == "4"


# ---- code that differs ---------------------------------------------------------------------------------------------


@workflow(name="order")
async def order_waits(amount: int) -> str:
    await sleep(10)
    return await charge(amount)


@workflow(name="order")
async def order_more(amount: int) -> str:
    return await charge(amount + 1)


@workflow(name="order")
async def order_nothing(amount: int) -> str:
    await sdk.wait_until(lambda: False)
    return ""


@workflow(name="order")
async def order_twice(amount: int) -> str:
    return "".join(await gather(charge(amount), charge(amount)))


@pytest.mark.parametrize(
    ("changed", "event", "expected", "got"),
    [
        (order_waits, 5, "ActivityTaskScheduled: run activity charge (id 1)", "start a timer of 10 s (id 1)"),
        (order_more, 5, "with input 5", "run activity charge (id 1) with input 6"),
        (order_nothing, 5, "ActivityTaskScheduled: run activity charge", "nothing, it waits"),
        (order_twice, 9, "DecisionTaskStarted: nothing more", "run activity charge (id 2)"),
    ],
)
def test_the_first_decision_that_differs_is_named_with_its_place(
    changed: Workflow[..., str], event: int, expected: str, got: str
) -> None:
    with pytest.raises(NonDeterminismError) as caught:
        decide(changed, INFO, _charged())
    problem = caught.value
    assert problem.event_id == event
    assert expected in problem.expected and got in problem.got
    file, _, line = problem.place.rpartition(":")
    assert __file__.endswith(file) and not file.startswith("/")
    assert int(line) > order_waits.function.__code__.co_firstlineno
    assert f"event {event} of the history is {problem.expected}\n" in str(problem)
    assert f"the code now decides at {problem.place}: {problem.got}\n" in str(problem)


def test_a_difference_that_the_words_do_not_show_is_named() -> None:
    @workflow(name="order")
    async def elsewhere(amount: int) -> str:
        return await charge.with_options(task_list="gpu")(amount)

    with pytest.raises(NonDeterminismError) as caught:
        decide(elsewhere, INFO, _charged())
    assert caught.value.expected.endswith("(id 1) with input 5, taskList {'name': 'lists'}")
    assert caught.value.got == "run activity charge (id 1) with input 5, taskList {'name': 'gpu'}"


def test_a_change_behind_patched_lets_old_executions_end_and_new_ones_take_it() -> None:
    @workflow(name="order")
    async def patched(amount: int) -> str:
        if sdk.patched("wait first"):
            await sleep(10)
        return await charge(amount)

    assert _kinds(decide(patched, INFO, History().began("5")).decisions) == ["RecordMarker", "StartTimer"]
    assert _kinds(decide(patched, INFO, _charged()).decisions) == ["CompleteWorkflowExecution"]


def test_a_patched_execution_stays_so() -> None:
    @workflow(name="order")
    async def patched(amount: int) -> str:
        newer = sdk.version("wait first", 2)
        await sleep(10 * newer)
        return await charge(amount)

    history = History().began("5")
    first = decide(patched, INFO, history).decisions
    done = history.answered()
    history.event("MarkerRecorded", **first[0]["recordMarkerDecisionAttributes"], decisionTaskCompletedEventId=done)
    timer = history.event("TimerStarted", timerId="1", startToFireTimeout="20", decisionTaskCompletedEventId=done)
    history.event("TimerFired", timerId="1", startedEventId=timer)
    assert _kinds(decide(patched, INFO, history.asked()).decisions) == ["ScheduleActivityTask"]


def test_chance_that_is_no_chance_of_ours_is_found_by_the_comparison() -> None:
    @workflow(name="order")
    async def sneaky(amount: int) -> str:
        return await charge(time.monotonic_ns())

    history = History().began("5")
    (decision,) = decide(sneaky, INFO, history).decisions
    input = decision["scheduleActivityTaskDecisionAttributes"]["input"]
    history.completed(history.scheduled("charge", "1", input, history.answered()), '"paid"')
    with pytest.raises(NonDeterminismError, match=f"input {input}"):
        decide(sneaky, INFO, history.asked())


@pytest.mark.parametrize("foreign", [lambda: asyncio.sleep(0), lambda: _Foreign()])
def test_awaiting_what_is_not_of_the_sdk_fails_the_workflow_with_the_way_out(foreign: Any) -> None:
    @workflow
    async def strays() -> None:
        await foreign()

    (close,) = decide(strays, INFO, History().began()).decisions
    failed = close["failWorkflowExecutionDecisionAttributes"]
    assert failed["reason"] == "MisuseError" and "not of flowd.sdk" in failed["details"]


class _Foreign:
    def __await__(self) -> Any:
        yield self


def test_a_loop_that_never_waits_is_stopped() -> None:
    @workflow
    async def spins() -> None:
        while True:
            await gather(_nothing())

    with pytest.raises(sdk.errors.MisuseError, match="without waiting"):
        decide(spins, INFO, History().began())


def _nothing() -> Coroutine[Any, Any, None]:
    async def nothing() -> None:
        return None

    return nothing()


def test_code_that_is_put_away_after_a_decision_decides_nothing_in_its_cleanup() -> None:
    left: list[str] = []

    @workflow
    async def careful() -> None:
        try:
            await sleep(10)
        finally:
            left.append("cleanup begins")
            await sleep(5)
            left.append("cleanup ends")

    decide(careful, INFO, History().began())
    assert left == ["cleanup begins"]


@pytest.mark.parametrize("hole", [1, 4])
def test_a_history_with_a_hole_is_refused(hole: int) -> None:
    history = _charged()
    del history[hole]
    with pytest.raises(sdk.errors.DataError, match="was expected"):
        decide(order, INFO, history)


@pytest.mark.parametrize(
    ("details", "message", "permanent"),
    [
        ('{"message": "no", "permanent": true}', "no", True),
        ('{"errorMessage": "no", "errorType": "KeyError"}', "no", False),
        ("plain words", "plain words", False),
        ('{"of": "others"}', '{"of": "others"}', False),
        ("[1]", "[1]", False),
        (None, "", False),
    ],
)
def test_details_of_whatever_worker_become_a_message(details: str | None, message: str, permanent: bool) -> None:
    failure = sdk.ActivityFailed("activity charge", "Declined", details=details)
    assert (failure.message, failure.permanent) == (message, permanent)
    assert str(failure) == ": ".join(part for part in ("activity charge", "Declined", message) if part)
