"""Step Functions: its 37 operations."""

from __future__ import annotations

import json
from typing import Any, Final

from tests.clients.rows import Calls, Row

ROLE: Final = "arn:aws:iam::000000000000:role/any"
ARN: Final = "arn:aws:states:us-east-1:000000000000"
NOBODY: Final = f"{ARN}:stateMachine:nobody"
NO_RUN: Final = f"{ARN}:execution:nobody:never"


def machine(**state: Any) -> str:
    """A machine of one state."""
    return json.dumps({"StartAt": "A", "States": {"A": {**state, "End": True}}})


PASS: Final = machine(Type="Pass")
WAIT: Final = machine(Type="Wait", Seconds=3600)
ASK: Final = machine(Type="Task", Resource=f"{ARN}:activity:taxi", HeartbeatSeconds=600)
MANY: Final = machine(
    Type="Map",
    ItemProcessor={
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "W",
        "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}},
    },
)
BROKEN: Final = '{"StartAt": "A", "States": {"A": {"Type": "Pass"}}}'
steps = Calls("stepfunctions")


def made(name: str, definition: str, kept: str, **members: Any) -> Row:
    members = {"name": name, "definition": definition, "roleArn": ROLE, **members}
    return Row("stepfunctions", "CreateStateMachine", members, keep={kept: "stateMachineArn"})


