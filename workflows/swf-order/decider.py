"""The decider of the order example: it looks at the history of an order and says what comes next. It keeps nothing.

    eval "$(flowd env)"; python workflows/swf-order/decider.py

Stop it, start it again, start three of them: each decision task goes to one of them, and the history is all they need.
A card that fails is tried again after 5 seconds (a timer); a card that is declined ends the order.
"""

from __future__ import annotations

import json
import socket
import time
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

DOMAIN = "shop"
TASK_LIST = {"name": "order-decisions"}
VERSION = "1.0"
STEPS = ("VerifyOrder", "ChargeCreditCard", "ShipOrder", "RecordCompletion")
ATTEMPTS = 3
PAUSE = "5"
Event = dict[str, Any]
Decision = dict[str, Any]


def decide(events: list[Event]) -> list[Decision]:
    """The decisions for a history. A pure function: the same history always gives the same decisions."""
    order = attributes(events[0])["input"]
    if any(event["eventType"] == "WorkflowExecutionCancelRequested" for event in events):
        return [decision("CancelWorkflowExecution", details="the customer has changed their mind")]
    done = sum(1 for event in events if event["eventType"] == "ActivityTaskCompleted")
    latest = next((event for event in reversed(events) if is_news(event)), events[0])
    kind = latest["eventType"]
    if any(is_answer(event) for event in events[latest["eventId"] :]):
        return []  # this news was decided before; what woke us asks for nothing, such as a signal we do not know
    if done == len(STEPS):
        return [decision("CompleteWorkflowExecution", result=json.dumps({"orderId": json.loads(order)["orderId"]}))]
    if kind in ("WorkflowExecutionStarted", "ActivityTaskCompleted", "TimerFired"):
        return [schedule(STEPS[done], attempts(events, STEPS[done]) + 1, order)]
    if kind in ("ActivityTaskFailed", "ActivityTaskTimedOut"):
        return after_failure(events, latest, STEPS[done])
    return []


def is_news(event: Event) -> bool:
    kind = event["eventType"]
    return kind in ("ActivityTaskCompleted", "ActivityTaskFailed", "ActivityTaskTimedOut", "TimerFired")


def is_answer(event: Event) -> bool:
    """What this decider wrote because of some news."""
    return event["eventType"] in ("ActivityTaskScheduled", "TimerStarted")


def after_failure(events: list[Event], latest: Event, step: str) -> list[Decision]:
    """Once more after a while, unless it would be in vain."""
    reason = attributes(latest).get("reason") or attributes(latest).get("timeoutType")
    if reason == "CardDeclined" or attempts(events, step) >= ATTEMPTS:
        return [decision("FailWorkflowExecution", reason=f"{step}: {reason}")]
    return [decision("StartTimer", timerId=f"{step}-{attempts(events, step)}", startToFireTimeout=PAUSE)]


def attempts(events: list[Event], step: str) -> int:
    """How often a step was scheduled."""
    return sum(
        1
        for event in events
        if event["eventType"] == "ActivityTaskScheduled" and attributes(event)["activityType"]["name"] == step
    )


def schedule(step: str, attempt: int, order: str) -> Decision:
    return decision(
        "ScheduleActivityTask",
        activityType={"name": step, "version": VERSION},
        activityId=f"{step}-{attempt}",
        input=order,
    )


def attributes(event: Event) -> dict[str, Any]:
    kind = event["eventType"]
    found: dict[str, Any] = event[f"{kind[0].lower()}{kind[1:]}EventAttributes"]
    return found


def decision(kind: str, **members: Any) -> Decision:
    return {"decisionType": kind, f"{kind[0].lower()}{kind[1:]}DecisionAttributes": members}


def poll(swf: Any) -> dict[str, Any] | None:
    """The next decision task with its whole history, None if there was nothing for a minute."""
    asked: dict[str, Any] = {"domain": DOMAIN, "taskList": TASK_LIST, "identity": f"decider@{socket.gethostname()}"}
    task: dict[str, Any] = swf.poll_for_decision_task(**asked)
    if not task.get("taskToken"):
        return None
    page = task
    while "nextPageToken" in page:
        page = swf.poll_for_decision_task(**asked, nextPageToken=page["nextPageToken"])
        task["events"] += page["events"]
    return task


def step(swf: Any) -> bool:
    """Poll once and answer; False if there was nothing."""
    task = poll(swf)
    if task is None:
        return False
    decisions = decide(task["events"])
    name = task["workflowExecution"]["workflowId"]
    try:
        swf.respond_decision_task_completed(taskToken=task["taskToken"], decisions=decisions)
        print(f"{name}: {', '.join(each['decisionType'] for each in decisions) or 'nothing'}", flush=True)
    except ClientError as error:
        if error.response["Error"]["Code"] != "UnknownResourceFault":
            raise
        print(f"{name}: too late, somebody else decides: {error}", flush=True)
    return True


def main() -> None:
    # A poll is answered after up to 60 seconds, so the client must wait longer than that.
    swf = boto3.client("swf", config=Config(read_timeout=70))
    while True:
        try:
            step(swf)
        except BotoCoreError as error:  # nobody answers: it will come back, and nothing is lost by asking again
            print(f"{error}; trying again", flush=True)
            time.sleep(1)
        except ClientError as error:
            if error.response["Error"]["Code"] != "UnknownResourceFault":
                raise
            print(f"{error}; starter.py registers it", flush=True)
            time.sleep(1)


if __name__ == "__main__":
    main()
