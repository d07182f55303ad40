"""Drivers for the taxi example: activity workers, as they would run on drivers' phones. Not part of the workflow.

    eval "$(flowd env)"; python workflows/taxi/drivers.py [--eager] [zone ...]

One thread a zone (north, south, airport) polls for offers and accepts every second one after a while of its own
(eager ones accept all, at once); a car then polls for the ride, sends heartbeats while it drives, and reports kilometres
and minutes. Ctrl-C ends the shift.
"""

from __future__ import annotations

import json
import random
import sys
import threading
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ACTIVITY = "arn:aws:states:us-east-1:000000000000:activity:"
over = threading.Event()


def _client() -> Any:
    # GetActivityTask answers after up to 60 seconds, so the client must wait longer than that
    return boto3.client("stepfunctions", config=Config(read_timeout=70, retries={"max_attempts": 2}))


def offers(zone: str, eager: bool) -> None:
    """Accept about every second offer of the zone, after thinking about it."""
    steps, name = _client(), f"driver-{zone}"
    while not over.is_set():
        task = steps.get_activity_task(activityArn=ACTIVITY + f"taxi-{zone}", workerName=name)
        if "taskToken" not in task:
            continue
        over.wait(0 if eager else random.uniform(0.5, 4))
        accepted = eager or random.random() < 0.5
        print(f"{name}: {'accepts' if accepted else 'declines'} {task['input']}", flush=True)
        answer(steps, task["taskToken"], {"driver": name, "accepted": accepted})


def answer(steps: Any, token: str, output: dict[str, Any]) -> None:
    """Send the output, unless the offer is gone: another driver was faster, or the time was over."""
    try:
        steps.send_task_success(taskToken=token, output=json.dumps(output))
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("TaskTimedOut", "TaskDoesNotExist"):
            raise
        print(f"too late: {error}", flush=True)


def rides() -> None:
    """Drive whatever ride comes, with a heartbeat a second."""
    steps = _client()
    while not over.is_set():
        task = steps.get_activity_task(activityArn=ACTIVITY + "taxi-ride", workerName="car")
        if "taskToken" not in task:
            continue
        minutes = random.randint(3, 6)
        for _ in range(minutes):  # a minute of the ride takes a second here
            steps.send_task_heartbeat(taskToken=task["taskToken"])
            over.wait(1)
        answer(steps, task["taskToken"], {"km": round(minutes * 0.8, 1), "minutes": minutes})


def main(arguments: list[str]) -> None:
    eager = "--eager" in arguments
    zones = [name for name in arguments if name != "--eager"] or ["north", "south", "airport"]
    workers = [threading.Thread(target=offers, args=(zone, eager), daemon=True) for zone in zones]
    workers.append(threading.Thread(target=rides, daemon=True))
    for worker in workers:
        worker.start()
    try:
        for worker in workers:
            worker.join()
    except KeyboardInterrupt:
        over.set()


if __name__ == "__main__":
    main(sys.argv[1:])
