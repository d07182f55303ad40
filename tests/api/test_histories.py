"""GetExecutionHistory through boto3."""

from __future__ import annotations

import json
from typing import Any

from flowd.api.histories import render
from flowd.history import HistoryEvent
from flowd.payload import Payload
from tests.api.box import PASS, ROLE, WAIT, Box

MANY = json.dumps(
    {
        "StartAt": "S0",
        "States": {
            **{f"S{n}": {"Type": "Pass", "Next": f"S{n + 1}"} for n in range(600)},
            "S600": {"Type": "Pass", "End": True},
        },
    }
)


async def history(box: Box, arn: str, **members: Any) -> list[dict[str, Any]]:
    answer = await box.call("get_execution_history", executionArn=arn, **members)
    events: list[dict[str, Any]] = answer["events"]
    for event in events:
        event.pop("timestamp")
    return events


async def test_events_have_the_form_of_aws(box: Box) -> None:
    arn = await box.run(await box.machine(PASS), input='{"a": 1}')
    whole = {"truncated": False}
    assert await history(box, arn) == [
        {
            "type": "ExecutionStarted",
            "id": 1,
            "previousEventId": 0,
            "executionStartedEventDetails": {"input": '{"a": 1}', "inputDetails": whole, "roleArn": ROLE},
        },
        {
            "type": "PassStateEntered",
            "id": 2,
            "previousEventId": 0,
            "stateEnteredEventDetails": {"name": "A", "input": '{"a": 1}', "inputDetails": whole},
        },
        {
            "type": "PassStateExited",
            "id": 3,
            "previousEventId": 2,
            "stateExitedEventDetails": {"name": "A", "output": '{"Arg1":"argument1"}', "outputDetails": whole},
        },
        {
            "type": "ExecutionSucceeded",
            "id": 4,
            "previousEventId": 3,
            "executionSucceededEventDetails": {"output": '{"Arg1":"argument1"}', "outputDetails": whole},
        },
    ]


async def test_a_history_reads_the_same_from_the_archive(box: Box) -> None:
    arn = await box.run(await box.machine(PASS))
    before = await history(box, arn)
    await box.world.core.archivist.pack_all()
    assert await history(box, arn) == before


async def test_an_aborted_execution_has_an_empty_details_object(box: Box) -> None:
    arn = await box.run(await box.machine(WAIT))
    await box.call("stop_execution", executionArn=arn)
    last = (await history(box, arn))[-1]
    assert (last["type"], last["previousEventId"], last["executionAbortedEventDetails"]) == ("ExecutionAborted", 0, {})


async def test_data_is_left_out_on_demand(box: Box) -> None:
    arn = await box.run(await box.machine(PASS))
    events = await history(box, arn, includeExecutionData=False)
    assert events[0]["executionStartedEventDetails"] == {"roleArn": ROLE}
    assert events[1]["stateEnteredEventDetails"] == {"name": "A"}
    assert events[3]["executionSucceededEventDetails"] == {}


async def test_a_long_history_is_paged_in_both_directions(box: Box) -> None:
    arn = await box.run(await box.machine(MANY))
    assert len(await history(box, arn)) == 100
    for reverse in (False, True):
        ids: list[int] = []
        token: dict[str, str] = {}
        while True:
            page = await box.call(
                "get_execution_history", executionArn=arn, maxResults=250, reverseOrder=reverse, **token
            )
            ids += [event["id"] for event in page["events"]]
            if "nextToken" not in page:
                break
            token = {"nextToken": page["nextToken"]}
        assert ids == sorted(range(1, 1205), reverse=reverse)
    whole = await history(box, arn, maxResults=1000)
    assert len(whole) == 1000


def test_assigned_variables_and_nameless_types_are_rendered() -> None:
    details = {"name": "A", "assignedVariables": {"x": Payload(text="[1, 2]")}}
    body = render(HistoryEvent(3, 2, 1_700_000_000_123, "PassStateExited", details))
    assert body["timestamp"] == 1700000000.123
    assert body["stateExitedEventDetails"] == {
        "name": "A",
        "assignedVariables": {"x": "[1, 2]"},
        "assignedVariablesDetails": {"truncated": False},
    }
    assert set(render(HistoryEvent(3, 2, 0, "LambdaFunctionStarted"))) == {"id", "previousEventId", "timestamp", "type"}


async def test_a_page_ends_before_it_is_too_large_to_send(box: Box) -> None:
    states: dict[str, Any] = {f"S{n}": {"Type": "Pass", "Next": f"S{n + 1}"} for n in range(20)}
    states["S20"] = {"Type": "Succeed"}
    machine = await box.machine(json.dumps({"StartAt": "S0", "States": states}))
    arn = await box.run(machine, input=json.dumps("x" * 250_000))
    first = await box.call("get_execution_history", executionArn=arn, maxResults=1000)
    assert 10 < len(first["events"]) < 20
    rest = await box.call("get_execution_history", executionArn=arn, maxResults=1000, nextToken=first["nextToken"])
    assert rest["events"][0]["id"] == first["events"][-1]["id"] + 1
