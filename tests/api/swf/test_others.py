"""Executions and each other over boto3: children and their policies, signals and cancel requests, functions."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from flowd.integrations.ports import Failed
from flowd.swf.rules import Limits
from tests.api.swf.shop import DOMAIN, ORDER, Shop, decision

COMPLETE = decision("CompleteWorkflowExecution", result="done")
KID = {"workflowType": ORDER, "workflowId": "kid", "taskList": {"name": "kids"}}


async def family(shop: Shop, **members: Any) -> tuple[str, str]:
    """A parent with a child that has begun; their run ids."""
    parent = await shop.start(**members)
    await shop.decide(decision("StartChildWorkflowExecution", **KID, input="in", control="ctl"))
    started = await shop.last(parent, "ChildWorkflowExecutionStarted")
    return parent, str(started["workflowExecution"]["runId"])


# -- children ---------------------------------------------------------------------


async def test_a_child_is_initiated_then_started_and_knows_its_parent(shop: Shop) -> None:
    parent, child = await family(shop)
    assert (await shop.types(parent))[4:] == [
        "StartChildWorkflowExecutionInitiated",
        "ChildWorkflowExecutionStarted",
        "DecisionTaskScheduled",
    ]
    assert await shop.last(parent, "StartChildWorkflowExecutionInitiated") == {
        "workflowId": "kid",
        "workflowType": ORDER,
        "control": "ctl",
        "input": "in",
        "executionStartToCloseTimeout": "3600",
        "taskList": {"name": "kids"},
        "taskStartToCloseTimeout": "60",
        "childPolicy": "TERMINATE",
        "decisionTaskCompletedEventId": 4,
    }
    begun = await shop.last(child, "WorkflowExecutionStarted", "kid")
    assert begun["parentWorkflowExecution"] == {"workflowId": "order-1", "runId": parent}
    assert (begun["parentInitiatedEventId"], begun["input"]) == (5, "in")
    described = await shop.describe(child, "kid")
    assert described["executionInfo"]["parent"] == {"workflowId": "order-1", "runId": parent}
    listed = await shop.call("list_open_workflow_executions", domain=DOMAIN, startTimeFilter={"oldestDate": 0})
    assert [each.get("parent") for each in listed["executionInfos"]] == [
        {"workflowId": "order-1", "runId": parent},
        None,
    ]


@pytest.mark.parametrize(
    ("kind", "attributes", "event_type", "told"),
    [
        ("CompleteWorkflowExecution", {"result": "r"}, "ChildWorkflowExecutionCompleted", {"result": "r"}),
        (
            "FailWorkflowExecution",
            {"reason": "w", "details": "d"},
            "ChildWorkflowExecutionFailed",
            {"reason": "w", "details": "d"},
        ),
        ("CancelWorkflowExecution", {"details": "d"}, "ChildWorkflowExecutionCanceled", {"details": "d"}),
    ],
)
async def test_a_parent_hears_how_its_child_ended(
    shop: Shop, kind: str, attributes: dict[str, str], event_type: str, told: dict[str, str]
) -> None:
    parent, child = await family(shop)
    await shop.respond(await shop.poll("kids"), decision(kind, **attributes))
    assert await shop.last(parent, event_type) == {
        "workflowExecution": {"workflowId": "kid", "runId": child},
        "workflowType": ORDER,
        "initiatedEventId": 5,
        "startedEventId": 6,
        **told,
    }
    assert (await shop.describe(parent))["openCounts"]["openChildWorkflowExecutions"] == 0


async def test_a_parent_hears_that_its_child_was_terminated_or_timed_out(shop: Shop) -> None:
    parent, _ = await family(shop)
    await shop.call("terminate_workflow_execution", domain=DOMAIN, workflowId="kid")
    await shop.box.world.settle()
    assert set(await shop.last(parent, "ChildWorkflowExecutionTerminated")) == {
        "workflowExecution",
        "workflowType",
        "initiatedEventId",
        "startedEventId",
    }
    await shop.decide(
        decision("StartChildWorkflowExecution", **{**KID, "workflowId": "kid2", "executionStartToCloseTimeout": "9"})
    )
    await shop.pass_time(9)
    assert (await shop.last(parent, "ChildWorkflowExecutionTimedOut"))["timeoutType"] == "START_TO_CLOSE"


async def test_a_child_that_continues_as_new_keeps_its_parent_which_sees_the_last_run(shop: Shop) -> None:
    parent, first = await family(shop)
    await shop.respond(await shop.poll("kids"), decision("ContinueAsNewWorkflowExecution", taskList={"name": "kids"}))
    second = (await shop.last(first, "WorkflowExecutionContinuedAsNew", "kid"))["newExecutionRunId"]
    assert (await shop.types(parent))[-1] == "DecisionTaskScheduled"
    await shop.respond(await shop.poll("kids"), COMPLETE)
    told = await shop.last(parent, "ChildWorkflowExecutionCompleted")
    assert told["workflowExecution"] == {"workflowId": "kid", "runId": second}


async def test_a_child_whose_id_is_open_does_not_start(shop: Shop) -> None:
    await shop.start("kid", taskList={"name": "kids"})
    parent = await shop.start()
    await shop.decide(decision("StartChildWorkflowExecution", **KID, control="ctl"))
    assert await shop.last(parent, "StartChildWorkflowExecutionFailed") == {
        "workflowType": ORDER,
        "workflowId": "kid",
        "cause": "WORKFLOW_ALREADY_RUNNING",
        "initiatedEventId": 5,
        "decisionTaskCompletedEventId": 4,
        "control": "ctl",
    }
    assert (await shop.describe(parent))["openCounts"]["openChildWorkflowExecutions"] == 0


async def test_too_many_children_and_too_many_executions_fail(shop: Shop) -> None:
    shop.box.world.core.swf.limits = Limits(open_children=1)
    parent = await shop.start()
    other = {**KID, "workflowId": "kid2"}
    await shop.decide(decision("StartChildWorkflowExecution", **KID), decision("StartChildWorkflowExecution", **other))
    found = await shop.last(parent, "StartChildWorkflowExecutionFailed")
    assert (found["workflowId"], found["cause"]) == ("kid2", "OPEN_CHILDREN_LIMIT_EXCEEDED")
    shop.box.world.core.swf.limits = Limits(open_executions=2)
    await shop.decide(decision("StartChildWorkflowExecution", **other))
    found = await shop.last(parent, "StartChildWorkflowExecutionFailed")
    assert found["cause"] == "OPEN_WORKFLOWS_LIMIT_EXCEEDED"


@pytest.mark.parametrize(
    ("policy", "event_type"),
    [("TERMINATE", "WorkflowExecutionTerminated"), ("REQUEST_CANCEL", "WorkflowExecutionCancelRequested")],
)
@pytest.mark.parametrize("how", ["terminated", "timed out"])
async def test_a_parents_policy_reaches_its_children(shop: Shop, policy: str, event_type: str, how: str) -> None:
    parent, child = await family(shop, childPolicy=policy, executionStartToCloseTimeout="50")
    if how == "terminated":
        await shop.call("terminate_workflow_execution", domain=DOMAIN, workflowId="order-1")
        await shop.box.world.settle()
    else:
        await shop.pass_time(50)
    found = await shop.last(child, event_type, "kid")
    assert found["cause"] == "CHILD_POLICY_APPLIED"
    if policy == "REQUEST_CANCEL":
        assert found["externalWorkflowExecution"] == {"workflowId": "order-1", "runId": parent}


async def test_a_policy_given_with_the_termination_comes_first(shop: Shop) -> None:
    _, child = await family(shop)
    await shop.call("terminate_workflow_execution", domain=DOMAIN, workflowId="order-1", childPolicy="ABANDON")
    await shop.box.world.settle()
    assert (await shop.describe(child, "kid"))["executionInfo"]["executionStatus"] == "OPEN"


async def test_a_parent_that_closes_by_itself_leaves_its_children_alone(shop: Shop) -> None:
    _, child = await family(shop)
    await shop.decide(COMPLETE)
    assert (await shop.describe(child, "kid"))["executionInfo"]["executionStatus"] == "OPEN"
    await shop.respond(await shop.poll("kids"), COMPLETE)  # nobody is there to be told


# -- signals and cancel requests ------------------------------------------------------


async def test_a_signal_from_another_execution_names_its_source(shop: Shop) -> None:
    target = await shop.start("target", taskList={"name": "kids"})
    source = await shop.start()
    await shop.decide(
        decision("SignalExternalWorkflowExecution", workflowId="target", signalName="s", input="i", control="c")
    )
    assert (await shop.types(source))[4:] == [
        "SignalExternalWorkflowExecutionInitiated",
        "ExternalWorkflowExecutionSignaled",
        "DecisionTaskScheduled",
    ]
    assert await shop.last(source, "SignalExternalWorkflowExecutionInitiated") == {
        "workflowId": "target",
        "signalName": "s",
        "input": "i",
        "control": "c",
        "decisionTaskCompletedEventId": 4,
    }
    assert await shop.last(source, "ExternalWorkflowExecutionSignaled") == {
        "workflowExecution": {"workflowId": "target", "runId": target},
        "initiatedEventId": 5,
    }
    assert await shop.last(target, "WorkflowExecutionSignaled", "target") == {
        "signalName": "s",
        "input": "i",
        "externalWorkflowExecution": {"workflowId": "order-1", "runId": source},
        "externalInitiatedEventId": 5,
    }


async def test_a_cancel_request_from_another_execution_names_its_source(shop: Shop) -> None:
    target = await shop.start("target", taskList={"name": "kids"})
    source = await shop.start()
    await shop.decide(decision("RequestCancelExternalWorkflowExecution", workflowId="target", runId=target))
    assert await shop.last(source, "ExternalWorkflowExecutionCancelRequested") == {
        "workflowExecution": {"workflowId": "target", "runId": target},
        "initiatedEventId": 5,
    }
    assert await shop.last(target, "WorkflowExecutionCancelRequested", "target") == {
        "externalWorkflowExecution": {"workflowId": "order-1", "runId": source},
        "externalInitiatedEventId": 5,
    }


@pytest.mark.parametrize(
    ("kind", "attributes"),
    [
        ("SignalExternalWorkflowExecution", {"signalName": "s"}),
        ("RequestCancelExternalWorkflowExecution", {}),
    ],
)
@pytest.mark.parametrize("run_id", [None, "other"])
async def test_what_reaches_nobody_fails(shop: Shop, kind: str, attributes: dict[str, str], run_id: str | None) -> None:
    if run_id:
        await shop.start("target", taskList={"name": "kids"})
    run = await shop.start()
    asked = {"workflowId": "target", **attributes, **({"runId": run_id} if run_id else {})}
    await shop.decide(decision(kind, **asked, control="c"))
    found = await shop.last(run, f"{kind}Failed")
    assert found == {
        "workflowId": "target",
        **({"runId": run_id} if run_id else {}),
        "cause": "UNKNOWN_EXTERNAL_WORKFLOW_EXECUTION",
        "initiatedEventId": 5,
        "decisionTaskCompletedEventId": 4,
        "control": "c",
    }


async def test_an_execution_may_signal_itself(shop: Shop) -> None:
    run = await shop.start()
    await shop.decide(decision("SignalExternalWorkflowExecution", workflowId="order-1", signalName="me"))
    types = await shop.types(run)
    assert {"WorkflowExecutionSignaled", "ExternalWorkflowExecutionSignaled"} <= set(types)
    assert types.count("DecisionTaskScheduled") == 2


# -- functions ------------------------------------------------------------------------

ROLE = {"lambdaRole": "arn:aws:iam::000000000000:role/r"}


async def test_a_function_is_run_and_its_result_is_news(shop: Shop) -> None:
    functions = shop.box.world.functions
    functions.handlers["double"] = lambda call: call.parameters.value * 2
    run = await shop.start(**ROLE)
    await shop.decide(decision("ScheduleLambdaFunction", id="f", name="double", input="21", control="c"))
    await shop.box.world.settle()
    assert (await shop.types(run))[4:] == [
        "LambdaFunctionScheduled",
        "LambdaFunctionStarted",
        "LambdaFunctionCompleted",
        "DecisionTaskScheduled",
    ]
    assert await shop.last(run, "LambdaFunctionScheduled") == {
        "id": "f",
        "name": "double",
        "input": "21",
        "control": "c",
        "decisionTaskCompletedEventId": 4,
    }
    assert await shop.last(run, "LambdaFunctionCompleted") == {
        "result": "42",
        "scheduledEventId": 5,
        "startedEventId": 6,
    }


async def test_a_function_without_input_gets_an_empty_object(shop: Shop) -> None:
    functions = shop.box.world.functions
    functions.handlers["echo"] = lambda call: call.parameters.value
    run = await shop.start(**ROLE)
    await shop.decide(decision("ScheduleLambdaFunction", id="f", name="echo"))
    await shop.box.world.settle()
    assert (await shop.last(run, "LambdaFunctionCompleted"))["result"] == "{}"


async def test_a_function_that_fails_says_how(shop: Shop) -> None:
    functions = shop.box.world.functions
    functions.handlers["bad"] = lambda call: Failed("ValueError", '{"errorMessage":"no"}')
    run = await shop.start(**ROLE)
    await shop.decide(decision("ScheduleLambdaFunction", id="f", name="bad"))
    await shop.box.world.settle()
    assert await shop.last(run, "LambdaFunctionFailed") == {
        "reason": "ValueError",
        "details": '{"errorMessage":"no"}',
        "scheduledEventId": 5,
        "startedEventId": 6,
    }


@pytest.mark.parametrize(("timeout", "seconds"), [("5", 5), (None, 900)])
async def test_a_function_has_so_much_time_only(shop: Shop, timeout: str | None, seconds: int) -> None:
    never: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    shop.box.world.functions.handlers["hang"] = lambda call: never
    run = await shop.start(**ROLE)
    more = {"startToCloseTimeout": timeout} if timeout else {}
    await shop.decide(decision("ScheduleLambdaFunction", id="f", name="hang", **more))
    assert (await shop.describe(run))["openCounts"]["openLambdaFunctions"] == 1
    await shop.pass_time(seconds)
    assert await shop.last(run, "LambdaFunctionTimedOut") == {
        "timeoutType": "START_TO_CLOSE",
        "scheduledEventId": 5,
        "startedEventId": 6,
    }
    never.cancel()


async def test_without_a_role_no_function_starts(shop: Shop) -> None:
    run = await shop.start()
    await shop.decide(decision("ScheduleLambdaFunction", id="f", name="double"))
    assert (await shop.types(run))[4:] == [
        "LambdaFunctionScheduled",
        "StartLambdaFunctionFailed",
        "DecisionTaskScheduled",
    ]
    found = await shop.last(run, "StartLambdaFunctionFailed")
    assert (found["cause"], found["scheduledEventId"]) == ("ASSUME_ROLE_FAILED", 5)


async def test_the_id_of_a_function_may_be_used_twice_but_not_too_many_run(shop: Shop) -> None:
    shop.box.world.core.swf.limits = Limits(open_functions=2)
    shop.box.world.functions.handlers["hang"] = lambda call: asyncio.sleep(0)
    run = await shop.start(**ROLE)
    wanted = decision("ScheduleLambdaFunction", id="f", name="hang")
    await shop.decide(wanted, wanted, wanted)
    assert await shop.last(run, "ScheduleLambdaFunctionFailed") == {
        "id": "f",
        "name": "hang",
        "cause": "OPEN_LAMBDA_FUNCTIONS_LIMIT_EXCEEDED",
        "decisionTaskCompletedEventId": 4,
    }
