"""SWF executions as rows, without a definition."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from console.known import Known
from console.looks import joined
from console.outline import render
from console.stages import stages
from console.swfoutline import swf_rows
from tests.console.stories import NOW


def event(number: int, kind: str, at: float = 0.0, **attributes: Any) -> dict[str, Any]:
    member = kind[0].lower() + kind[1:] + "EventAttributes"
    return {"id": number, "type": kind, "timestamp": NOW + at, "frame": "", "attempt": 0, member: attributes}


PAY = {"name": "pay", "version": "1"}
EVENTS = [
    event(1, "WorkflowExecutionStarted", input="{}"),
    event(2, "DecisionTaskScheduled"),
    event(3, "DecisionTaskStarted", scheduledEventId=2),
    event(4, "DecisionTaskCompleted", 0.5, scheduledEventId=2, startedEventId=3),
    event(5, "ActivityTaskScheduled", 0.5, activityType=PAY, activityId="pay-1", input='{"card": "x"}'),
    event(6, "TimerStarted", 0.5, timerId="late\x1b[31m", startToFireTimeout="60"),
    event(7, "ActivityTaskStarted", 1.0, scheduledEventId=5, identity="w1"),
    event(8, "ActivityTaskFailed", 2.0, scheduledEventId=5, startedEventId=7, reason="Declined", details="no money"),
    event(9, "WorkflowExecutionSignaled", 2.5, signalName="hurry"),
    event(10, "ActivityTaskScheduled", 3.0, activityType=PAY, activityId="pay-2", input="{}"),
    event(11, "ActivityTaskCompleted", 4.0, scheduledEventId=10, startedEventId=7, result='{"paid": 1}'),
]


def known() -> Known:
    told = Known()
    told.learn({"type": "SWF", "status": "RUNNING"}, EVENTS)
    return told


def test_what_the_decider_asked_for_stands_in_order_and_types_are_counted() -> None:
    rows = swf_rows(EVENTS)
    assert [(row.label, row.type, row.status, row.many) for row in rows] == [
        ("decider", "Choice", "SUCCEEDED", False),
        ("pay", "Task", "FAILED", True),
        ("late", "Wait", "RUNNING", False),
        ("signaled hurry", "Pass", "SUCCEEDED", False),
    ]
    text = joined(render(rows[1], (NOW, NOW + 4), 100, NOW + 4))
    assert "2: 1✓ 1✗" in text and "3.5s" in text


def test_stages_and_tries_of_an_activity() -> None:
    told = known()
    first, second = told.visits(("pay",))
    found = {stage.name: stage for stage in stages(told.events_of(first), UTC)}
    assert found["sent"].value == {"card": "x"}
    assert [text.strip() for text, _ in found["tries"].lines][1:] == ["✗ Declined after 1.5s", "no money"]
    assert {stage.name: stage.value for stage in stages(told.events_of(second), UTC)}["result"] == {"paid": 1}


def test_events_are_named_and_lead_to_their_row() -> None:
    told = known()
    assert [each["state"] for each in told.events][4:9] == ["pay", "late\x1b[31m", "pay", "pay", "signaled hurry"]
    assert told.path_of(told.events[7]) == ("pay",) and told.path_of(told.events[0]) == ()


def test_looking_back_shows_what_was_open_then() -> None:
    told = known()
    told.look_back(7)
    assert [(row.label, row.status) for row in told.rows(NOW)][1] == ("pay", "RUNNING")
    assert told.over(NOW + 9) == (NOW, NOW + 9)


def test_odd_events_are_left_out() -> None:
    assert swf_rows([event(1, "ActivityTaskCompleted", scheduledEventId=99), event(2, "SomethingNew")]) == []
    assert swf_rows([event(1, "ActivityTaskScheduled")])[0].label == "?"
