"""AWS Lambda and Amazon ECS."""

from __future__ import annotations

from typing import Any, Final

from tests.clients.rows import Calls, Row

functions, ecs, sqs = Calls("lambda"), Calls("ecs"), Calls("sqs")
F: Final = {"FunctionName": "greet"}
NONE: Final = {"FunctionName": "nobody"}
LOST: Final = "ResourceNotFoundException"
WRONG: Final = "InvalidParameterValueException"
#: The files that the tables need in the drop folder.
FILES: Final = {
    "functions/greet.py": 'def handler(event, context):\n    print("heard")\n    return {"hello": event["name"]}\n',
}
_FUNCTIONS: Final = [
    functions.good("ListFunctions", {}, "Functions[0].FunctionName == 'greet'"),
    functions.bad("ListFunctions", "ValidationException", MaxItems=10_001),
    functions.good("GetFunction", F, "Configuration.State == 'Active'", function="Configuration.FunctionArn"),
    functions.bad("GetFunction", LOST, **NONE),
    functions.good("GetFunctionConfiguration", F, "LastUpdateStatus == 'Successful'"),
    functions.bad("GetFunctionConfiguration", LOST, **NONE),
    functions.good("GetFunctionConcurrency", F),
    functions.bad("GetFunctionConcurrency", LOST, **NONE),
    functions.good("ListVersionsByFunction", F, "Versions[0].Version == '$LATEST'"),
    functions.bad("ListVersionsByFunction", LOST, **NONE),
    functions.good("GetAccountSettings", {}, "AccountUsage.FunctionCount == `1`"),
    functions.strange("GetAccountSettings"),
    functions.good(
        "Invoke", {**F, "Payload": b'{"name": "Ada"}', "LogType": "Tail"}, "LogResult && contains(Payload, 'Ada')"
    ),
    functions.good("Invoke", {**F, "Payload": b"{}"}, "FunctionError == 'Unhandled' && contains(Payload, 'KeyError')"),
    functions.good("Invoke", {**F, "InvocationType": "Event", "Payload": b'{"name": "Ada"}'}, "StatusCode == `202`"),
    functions.good("Invoke", {**F, "InvocationType": "DryRun"}, "StatusCode == `204`"),
    functions.bad("Invoke", LOST, **NONE),
    functions.bad("Invoke", "InvalidRequestContentException", **F, Payload=b"{"),
]
_SETTINGS: Final = [
    functions.good("PutFunctionEventInvokeConfig", {**F, "MaximumRetryAttempts": 1}, "MaximumRetryAttempts == `1`"),
    functions.bad("PutFunctionEventInvokeConfig", LOST, **NONE, MaximumRetryAttempts=1),
    functions.good(
        "UpdateFunctionEventInvokeConfig", {**F, "MaximumEventAgeInSeconds": 60}, "MaximumRetryAttempts == `1`"
    ),
    functions.bad("UpdateFunctionEventInvokeConfig", LOST, **NONE, MaximumRetryAttempts=1),
    functions.good("GetFunctionEventInvokeConfig", F, "MaximumEventAgeInSeconds == `60` && LastModified"),
    functions.bad("GetFunctionEventInvokeConfig", LOST, **NONE),
    functions.good("ListFunctionEventInvokeConfigs", F, "length(FunctionEventInvokeConfigs) == `1`"),
    functions.bad("ListFunctionEventInvokeConfigs", LOST, **NONE),
    functions.good("DeleteFunctionEventInvokeConfig", F),
    functions.bad("DeleteFunctionEventInvokeConfig", LOST, **F),
]
_MAPPINGS: Final = [
    sqs.good("CreateQueue", {"QueueName": "work"}, queue="QueueUrl"),
    sqs.good(
        "GetQueueAttributes", {"QueueUrl": "<queue>", "AttributeNames": ["QueueArn"]}, queue_arn="Attributes.QueueArn"
    ),
    functions.good("CreateEventSourceMapping", {**F, "EventSourceArn": "<queue_arn>", "BatchSize": 5}, mapping="UUID"),
    functions.bad("CreateEventSourceMapping", "ResourceConflictException", **F, EventSourceArn="<queue_arn>"),
    functions.bad("CreateEventSourceMapping", LOST, **NONE, EventSourceArn="<queue_arn>"),
    functions.bad("CreateEventSourceMapping", WRONG, **F, EventSourceArn="<queue_arn>-none"),
    functions.good("GetEventSourceMapping", {"UUID": "<mapping>"}, "State == 'Enabled' && BatchSize == `5`"),
    functions.bad("GetEventSourceMapping", LOST, UUID="00000000-0000-0000-0000-000000000000"),
    functions.good("ListEventSourceMappings", F, "length(EventSourceMappings) == `1`"),
    functions.bad("ListEventSourceMappings", "ValidationException", MaxItems=10_001),
    functions.good("UpdateEventSourceMapping", {"UUID": "<mapping>", "BatchSize": 6}, "BatchSize == `6`"),
    functions.bad("UpdateEventSourceMapping", LOST, UUID="00000000-0000-0000-0000-000000000000", BatchSize=1),
    functions.good("DeleteEventSourceMapping", {"UUID": "<mapping>"}, "State == 'Deleting'"),
    functions.bad("DeleteEventSourceMapping", LOST, UUID="<mapping>"),
]


