"""Ways on from an execution: fork, heartbeat by hand, and the preview of a redrive."""

from __future__ import annotations

import json
from typing import Any

from flowd.integrations.ports import Failed
from tests.api.box import Box, activity_machine

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:"
STEPS = json.dumps({
    "QueryLanguage": "JSONata",
    "StartAt": "First",
    "States": {
        "First": {"Type": "Pass", "Assign": {"n": "{% $states.input.n + 1 %}"}, "Output": {"a": 1.0}, "Next": "Work"},
        "Work": {"Type": "Task", "Resource": FUNCTION + "work", "Arguments": {"n": "{% $n %}"},
                 "Output": "{% {'n': $n, 'had': $states.input, 'did': $states.result} %}", "Next": "Fan"},
        "Fan": {"Type": "Parallel", "Branches": [
            {"StartAt": "Inner", "States": {"Inner": {"Type": "Pass", "End": True}}}], "End": True},
        "Aside": {"Type": "Pass", "End": True},
    },
}).replace('"Next": "Fan"}', '"Catch": [{"ErrorEquals": ["Never"], "Next": "Aside"}], "Next": "Fan"}')  # fmt: skip


async def failed(box: Box) -> str:
    """The ARN of an execution whose Work has failed."""
    box.world.functions.handlers["work"] = lambda task: Failed("Shop.Closed", "come back", "run")
    return await box.run(await box.machine(STEPS), input='{"n": 4}')


async def output(box: Box, arn: str) -> Any:
    await box.world.settle()
    return json.loads((await box.call("describe_execution", executionArn=arn))["output"])


async def test_a_fork_begins_at_the_state_with_the_input_and_the_variables_it_had(box: Box) -> None:
    origin = await failed(box)
    planned = await box.flowd("ForkExecution", executionArn=origin, state="Work", dryRun=True)
    assert planned == {
        "state": "Work", "willRun": ["Work", "Fan", "Aside"], "input": '{"a":1.0}', "variables": '{"n":5}',
    }  # fmt: skip
    assert (await box.flowd("CountExecutions"))["total"] == 1
    box.world.functions.handlers["work"] = lambda task: "done"
    forked = await box.flowd("ForkExecution", executionArn=origin, state="Work", name="again", reason="shop is open")
    assert await output(box, forked["executionArn"]) == [{"n": 5, "had": {"a": 1.0}, "did": "done"}]
    history = await box.call("get_execution_history", executionArn=forked["executionArn"])
    assert [event["type"] for event in history["events"]][:2] == ["ExecutionStarted", "TaskStateEntered"]
    told = await box.flowd("GetExecution", executionArn=forked["executionArn"])
    assert told["trigger"] == f"fork:{origin}" and json.loads(told["definition"])["StartAt"] == "Work"
    noted = [each for each in await box.services.audit.page(None, 10) if each.verb == "ForkExecution"]
    assert noted[0].target == forked["executionArn"] and noted[0].detail == f"from {origin} at Work: shop is open"


async def test_a_fork_survives_a_restart_and_takes_other_input_and_variables(box: Box) -> None:
    origin = await failed(box)
    arn = (await box.flowd(
        "ForkExecution", executionArn=origin, state="Work", input='{"b": 2}', variables='{"n": 70}',
    ))["executionArn"]  # fmt: skip
    await box.world.settle()
    await box.restart()
    box.world.functions.handlers["work"] = lambda task: "done"
    await box.call("redrive_execution", executionArn=arn)
    assert await output(box, arn) == [{"n": 70, "had": {"b": 2}, "did": "done"}]


async def test_without_a_state_the_same_definition_runs_from_its_start(box: Box) -> None:
    origin = await failed(box)
    await box.call("update_state_machine", stateMachineArn=(await box.call("list_state_machines"))["stateMachines"][0][
        "stateMachineArn"], definition='{"StartAt":"A","States":{"A":{"Type":"Succeed"}}}')  # fmt: skip
    box.world.functions.handlers["work"] = lambda task: "done"
    forked = await box.flowd("ForkExecution", executionArn=origin, input='{"n": 1}')
    assert (await output(box, forked["executionArn"]))[0]["n"] == 2


async def test_forks_that_cannot_be_say_why(box: Box) -> None:
    origin = await failed(box)
    for members, told in [
        ({"state": "Inner"}, "what runs beside 'Inner' would have no results: fork at 'Fan'"),
        ({"state": "Nowhere"}, "has no state 'Nowhere'"),
        ({"state": "Aside"}, "has not been in 'Aside': say with which input"),
        ({"state": "Work", "input": "{"}, "input is not JSON"),
        ({"state": "Work", "variables": "[1]"}, "variables must be a JSON object"),
    ]:
        error = await box.flowd_refused("ForkExecution", executionArn=origin, **members)
        assert error.code == "ValidationException" and told in error.message
    unknown = origin.replace(":m:", ":other:")
    assert (await box.flowd_refused("ForkExecution", executionArn=unknown)).code == "ExecutionDoesNotExist"


async def test_a_heartbeat_by_hand_keeps_a_task_alive(box: Box) -> None:
    arn = "arn:aws:states:us-east-1:000000000000:activity:team"
    machine = activity_machine(arn, HeartbeatSeconds=60, Parameters={"Prompt": {"Title": "Go?"}})
    execution = await box.run(await box.machine(machine))
    short = (await box.flowd("ListPrompts"))["prompts"][0]["id"]
    await box.world.pass_time(50)
    await box.flowd("HeartbeatPrompt", id=short)
    await box.world.pass_time(50)
    assert (await box.flowd("GetExecution", executionArn=execution))["status"] == "RUNNING"
    await box.world.pass_time(11)
    assert (await box.flowd("GetExecution", executionArn=execution))["status"] == "FAILED"
    assert (await box.flowd_refused("HeartbeatPrompt", id=short)).code == "ResourceNotFound"


async def test_a_redrive_is_seen_beforehand(box: Box) -> None:
    origin = await failed(box)
    assert await box.flowd("PreviewRedrive", executionArn=origin) == {
        "willRun": [{"frame": "0", "state": "Work", "error": "Shop.Closed"}]
    }
    box.world.functions.handlers["work"] = lambda task: "done"
    await box.call("redrive_execution", executionArn=origin)
    await box.world.settle()
    told = await box.flowd("PreviewRedrive", executionArn=origin)
    assert told["willRun"] == [] and "SUCCEEDED" in told["reason"]
