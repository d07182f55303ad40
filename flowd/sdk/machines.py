"""The activity by which a workflow starts a Step Functions execution and waits for it. Every worker has it."""

from __future__ import annotations

import json
import os
import time
from typing import Any

from flowd.sdk.activities import Activity
from flowd.sdk.attempt import attempt, cancel_requested
from flowd.sdk.calls import EXECUTE_STATE_MACHINE, EXECUTE_STATE_MACHINE_VERSION
from flowd.sdk.errors import CancelledError, PermanentError
from flowd.sdk.wire import Caller, Fault

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0


class ExecutionFailed(PermanentError):
    """The execution did not succeed: `type` is its error or status, the message its cause."""

    def __init__(self, type: str, cause: str) -> None:
        super().__init__(cause)
        self.type = type


def state_machine_activity(states: Caller) -> Activity[Any, Any]:
    """The activity, speaking through `states`."""

    def execute(machine: str, input: Any, name: str) -> Any:
        arn = start(states, machine, json.dumps(input), name)
        pause = _FIRST_PAUSE_S
        while True:
            found = states("DescribeExecution", executionArn=arn)
            if found["status"] == "SUCCEEDED":
                return json.loads(found.get("output") or "null")
            if found["status"] not in ("RUNNING", "PENDING_REDRIVE"):
                raise ExecutionFailed(found.get("error") or found["status"], found.get("cause") or "")
            if cancel_requested():
                states("StopExecution", executionArn=arn, cause=f"canceled by workflow {attempt().workflow_id}")
                raise CancelledError
            time.sleep(pause)
            pause = min(_LONGEST_PAUSE_S, pause * 1.5)

    return Activity(execute, EXECUTE_STATE_MACHINE, EXECUTE_STATE_MACHINE_VERSION)


def start(states: Caller, machine: str, input: str, name: str) -> str:
    """Start it, or find the one that an earlier worker has started under this name."""
    region = os.environ.get("AWS_REGION", "us-east-1")
    account = os.environ.get("AWS_ACCOUNT_ID", "000000000000")
    arn = machine if machine.startswith("arn:") else f"arn:aws:states:{region}:{account}:stateMachine:{machine}"
    try:
        return str(states("StartExecution", stateMachineArn=arn, name=name, input=input)["executionArn"])
    except Fault as fault:
        if fault.code == "ExecutionAlreadyExists":
            return arn.replace(":stateMachine:", ":execution:") + f":{name}"
        if fault.code == "StateMachineDoesNotExist":
            raise ExecutionFailed("StateMachineDoesNotExist", f"there is no state machine {machine}") from None
        raise
