"""Every timeout of SWF over boto3, on a clock that the test moves."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.swf.shop import CHARGE, DOMAIN, Shop, decision

CALL = decision("ScheduleActivityTask", activityType=CHARGE, activityId="a")


async def timed(shop: Shop, **timeouts: str) -> str:
    """An execution with an activity whose timeouts are NONE but for those given."""
    run = await shop.start()
    every = {
        f"{name}Timeout": timeouts.get(name, "NONE")
        for name in ("scheduleToStart", "scheduleToClose", "startToClose", "heartbeat")
    }
    await shop.decide(decision("ScheduleActivityTask", activityType=CHARGE, activityId="a", **every))
    return run


async def timed_out(shop: Shop, run: str, kind: str) -> dict[str, Any]:
    """The attributes of ActivityTaskTimedOut; the decider hears of it, nothing of the task is left."""
    found = await shop.last(run, "ActivityTaskTimedOut")
    assert found["timeoutType"] == kind
    assert (await shop.types(run))[-1] == "DecisionTaskScheduled"
    assert (await shop.describe(run))["openCounts"]["openActivityTasks"] == 0
    return found


async def test_an_activity_that_nobody_takes_times_out(shop: Shop) -> None:
    run = await timed(shop, scheduleToStart="10")
    await shop.pass_time(9)
    assert "ActivityTaskTimedOut" not in await shop.types(run)
    await shop.pass_time(1)
    found = await timed_out(shop, run, "SCHEDULE_TO_START")
    assert (found["scheduledEventId"], found["startedEventId"]) == (5, 0)
    assert (await shop.call("count_pending_activity_tasks", domain=DOMAIN, taskList={"name": "work"}))["count"] == 0


async def test_an_activity_that_was_taken_no_longer_waits_for_that(shop: Shop) -> None:
    run = await timed(shop, scheduleToStart="10")
    await shop.work()
    await shop.pass_time(1000)
    assert "ActivityTaskTimedOut" not in await shop.types(run)


async def test_a_worker_that_takes_too_long_times_out_and_answers_in_vain(shop: Shop) -> None:
    run = await timed(shop, startToClose="10")
    await shop.pass_time(1000)  # it counts from the start
    work = await shop.work()
    await shop.pass_time(10)
    found = await timed_out(shop, run, "START_TO_CLOSE")
    assert (found["scheduledEventId"], found["startedEventId"]) == (5, 6)
    for operation in (
        "respond_activity_task_completed",
        "respond_activity_task_failed",
        "respond_activity_task_canceled",
        "record_activity_task_heartbeat",
    ):
        refused = await shop.refused(operation, taskToken=work["taskToken"])
        assert refused == ("UnknownResourceFault", "Unknown activity, scheduledEventId = 5")


@pytest.mark.parametrize("taken", [False, True])
async def test_the_whole_of_an_activity_may_take_so_long_only(shop: Shop, taken: bool) -> None:
    run = await timed(shop, scheduleToClose="10")
    if taken:
        await shop.pass_time(5)
        await shop.work()
        await shop.pass_time(5)
    else:
        await shop.pass_time(10)
    await timed_out(shop, run, "SCHEDULE_TO_CLOSE")


async def test_heartbeats_keep_an_activity_alive_and_the_last_ones_details_are_told(shop: Shop) -> None:
    run = await timed(shop, heartbeat="10")
    work = await shop.work()
    for number in range(5):
        await shop.pass_time(9)
        await shop.call("record_activity_task_heartbeat", taskToken=work["taskToken"], details=f"at {number}")
    assert "ActivityTaskTimedOut" not in await shop.types(run)
    await shop.pass_time(10)
    assert (await timed_out(shop, run, "HEARTBEAT"))["details"] == "at 4"


async def test_a_restart_gives_a_heartbeat_its_time_anew_and_keeps_the_other_deadlines(shop: Shop) -> None:
    run = await timed(shop, heartbeat="10", startToClose="25")
    await shop.work()
    shop.box.world.clock.advance(20)
    await shop.box.restart()
    assert "ActivityTaskTimedOut" not in await shop.types(run)
    await shop.pass_time(5)
    await timed_out(shop, run, "START_TO_CLOSE")


async def test_a_decider_that_takes_too_long_loses_its_task_to_another(shop: Shop) -> None:
    run = await shop.start(taskStartToCloseTimeout="10")
    first = await shop.poll()
    await shop.pass_time(10)
    assert await shop.last(run, "DecisionTaskTimedOut") == {
        "timeoutType": "START_TO_CLOSE",
        "scheduledEventId": 2,
        "startedEventId": 3,
    }
    refused = await shop.refused("respond_decision_task_completed", taskToken=first["taskToken"])
    assert refused == ("UnknownResourceFault", "Unknown decision, scheduledEventId = 2")
    second = await shop.poll()
    assert (second["startedEventId"], second["previousStartedEventId"]) == (6, 0)
    await shop.respond(second, decision("CompleteWorkflowExecution"))


async def test_a_decision_that_times_out_with_news_makes_one_task_only(shop: Shop) -> None:
    run = await shop.start(taskStartToCloseTimeout="10")
    await shop.poll()
    await shop.call("signal_workflow_execution", domain=DOMAIN, workflowId="order-1", signalName="s")
    await shop.pass_time(10)
    assert (await shop.types(run)).count("DecisionTaskScheduled") == 2
    assert (await shop.poll())["startedEventId"] == 7


async def test_a_decision_may_take_for_ever(shop: Shop) -> None:
    run = await shop.start(taskStartToCloseTimeout="NONE")
    await shop.poll()
    await shop.pass_time(3000)
    assert "DecisionTaskTimedOut" not in await shop.types(run)


async def test_a_sticky_list_that_nobody_polls_falls_back_to_the_own_one(shop: Shop) -> None:
    run = await shop.start()
    await shop.decide(taskList={"name": "mine"}, taskListScheduleToStartTimeout="5")
    assert await shop.last(run, "DecisionTaskCompleted") == {
        "scheduledEventId": 2,
        "startedEventId": 3,
        "taskList": {"name": "mine"},
        "taskListScheduleToStartTimeout": "5",
    }
    await shop.call("signal_workflow_execution", domain=DOMAIN, workflowId="order-1", signalName="s")
    scheduled = await shop.last(run, "DecisionTaskScheduled")
    assert (scheduled["taskList"], scheduled["scheduleToStartTimeout"]) == ({"name": "mine"}, "5")
    await shop.pass_time(5)
    assert await shop.last(run, "DecisionTaskTimedOut") == {
        "timeoutType": "SCHEDULE_TO_START",
        "scheduledEventId": 6,
        "startedEventId": 0,
    }
    scheduled = await shop.last(run, "DecisionTaskScheduled")
    assert (scheduled["taskList"], scheduled["scheduleToStartTimeout"]) == ({"name": "orders"}, "NONE")
    assert (await shop.poll())["startedEventId"] == 9


async def test_a_sticky_list_is_used_until_an_answer_names_none(shop: Shop) -> None:
    run = await shop.start()
    await shop.decide(taskList={"name": "mine"})
    await shop.call("signal_workflow_execution", domain=DOMAIN, workflowId="order-1", signalName="s")
    await shop.respond(await shop.poll("mine"))
    await shop.call("signal_workflow_execution", domain=DOMAIN, workflowId="order-1", signalName="s")
    assert (await shop.last(run, "DecisionTaskScheduled"))["taskList"] == {"name": "orders"}
    refused = await shop.refused(
        "respond_decision_task_completed",
        taskToken=(await shop.poll())["taskToken"],
        taskListScheduleToStartTimeout="5",
    )
    assert refused[0] == "ValidationException"


async def test_an_execution_has_its_own_end(shop: Shop) -> None:
    run = await shop.start(executionStartToCloseTimeout="100", childPolicy="ABANDON")
    await shop.decide(CALL)
    await shop.pass_time(99)
    assert (await shop.describe(run))["executionInfo"]["executionStatus"] == "OPEN"
    await shop.pass_time(1)
    assert await shop.last(run, "WorkflowExecutionTimedOut") == {
        "timeoutType": "START_TO_CLOSE",
        "childPolicy": "ABANDON",
    }
    assert (await shop.describe(run))["executionInfo"]["closeStatus"] == "TIMED_OUT"


async def test_a_year_passes(shop: Shop) -> None:
    run = await shop.start(executionStartToCloseTimeout="31536000")
    await shop.decide(decision("StartTimer", timerId="t", startToFireTimeout="31535000"))
    await shop.box.restart()
    await shop.pass_time(31_535_000)
    await shop.decide(decision("CompleteWorkflowExecution"))
    assert (await shop.types(run))[-1] == "WorkflowExecutionCompleted"


async def test_a_timer_of_no_time_fires_at_once(shop: Shop) -> None:
    run = await shop.start()
    await shop.decide(decision("StartTimer", timerId="t", startToFireTimeout="0"))
    await shop.pass_time(0)
    assert "TimerFired" in await shop.types(run)
