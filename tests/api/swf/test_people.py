"""SWF and people: an activity whose input carries a Prompt stands in the inbox; lists show SWF as well."""

from __future__ import annotations

import asyncio
import json

from tests.api.swf.shop import CHARGE, DOMAIN, Shop, decision

PROMPT = {"Title": "Ship it?", "Schema": {"type": "object", "required": ["yes"]}}


async def asked(shop: Shop) -> tuple[str, str]:
    """An execution that asks a person; its run and the prompt's id."""
    run = await shop.start()
    question = json.dumps({"Prompt": PROMPT, "order": 7})
    await shop.decide(
        decision("ScheduleActivityTask", activityType=CHARGE, activityId="ask", input=question, heartbeatTimeout="NONE")
    )
    (prompt,) = (await shop.box.flowd("ListPrompts"))["prompts"]
    assert prompt["title"] == "Ship it?"
    return run, str(prompt["id"])


async def test_a_prompt_goes_to_people_and_never_to_a_worker(shop: Shop) -> None:
    run, short = await asked(shop)
    assert (await shop.last(run, "ActivityTaskStarted"))["identity"] == "flowd-inbox"
    counted = await shop.call("count_pending_activity_tasks", domain=DOMAIN, taskList={"name": "work"})
    assert counted["count"] == 0
    wrong = await shop.box.flowd_refused("AnswerPrompt", id=short, output="{}")
    assert wrong.code == "ValidationException"
    await shop.box.flowd("AnswerPrompt", id=short, output='{"yes": true}')
    assert (await shop.last(run, "ActivityTaskCompleted"))["result"] == '{"yes": true}'
    assert (await shop.poll())["taskToken"]


async def test_a_person_may_fail_it_with_a_reason(shop: Shop) -> None:
    run, short = await asked(shop)
    await shop.box.flowd("FailPrompt", id=short, error="NoTime", cause="on holiday")
    found = await shop.last(run, "ActivityTaskFailed")
    assert (found["reason"], found["details"]) == ("NoTime", "on holiday")


async def test_what_a_worker_has_not_taken_can_be_answered_by_hand(shop: Shop) -> None:
    run = await shop.start()
    await shop.decide(decision("ScheduleActivityTask", activityType=CHARGE, activityId="a"))
    (waiting,) = (await shop.box.flowd("ListPrompts"))["prompts"]
    assert (waiting["kind"], waiting["queue"]) == ("token", "work")
    await shop.box.flowd("AnswerPrompt", id=waiting["id"], output="1")
    assert (await shop.last(run, "ActivityTaskStarted"))["identity"] == "flowd-inbox"
    assert (await shop.last(run, "ActivityTaskCompleted"))["result"] == "1"


async def test_an_input_that_only_looks_like_a_prompt_is_a_workers(shop: Shop) -> None:
    await shop.start()
    for number, text in enumerate(['"Prompt" but no JSON', '{"Prompt": "a word"}', '["Prompt"]']):
        await shop.box.swf("signal_workflow_execution", domain=DOMAIN, workflowId="order-1", signalName="s")
        await shop.decide(decision("ScheduleActivityTask", activityType=CHARGE, activityId=str(number), input=text))
        assert (await shop.work())["input"] == text


async def test_flowds_own_operations_show_an_swf_execution(shop: Shop) -> None:
    run = await shop.start(input="text, not JSON", tagList=["t"])
    await shop.decide(
        decision("ScheduleActivityTask", activityType=CHARGE, activityId="a"),
        decision("StartTimer", timerId="pause", startToFireTimeout="60"),
    )
    (listed,) = (await shop.box.flowd("ListExecutions", filter="type:swf waiting:task"))["executions"]
    arn = f"arn:aws:swf:us-east-1:000000000000:execution:{DOMAIN}:order-1:{run}"
    assert (listed["executionArn"], listed["stateMachineName"], listed["status"]) == (arn, "Order", "RUNNING")
    found = await shop.box.flowd("GetExecution", executionArn=arn)
    assert found["input"] == "text, not JSON"
    assert found["swf"]["domain"] == DOMAIN
    assert found["swf"]["openCounts"]["openTimers"] == 1
    assert [task["state"] for task in found["openTasks"]] == ["Charge"]
    assert ("pause", "timer") in [(timer["state"], timer["purpose"]) for timer in found["timers"]]
    events = (await shop.box.flowd("GetHistory", executionArn=arn))["events"]
    assert events[4]["activityTaskScheduledEventAttributes"]["activityId"] == "a"
    assert (await shop.box.flowd("CountExecutions"))["counts"] == {"RUNNING": 1}


async def test_task_lists_are_queues_with_depth_and_pollers(shop: Shop) -> None:
    await shop.start()
    await shop.decide(*(decision("ScheduleActivityTask", activityType=CHARGE, activityId=each) for each in "ab"))
    polling = asyncio.create_task(shop.poll())
    while not shop.box.world.core.waiters.pollers("swf/decision/shop/orders"):
        await asyncio.sleep(0.001)
    queues = {each["name"]: each for each in (await shop.box.flowd("ListQueues"))["queues"]}
    assert queues["swf/activity/shop/work"]["depth"] == 2
    assert queues["swf/activity/shop/work"]["oldestAt"]
    named = queues["swf/activity/shop/work"]
    assert (named["taskList"], named["domain"], named["tasks"]) == ("work", "shop", "activity")
    assert queues["swf/decision/shop/orders"]["pollers"] == 1
    shop.box.world.core.waiters.stop()
    await polling


async def test_step_functions_own_history_is_refused_and_a_stop_terminates(shop: Shop) -> None:
    run = await shop.start()
    arn = f"arn:aws:swf:us-east-1:000000000000:execution:{DOMAIN}:order-1:{run}"
    assert (await shop.box.refused("get_execution_history", executionArn=arn))[0] == "InvalidArn"
    await shop.box.call("stop_execution", executionArn=arn, error="Enough", cause="because")
    found = await shop.last(run, "WorkflowExecutionTerminated")
    assert (found["reason"], found["details"], found["cause"]) == ("Enough", "because", "OPERATOR_INITIATED")
    assert (await shop.box.refused("redrive_execution", executionArn=arn))[0] == "ExecutionNotRedrivable"
