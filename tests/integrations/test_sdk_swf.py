"""`aws-sdk:swf:*`: a state machine starts an SWF workflow, and waits for what its worker answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from flowd.payload import loads
from flowd.swf.registration import RegisteredType
from tests.integrations.nested import Nest, task

DEFAULTS = {
    "defaultTaskList": "list",
    "defaultTaskStartToCloseTimeout": "30",
    "defaultExecutionStartToCloseTimeout": "500",
    "defaultChildPolicy": "TERMINATE",
}
START = {
    "Domain": "shop",
    "WorkflowId": "w",
    "WorkflowType": {"Name": "Order", "Version": "1"},
    "Input": "any text",
    "TagList": ["t"],
}


@pytest.fixture
async def nest(tmp_path: Path) -> AsyncIterator[Nest]:
    async with Nest(tmp_path) as made:
        await made.core.swf.register_domain("shop", "7", None, {})
        kind = RegisteredType(kind="workflow", name="Order", version="1", created_ms=0, defaults=DEFAULTS)
        await made.core.swf.register_type("shop", kind)
        yield made


async def decision_task(nest: Nest) -> Any:
    return await nest.core.swf_tasks.poll("decision", "shop", "list", None, lambda: True, 0)


async def test_a_workflow_is_started(nest: Nest) -> None:
    arn = await nest.begin(task("aws-sdk:swf:startWorkflowExecution", START))
    output = await nest.output(arn)
    polled = await decision_task(nest)
    assert output == {"RunId": polled.of.row.run_id}
    assert polled.of.row.tags == '["t"]'


async def test_an_id_that_is_open_fails_the_task_by_the_sdks_name(nest: Nest) -> None:
    await nest.begin(task("aws-sdk:swf:startWorkflowExecution", START))
    arn = await nest.start(await nest.machine(task("aws-sdk:swf:startWorkflowExecution", START), "second"))
    row = await nest.execution(arn)
    assert (row.status, row.error) == ("FAILED", "Swf.WorkflowExecutionAlreadyStartedException")


async def test_a_start_that_is_asked_for_again_by_its_task_begins_once(nest: Nest) -> None:
    asked = {"domain": "shop", "workflowId": "w", "workflowType": {"name": "Order", "version": "1"}}
    service = "SimpleWorkflowService"
    first = await nest.local.invoke("StartWorkflowExecution", asked, "1:0:1", service=service)
    assert await nest.local.invoke("StartWorkflowExecution", asked, "1:0:1", service=service) == first


async def test_a_machine_waits_until_the_workflow_answers_its_token(nest: Nest) -> None:
    waiting = {**START, "Input.$": "States.JsonToString($$.Task)"}
    del waiting["Input"]
    arn = await nest.begin(task("aws-sdk:swf:startWorkflowExecution.waitForTaskToken", waiting))
    assert (await nest.execution(arn)).status == "RUNNING"
    polled = await decision_task(nest)
    started = (await nest.history(polled.of.execution.arn))[0]
    token = loads(started.details["input"].text)["Token"]
    done = {"decisionType": "CompleteWorkflowExecution"}
    await nest.core.swf_tasks.decide(polled.task.token, {"decisions": [done]})
    await nest.local.invoke("SendTaskSuccess", {"taskToken": token, "output": '"shipped"'}, "0:0:0")
    await nest.settle()
    assert await nest.output(arn) == "shipped"