def container(*command: str) -> list[dict[str, Any]]:
    return [{"name": "main", "image": "local/sleep", "command": list(command), "memory": 64}]


def ran(family: str, kept: str) -> Row:
    return ecs.good("RunTask", {"taskDefinition": family}, "tasks[0].taskArn", **{kept: "tasks[0].taskArn"})


_CONTAINERS: Final = [
    ecs.good(
        "RegisterTaskDefinition",
        {"family": "nap", "containerDefinitions": container("sleep", "300")},
        definition="taskDefinition.taskDefinitionArn",
    ),
    ecs.good("RegisterTaskDefinition", {"family": "blink", "containerDefinitions": container("true")}),
    ecs.bad("RegisterTaskDefinition", "ClientException", family="x y", containerDefinitions=container("true")),
    ecs.bad("RegisterTaskDefinition", "ClientException", family="x", containerDefinitions=[]),
    ecs.good("DescribeTaskDefinition", {"taskDefinition": "nap"}, "taskDefinition.revision == `1`"),
    ecs.bad("DescribeTaskDefinition", "ClientException", taskDefinition="nobody"),
    ecs.good("ListTaskDefinitions", {"familyPrefix": "nap"}, "length(taskDefinitionArns) == `1`"),
    ecs.bad("ListTaskDefinitions", "InvalidParameterException", maxResults=101),
    ecs.good("ListTaskDefinitionFamilies", {}, "length(families) == `2`"),
    ecs.bad("ListTaskDefinitionFamilies", "InvalidParameterException", nextToken="nonsense"),
    ecs.good("ListClusters", {}, "length(clusterArns) == `1`"),
    ecs.bad("ListClusters", "InvalidParameterException", nextToken="nonsense"),
    ecs.good("DescribeClusters", {}, "clusters[0].status == 'ACTIVE'"),
    ecs.strange("DescribeClusters"),
    ran("nap", "task"),
    ecs.bad("RunTask", "ClientException", taskDefinition="nobody"),
    ecs.bad("RunTask", "InvalidParameterException", taskDefinition="nap", count=11),
    ecs.good("DescribeTasks", {"tasks": ["<task>"]}, "tasks[0].lastStatus == 'RUNNING'"),
    ecs.good("DescribeTasks", {"tasks": ["none"]}, "failures[0].reason == 'MISSING'"),
    ecs.bad("DescribeTasks", "InvalidParameterException", tasks=[]),
    ecs.good("ListTasks", {"family": "nap"}, "taskArns[0]"),
    ecs.bad("ListTasks", "InvalidParameterException", maxResults=101),
    ecs.good("StopTask", {"task": "<task>", "reason": "enough"}, "task.taskArn"),
    ecs.bad("StopTask", "InvalidParameterException", task="nobody"),
    ran("blink", "task"),
    ecs.good(
        "DescribeTasks",
        {"tasks": ["<task>"]},
        "tasks[0].lastStatus == 'STOPPED' && tasks[0].containers[0].exitCode == `0`",
    ),
    ecs.good("DeregisterTaskDefinition", {"taskDefinition": "<definition>"}, "taskDefinition.status == 'INACTIVE'"),
    ecs.bad("DeregisterTaskDefinition", "ClientException", taskDefinition="nobody:1"),
]
ROWS: Final = [*_FUNCTIONS, *_SETTINGS, *_MAPPINGS, *_CONTAINERS]