_MACHINES: Final = [
    made("pass", PASS, "machine"),
    made("express", PASS, "express", type="EXPRESS", tags=[{"key": "team", "value": "a"}]),
    made("wait", WAIT, "waiting"),
    steps.bad("CreateStateMachine", "InvalidDefinition", name="x", definition=BROKEN, roleArn=ROLE),
    steps.bad("CreateStateMachine", "InvalidName", name="a b", definition=PASS, roleArn=ROLE),
    steps.bad("CreateStateMachine", "InvalidArn", name="x", definition=PASS, roleArn="role"),
    steps.bad("CreateStateMachine", "StateMachineAlreadyExists", name="pass", definition=WAIT, roleArn=ROLE),
    steps.bad(
        "CreateStateMachine",
        "TooManyTags",
        name="x",
        definition=PASS,
        roleArn=ROLE,
        tags=[{"key": f"k{each}", "value": ""} for each in range(51)],
    ),
    steps.good("ValidateStateMachineDefinition", {"definition": PASS}, "result == 'OK'"),
    steps.good("ValidateStateMachineDefinition", {"definition": BROKEN}, "result == 'FAIL' && diagnostics[0].code"),
    steps.bad("ValidateStateMachineDefinition", "ValidationException", definition=PASS, maxResults=101),
    steps.good("DescribeStateMachine", {"stateMachineArn": "<machine>"}, "status == 'ACTIVE'"),
    steps.bad("DescribeStateMachine", "StateMachineDoesNotExist", stateMachineArn=NOBODY),
    steps.bad("DescribeStateMachine", "InvalidArn", stateMachineArn="nobody"),
    steps.good("UpdateStateMachine", {"stateMachineArn": "<machine>", "definition": PASS}),
    steps.bad("UpdateStateMachine", "MissingRequiredParameter", stateMachineArn="<machine>"),
    steps.bad("UpdateStateMachine", "InvalidDefinition", stateMachineArn="<machine>", definition="{"),
    steps.good("ListStateMachines", {"maxResults": 1}, "stateMachines[0].creationDate"),
    steps.bad("ListStateMachines", "InvalidToken", nextToken="nonsense"),
]
_VERSIONS: Final = [
    steps.good("PublishStateMachineVersion", {"stateMachineArn": "<machine>"}, version="stateMachineVersionArn"),
    steps.bad("PublishStateMachineVersion", "ConflictException", stateMachineArn="<machine>", revisionId="other"),
    steps.bad("PublishStateMachineVersion", "StateMachineDoesNotExist", stateMachineArn=NOBODY),
    steps.good("ListStateMachineVersions", {"stateMachineArn": "<machine>"}, "stateMachineVersions[0]"),
    steps.bad("ListStateMachineVersions", "InvalidToken", stateMachineArn="<machine>", nextToken="nonsense"),
    steps.good(
        "CreateStateMachineAlias",
        {"name": "live", "routingConfiguration": [{"stateMachineVersionArn": "<version>", "weight": 100}]},
        alias="stateMachineAliasArn",
    ),
    steps.bad(
        "CreateStateMachineAlias",
        "ValidationException",
        name="half",
        routingConfiguration=[{"stateMachineVersionArn": "<version>", "weight": 50}],
    ),
    steps.bad(
        "CreateStateMachineAlias",
        "ConflictException",
        name="live",
        description="another",
        routingConfiguration=[{"stateMachineVersionArn": "<version>", "weight": 100}],
    ),
    steps.good("DescribeStateMachineAlias", {"stateMachineAliasArn": "<alias>"}, "name == 'live'"),
    steps.bad("DescribeStateMachineAlias", "ResourceNotFound", stateMachineAliasArn="<machine>:no"),
    steps.good("UpdateStateMachineAlias", {"stateMachineAliasArn": "<alias>", "description": "new"}),
    steps.bad("UpdateStateMachineAlias", "ResourceNotFound", stateMachineAliasArn="<machine>:no", description="new"),
    steps.good("ListStateMachineAliases", {"stateMachineArn": "<machine>"}, "length(stateMachineAliases) == `1`"),
    steps.bad("ListStateMachineAliases", "InvalidToken", stateMachineArn="<machine>", nextToken="nonsense"),
    steps.bad("DeleteStateMachineVersion", "ConflictException", stateMachineVersionArn="<version>"),
]
_EXECUTIONS: Final = [
    steps.good(
        "StartExecution", {"stateMachineArn": "<alias>", "name": "one", "input": '{"a": 1}'}, run="executionArn"
    ),
    steps.bad("StartExecution", "StateMachineDoesNotExist", stateMachineArn=NOBODY),
    steps.bad("StartExecution", "InvalidExecutionInput", stateMachineArn="<machine>", input="{"),
    steps.bad("StartExecution", "InvalidName", stateMachineArn="<machine>", name="a b"),
    steps.good("DescribeExecution", {"executionArn": "<run>"}, "status == 'SUCCEEDED' && output == '{\"a\": 1}'"),
    steps.bad("StartExecution", "ExecutionAlreadyExists", stateMachineArn="<machine>", name="one", input="{}"),
    steps.bad("DescribeExecution", "ExecutionDoesNotExist", executionArn=NO_RUN),
    steps.bad("DescribeExecution", "InvalidArn", executionArn="nobody"),
    steps.good("DescribeStateMachineForExecution", {"executionArn": "<run>"}, "name == 'pass'"),
    steps.bad("DescribeStateMachineForExecution", "ExecutionDoesNotExist", executionArn=NO_RUN),
    steps.good("ListExecutions", {"stateMachineArn": "<machine>", "statusFilter": "SUCCEEDED"}, "executions[0]"),
    steps.bad("ListExecutions", "StateMachineDoesNotExist", stateMachineArn=NOBODY),
    steps.bad("ListExecutions", "ValidationException", stateMachineArn="<machine>", statusFilter="DONE"),
    steps.bad("ListExecutions", "StateMachineTypeNotSupported", stateMachineArn="<express>"),
    steps.good("GetExecutionHistory", {"executionArn": "<run>", "reverseOrder": True}, "length(events) == `4`"),
    steps.bad("GetExecutionHistory", "ExecutionDoesNotExist", executionArn=NO_RUN),
    steps.bad("GetExecutionHistory", "InvalidToken", executionArn="<run>", nextToken="nonsense"),
    steps.good("StartExecution", {"stateMachineArn": "<waiting>"}, stopped="executionArn"),
    steps.bad("RedriveExecution", "ExecutionNotRedrivable", executionArn="<stopped>"),
    steps.good("StopExecution", {"executionArn": "<stopped>", "error": "Enough", "cause": "of it"}, "stopDate"),
    steps.bad("StopExecution", "ExecutionDoesNotExist", executionArn=NO_RUN),
    steps.good("DescribeExecution", {"executionArn": "<stopped>"}, "status == 'ABORTED' && error == 'Enough'"),
    steps.good("RedriveExecution", {"executionArn": "<stopped>"}, "redriveDate"),
    steps.bad("RedriveExecution", "ExecutionDoesNotExist", executionArn=NO_RUN),
    steps.good("StartSyncExecution", {"stateMachineArn": "<express>", "input": "{}"}, "status == 'SUCCEEDED'"),
    steps.bad("StartSyncExecution", "StateMachineTypeNotSupported", stateMachineArn="<machine>"),
    steps.bad("StartSyncExecution", "StateMachineDoesNotExist", stateMachineArn=NOBODY),
    steps.good("TestState", {"definition": '{"Type": "Pass", "End": true}', "roleArn": ROLE}, "status == 'SUCCEEDED'"),
    steps.bad("TestState", "InvalidDefinition", definition='{"Type": "Pas"}', roleArn=ROLE),
    steps.bad("TestState", "InvalidExecutionInput", definition='{"Type": "Pass", "End": true}', input="{"),
]
_TASKS: Final = [
    steps.good("CreateActivity", {"name": "taxi"}, activity="activityArn"),
    steps.bad("CreateActivity", "InvalidName", name="a b"),
    steps.good("DescribeActivity", {"activityArn": "<activity>"}, "name == 'taxi'"),
    steps.bad("DescribeActivity", "ActivityDoesNotExist", activityArn=f"{ARN}:activity:nobody"),
    steps.good("ListActivities", {"maxResults": 1}, "activities[0]"),
    steps.bad("ListActivities", "InvalidToken", nextToken="nonsense"),
    made("ask", ASK, "asking"),
    steps.good("StartExecution", {"stateMachineArn": "<asking>"}),
    steps.good("GetActivityTask", {"activityArn": "<activity>", "workerName": "w"}, "taskToken", token="taskToken"),
    steps.bad("GetActivityTask", "ActivityDoesNotExist", activityArn=f"{ARN}:activity:nobody"),
    steps.good("SendTaskHeartbeat", {"taskToken": "<token>"}),
    steps.bad("SendTaskHeartbeat", "InvalidToken", taskToken="nonsense"),
    steps.bad("SendTaskSuccess", "InvalidOutput", taskToken="<token>", output="{"),
    steps.good("SendTaskSuccess", {"taskToken": "<token>", "output": "{}"}),
    steps.bad("SendTaskSuccess", "TaskTimedOut", taskToken="<token>", output="[]"),
    steps.good("StartExecution", {"stateMachineArn": "<asking>"}, failing="executionArn"),
    steps.good("GetActivityTask", {"activityArn": "<activity>"}, "taskToken", token="taskToken"),
    steps.good("SendTaskFailure", {"taskToken": "<token>", "error": "Full", "cause": "no seat"}),
    steps.bad("SendTaskFailure", "InvalidToken", taskToken="nonsense"),
    steps.good("DescribeExecution", {"executionArn": "<failing>"}, "status == 'FAILED' && cause == 'no seat'"),
]
_MAP_RUNS: Final = [
    made("many", MANY, "mapping"),
    steps.good("StartExecution", {"stateMachineArn": "<mapping>", "input": "[1, 2]"}, parent="executionArn"),
    steps.good("ListMapRuns", {"executionArn": "<parent>"}, "mapRuns[0]", maprun="mapRuns[0].mapRunArn"),
    steps.bad("ListMapRuns", "ExecutionDoesNotExist", executionArn=NO_RUN),
    steps.good("DescribeMapRun", {"mapRunArn": "<maprun>"}, "status == 'RUNNING' && itemCounts.running == `2`"),
    steps.bad("DescribeMapRun", "ResourceNotFound", mapRunArn=f"{ARN}:mapRun:many/A:0-0"),
    steps.good("UpdateMapRun", {"mapRunArn": "<maprun>", "maxConcurrency": 5, "toleratedFailurePercentage": 1.5}),
    steps.bad("UpdateMapRun", "ValidationException", mapRunArn="<maprun>", toleratedFailurePercentage=101.0),
    steps.bad("UpdateMapRun", "ResourceNotFound", mapRunArn=f"{ARN}:mapRun:many/A:0-0", maxConcurrency=1),
    steps.good("ListExecutions", {"mapRunArn": "<maprun>"}, "length(executions) == `2`"),
]
_TAGS_AND_ENDS: Final = [
    steps.good("TagResource", {"resourceArn": "<machine>", "tags": [{"key": "team", "value": "a"}]}),
    steps.bad("TagResource", "ResourceNotFound", resourceArn=NOBODY, tags=[{"key": "team", "value": "a"}]),
    steps.good("ListTagsForResource", {"resourceArn": "<machine>"}, "tags[0].key == 'team'"),
    steps.bad("ListTagsForResource", "InvalidArn", resourceArn="nobody"),
    steps.good("UntagResource", {"resourceArn": "<machine>", "tagKeys": ["team"]}),
    steps.bad("UntagResource", "ResourceNotFound", resourceArn=NOBODY, tagKeys=["team"]),
    steps.good("DeleteStateMachineAlias", {"stateMachineAliasArn": "<alias>"}),
    steps.bad("DeleteStateMachineAlias", "InvalidArn", stateMachineAliasArn="nobody"),
    steps.good("DeleteStateMachineVersion", {"stateMachineVersionArn": "<version>"}),
    steps.good("DeleteStateMachine", {"stateMachineArn": "<machine>"}),
    steps.bad("DeleteStateMachine", "InvalidArn", stateMachineArn="nobody"),
    steps.good("DeleteActivity", {"activityArn": "<activity>"}),
    steps.bad("DeleteActivity", "InvalidArn", activityArn="nobody"),
]
ROWS: Final = [*_MACHINES, *_VERSIONS, *_EXECUTIONS, *_TASKS, *_MAP_RUNS, *_TAGS_AND_ENDS]
