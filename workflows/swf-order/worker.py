"""The activity worker of the order example: it does what the decider asks for, one task after the other.

    eval "$(flowd env)"; python workflows/swf-order/worker.py

Stop it in the middle of a task: after 20 seconds without a heartbeat the task times out, and the decider asks again.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

DOMAIN = "shop"
TASK_LIST = {"name": "order-work"}


class Failure(Exception):
    """The task cannot be done: a reason in one word, and details."""

    def __init__(self, reason: str, details: str) -> None:
        super().__init__(details)
        self.reason = reason


def verify(order: dict[str, Any], attempt: int, alive: Callable[[str], None]) -> Any:
    if not order["items"]:
        raise Failure("EmptyOrder", "there is nothing to ship")
    return {"verified": order["items"]}


def charge(order: dict[str, Any], attempt: int, alive: Callable[[str], None]) -> Any:
    """The card's token plays the bank's answer."""
    if order["card"] == "tok_declined":
        raise Failure("CardDeclined", "the bank says no")
    if order["card"] == "tok_flaky" and attempt == 1:
        raise Failure("BankUnreachable", "no answer; it will work the next time")
    return {"receipt": f"{order['orderId']}-{attempt}", "amount": order["amount"]}


def ship(order: dict[str, Any], attempt: int, alive: Callable[[str], None]) -> Any:
    """Takes a while, and says so: without heartbeats it would be taken for dead."""
    for item in order["items"]:
        alive(f"packing {item}")
        time.sleep(0.05)
    return {"parcel": f"P-{order['orderId']}"}


def record(order: dict[str, Any], attempt: int, alive: Callable[[str], None]) -> Any:
    return {"recorded": order["orderId"]}


ACTIVITIES = {"VerifyOrder": verify, "ChargeCreditCard": charge, "ShipOrder": ship, "RecordCompletion": record}


def step(swf: Any) -> bool:
    """Poll once and do what there is; False if there was nothing."""
    identity = f"worker@{socket.gethostname()}"
    task = swf.poll_for_activity_task(domain=DOMAIN, taskList=TASK_LIST, identity=identity)
    token = task.get("taskToken")
    if not token:
        return False
    name = task["activityType"]["name"]

    def alive(details: str) -> None:
        if swf.record_activity_task_heartbeat(taskToken=token, details=details)["cancelRequested"]:
            raise Failure("Canceled", "the decider does not want it any more")

    try:
        result = ACTIVITIES[name](json.loads(task["input"]), int(task["activityId"].rpartition("-")[2]), alive)
        swf.respond_activity_task_completed(taskToken=token, result=json.dumps(result))
        print(f"{name}: {result}", flush=True)
    except Failure as failure:
        swf.respond_activity_task_failed(taskToken=token, reason=failure.reason, details=str(failure))
        print(f"{name}: {failure.reason}", flush=True)
    except ClientError as error:
        if error.response["Error"]["Code"] != "UnknownResourceFault":
            raise
        print(f"{name}: too late: {error}", flush=True)
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
