"""Deterministic executions for the console's tests: definitions, and a small writer of histories."""

from __future__ import annotations

import json
from typing import Any

NOW = 1_795_461_249.0  # 2026-11-23 19:14:09 UTC
ACCOUNT = "arn:aws:states:us-east-1:000000000000"

ORDER: dict[str, Any] = {
    "Comment": "An order from the basket to the parcel",
    "StartAt": "CheckOrder",
    "States": {
        "CheckOrder": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:0:function:check", "Next": "EachItem"},
        "EachItem": {
            "Type": "Map",
            "ItemProcessor": {
                "StartAt": "Reserve",
                "States": {
                    "Reserve": {
                        "Type": "Task",
                        "Resource": "arn:aws:lambda:us-east-1:0:function:reserve",
                        "Next": "Label",
                    },
                    "Label": {"Type": "Pass", "End": True},
                },
            },
            "Next": "PayAndTell",
        },
        "PayAndTell": {
            "Type": "Parallel",
            "Branches": [
                {
                    "StartAt": "Charge",
                    "States": {
                        "Charge": {
                            "Type": "Task",
                            "Resource": "arn:aws:lambda:us-east-1:0:function:charge",
                            "Retry": [{"ErrorEquals": ["Card.Busy"], "MaxAttempts": 2}],
                            "End": True,
                        }
                    },
                },
                {"StartAt": "TellCustomer", "States": {"TellCustomer": {"Type": "Task", "Resource": "x", "End": True}}},
            ],
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Refund"}],
            "Next": "BigOrder",
        },
        "BigOrder": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.total", "NumericGreaterThan": 1000, "Next": "Approve"}],
            "Default": "Ship",
        },
        "Approve": {"Type": "Task", "Resource": f"{ACCOUNT}:activity:sales", "Next": "Ship"},
        "Ship": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:0:function:ship", "Next": "Done"},
        "Done": {"Type": "Succeed"},
        "Refund": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:0:function:refund", "Next": "NotDone"},
        "NotDone": {"Type": "Fail", "Error": "OrderFailed"},
    },
}


class Story:
    """Writes events in AWS's form; `after` moves its clock on."""

    def __init__(self, start: float) -> None:
        self.at = start
        self.events: list[dict[str, Any]] = []

    def after(self, seconds: float) -> Story:
        self.at += seconds
        return self

    def add(self, kind: str, frame: str = "0", attempt: int = 0, **details: Any) -> Story:
        event: dict[str, Any] = {
            "id": len(self.events) + 1, "previousEventId": len(self.events), "timestamp": round(self.at, 3),
            "type": kind, "frame": frame, "attempt": attempt,
        }  # fmt: skip
        if details:
            member = "stateEntered" if kind.endswith("Entered") else "stateExited" if kind.endswith("Exited") else kind
            event[member[0].lower() + member[1:] + "EventDetails"] = details
        self.events.append(event)
        return self

    def task(self, name: str, took: float, frame: str = "0", failures: int = 0, error: str = "Card.Busy") -> Story:
        """A Task from its entry to its exit, after so many failed attempts."""
        self.add("TaskStateEntered", frame, name=name, input='{"total": 1250.5, "items": [1, 2, 3]}')
        for attempt in range(failures + 1):
            self.add("TaskScheduled", frame, attempt + 1, resource="function:" + name.lower(), resourceType="lambda")
            self.after(took / (failures + 1))
            if attempt < failures:
                self.add("TaskFailed", frame, attempt + 1, error=error, cause="the terminal is in use")
        self.add("TaskSucceeded", frame, failures + 1, output='{"ok": true}')
        return self.add("TaskStateExited", frame, name=name, output='{"ok": true}')


def begun(start: float, items: int = 3) -> Story:
    """An order up to the end of its Map, which has so many items."""
    story = Story(start).add("ExecutionStarted", input='{"order": "4711"}', roleArn="arn:aws:iam::0:role/flowd")
    story.after(0.02).task("CheckOrder", 0.9)
    story.add("MapStateEntered", name="EachItem", input="{}").add("MapStateStarted", length=items)
    for index in range(items):
        frame = f"0/2.{index}"
        story.add("MapIterationStarted", frame, name="EachItem", index=index)
        story.task("Reserve", 0.4, frame).add("PassStateEntered", frame, name="Label", input="{}")
        story.after(0.01).add("PassStateExited", frame, name="Label", output="{}")
        story.add("MapIterationSucceeded", frame, name="EachItem", index=index)
    return story.add("MapStateSucceeded").add("MapStateExited", name="EachItem", output="[]")


def failed(start: float) -> Story:
    """The card is declined, the refund service too: FAILED."""
    story = begun(start)
    story.add("ParallelStateEntered", name="PayAndTell", input="{}").add("ParallelStateStarted")
    story.task("TellCustomer", 0.6, "0/3.1")
    story.add("TaskStateEntered", "0/3.0", name="Charge", input="{}")
    for attempt in (1, 2, 3):
        story.add("TaskScheduled", "0/3.0", attempt, resource="function:charge", resourceType="lambda").after(1.1)
        story.add("TaskFailed", "0/3.0", attempt, error="Card.Busy", cause="the terminal is in use")
    story.add("ParallelStateFailed", error="Card.Busy", cause="the terminal is in use")
    story.add("ParallelStateExited", name="PayAndTell", output="{}")
    story.add("TaskStateEntered", name="Refund", input="{}")
    story.add("TaskScheduled", "0", 4, resource="function:refund", resourceType="lambda").after(0.7)
    cause = json.dumps({"errorMessage": "no such payment", "stackTrace": ["refund.py:12 in handler"]})
    story.add("TaskFailed", "0", 4, error="Refund.Unknown", cause=cause)
    return story.add("ExecutionFailed", error="Refund.Unknown", cause=cause)


def succeeded(start: float) -> Story:
    story = begun(start)
    story.add("ParallelStateEntered", name="PayAndTell", input="{}").add("ParallelStateStarted")
    story.task("Charge", 1.4, "0/3.0", failures=1).task("TellCustomer", 0.3, "0/3.1")
    story.add("ParallelStateSucceeded").add("ParallelStateExited", name="PayAndTell", output="{}")
    story.add("ChoiceStateEntered", name="BigOrder", input="{}").after(0.01)
    story.add("ChoiceStateExited", name="BigOrder", output="{}").task("Ship", 2.2)
    story.add("SucceedStateEntered", name="Done", input="{}").add("SucceedStateExited", name="Done", output="{}")
    return story.add("ExecutionSucceeded", output='{"parcel": "P-77"}')


def waiting(start: float, items: int = 128) -> Story:
    """Waits for a person in Approve, after a Map of many items."""
    story = begun(start, items)
    story.add("ParallelStateEntered", name="PayAndTell", input="{}").add("ParallelStateStarted")
    story.task("Charge", 1.4, "0/3.0", failures=2).task("TellCustomer", 0.3, "0/3.1")
    story.add("ParallelStateSucceeded").add("ParallelStateExited", name="PayAndTell", output="{}")
    story.add("ChoiceStateEntered", name="BigOrder", input="{}").after(0.01)
    story.add("ChoiceStateExited", name="BigOrder", output="{}")
    story.add("TaskStateEntered", name="Approve", input='{"total": 1250.5}')
    story.add("ActivityScheduled", "0", 5, resource=f"{ACCOUNT}:activity:sales")
    return story.add("ActivityStarted", "0", 5, workerName="flowd-inbox")
