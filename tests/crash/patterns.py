"""Every integration in every pattern, as machines for the tests that kill: one row each.

A row says how a Task of it looks, which events one attempt leaves, and where its effects can be counted. Each Task
carries a tag of its own (`row-execution-step`), so that an effect that is missing or there twice has a name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flowd import names

BASE = ("TaskScheduled", "TaskStarted", "TaskSucceeded")
SUBMITTED = ("TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded")
#: Whoever was told the token may answer it before the call has come back.
QUICK = (SUBMITTED, BASE)
FUNCTION = ("LambdaFunctionScheduled", "LambdaFunctionStarted", "LambdaFunctionSucceeded")
TOKEN = {"token.$": "$$.Task.Token"}
Made = Callable[["Places", str], dict[str, Any]]


@dataclass(frozen=True)
class Places:
    """What the Tasks call: made by the test before the machines."""

    book: str  # a file to which functions and container tasks write a line when they begin
    url: str  # the queue `sent`
    topic: str
    web: str  # HOST:PORT of a server that notes what it was sent


@dataclass(frozen=True)
class Row:
    """`made` gives a Task's parameters of the places and the text of an expression that is the tag.

    `effects` names the place where tags are found; "" has no effect that could be counted. `events`: what one attempt
    leaves, in one of these ways. `lost`: the errors of a call that nobody can repeat, where Retry decides.
    """

    name: str
    resource: str
    made: Made
    effects: str = ""
    events: tuple[tuple[str, ...], ...] = (BASE,)
    steps: int = 8
    lost: tuple[str, ...] = ()
    runner: bool = False  # its work is done by the runner

    def machine(self, places: Places) -> dict[str, Any]:
        """The Tasks one after the other, each with its own tag."""
        states: dict[str, Any] = {}
        for step in range(self.steps):
            tag = f"States.Format('{{}}-{step}', $.tag)"
            states[f"S{step}"] = {
                "Type": "Task",
                "Resource": self.resource if ":lambda:us" in self.resource else f"arn:aws:states:::{self.resource}",
                "Parameters": self.made(places, tag),
                "ResultPath": None,
                "Next": f"S{step + 1}",
            }
            if errors := [*self.lost, *(("Lambda.Unknown", "States.TaskFailed") if self.runner else ())]:
                retrier = {"ErrorEquals": errors, "IntervalSeconds": 1, "MaxAttempts": 9, "BackoffRate": 1}
                states[f"S{step}"]["Retry"] = [retrier]
        return {"StartAt": "S0", "States": {**states, f"S{self.steps}": {"Type": "Succeed"}}}


def _function(**more: Any) -> Made:
    return lambda places, tag: {
        "FunctionName": "work",
        "Payload": {"book": places.book, "tag.$": tag, "seconds": 0.1, **more},
    }


def _container(*names_: str) -> Made:
    def made(places: Places, tag: str) -> dict[str, Any]:
        environment = [{"Name": "BOOK", "Value": places.book}, {"Name": "TAG", "Value.$": tag}]
        if names_:
            environment.append({"Name": "TOKEN", "Value.$": "$$.Task.Token"})
        return {
            "TaskDefinition": "job",
            "Overrides": {"ContainerOverrides": [{"Name": "main", "Environment": environment}]},
        }

    return made


def _message(*, text: bool = False, token: bool = False) -> Made:
    body = "MessageBody.$" if text else "MessageBody"
    return lambda places, tag: {
        "QueueUrl": places.url,
        body: tag if text else {"tag.$": tag, **(TOKEN if token else {})},
    }


def _publish(*, token: bool = False) -> Made:
    return lambda places, tag: {"TopicArn": places.topic, "Message": {"tag.$": tag, **(TOKEN if token else {})}}


def _entry(*, token: bool = False) -> Made:
    detail = TOKEN if token else {}
    return lambda places, tag: {"Entries": [{"Source": "crash", "DetailType": "d", "Detail": {"tag.$": tag, **detail}}]}


def _child(machine: str, *, token: bool = False) -> Made:
    return lambda places, tag: {
        "StateMachineArn": names.machine_arn(machine),
        "Input": {"tag.$": tag, **(TOKEN if token else {})},
    }


def _put(condition: str = "attribute_not_exists(id)") -> Made:
    return lambda places, tag: {
        "TableName": "things",
        "Item": {"id": {"S.$": tag}},
        "ConditionExpression": condition,
    }


def _add(places: Places, tag: str) -> dict[str, Any]:
    return {
        "TableName": "things",
        "Key": {"id": {"S.$": tag}},
        "UpdateExpression": "ADD n :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }


def _take(places: Places, tag: str) -> dict[str, Any]:
    """A second delete would not find it and fail the Task."""
    key = {"id": {"S.$": "States.Format('seed-{}', " + tag + ")"}}
    return {"TableName": "things", "Key": key, "ConditionExpression": "attribute_exists(id)"}


def _web(method: str, *, token: bool = False) -> Made:
    return lambda places, tag: {
        "ApiEndpoint": places.web,
        "Method": method,
        "Path": "/gateway",
        "QueryParameters": {"tag.$": f"States.Array({tag})"},
        **({"RequestBody": TOKEN} if token else {}),
    }


def _http(method: str) -> Made:
    return lambda places, tag: {
        "ApiEndpoint": f"http://{places.web}/http",
        "Method": method,
        "QueryParameters": {"tag.$": tag},
    }


TABLE = "table"
ROWS: tuple[Row, ...] = (
    Row("function-arn", names.function_arn("work"), lambda p, tag: _function()(p, tag)["Payload"], "book",
        (FUNCTION,), 3, runner=True),
    Row("function", "lambda:invoke", _function(), "book", steps=3, runner=True),
    Row("function-event", "lambda:invoke", lambda p, tag: {**_function()(p, tag), "InvocationType": "Event"}, "book"),
    Row("function-token", "lambda:invoke.waitForTaskToken", _function(**TOKEN), "book", QUICK, 3, runner=True),
    Row("container", "ecs:runTask", _container(), "book", steps=2),
    Row("container-sync", "ecs:runTask.sync", _container(), "book", (SUBMITTED,), 2, runner=True),
    Row("container-token", "ecs:runTask.waitForTaskToken", _container("TOKEN"), "book", QUICK, 2),
    Row("queue", "sqs:sendMessage", _message(), "sent"),
    Row("queue-token", "sqs:sendMessage.waitForTaskToken", _message(token=True), "sent", QUICK, 3),
    Row("topic", "sns:publish", _publish(), "told"),
    Row("topic-token", "sns:publish.waitForTaskToken", _publish(token=True), "told", QUICK, 3),
    Row("get", "dynamodb:getItem", lambda p, tag: {"TableName": "things", "Key": {"id": {"S.$": tag}}}),
    Row("put", "dynamodb:putItem", _put(), TABLE),
    Row("update", "dynamodb:updateItem", _add, TABLE),
    Row("delete", "dynamodb:deleteItem", _take),
    Row("events", "events:putEvents", _entry(), "heard"),
    Row("events-token", "events:putEvents.waitForTaskToken", _entry(token=True), "heard", QUICK, 3),
    Row("child", "states:startExecution", _child("told-child"), "children"),
    Row("child-sync", "states:startExecution.sync", _child("told-child"), "children", (SUBMITTED,)),
    Row("child-sync2", "states:startExecution.sync:2", _child("told-child"), "children", (SUBMITTED,)),
    Row("child-token", "states:startExecution.waitForTaskToken", _child("asking-child", token=True), "children", QUICK,
        3),
    Row("http-get", "http:invoke", _http("GET"), steps=3),
    Row("http-post", "http:invoke", _http("POST"), "web", steps=3, lost=("States.Http.Socket",)),
    Row("gateway-get", "apigateway:invoke", _web("GET"), steps=3),
    Row("gateway-post", "apigateway:invoke", _web("POST"), "web", steps=3, lost=("ApiGateway.SdkClientException",)),
    Row("gateway-token", "apigateway:invoke.waitForTaskToken", _web("POST", token=True), "web", QUICK, 3,
        lost=("ApiGateway.SdkClientException",)),
    Row("sdk-query", "aws-sdk:dynamodb:query", lambda p, tag: {
        "TableName": "things", "KeyConditionExpression": "id = :id",
        "ExpressionAttributeValues": {":id": {"S.$": tag}}}),
    Row("sdk-put", "aws-sdk:dynamodb:putItem", _put(), TABLE),
    Row("sdk-update", "aws-sdk:dynamodb:updateItem", _add, TABLE),
    Row("sdk-queue", "aws-sdk:sqs:sendMessage", _message(text=True), "sent"),
    Row("sdk-queue-token", "aws-sdk:sqs:sendMessage.waitForTaskToken", _message(token=True), "sent", QUICK, 3),
    Row("sdk-topic", "aws-sdk:sns:publish", _publish(), "told"),
    Row("sdk-events", "aws-sdk:eventbridge:putEvents", _entry(), "heard"),
    Row("sdk-bucket", "aws-sdk:s3:putObject", lambda p, tag: {"Bucket": "things", "Key.$": tag, "Body": "b"}, "bucket"),
    Row("sdk-child", "aws-sdk:sfn:startExecution", _child("told-child"), "children"),
    Row("sdk-aws-read", "aws-sdk:secretsmanager:getSecretValue", lambda p, tag: {"SecretId.$": tag}, steps=3),
    Row("sdk-aws", "aws-sdk:secretsmanager:deleteSecret", lambda p, tag: {"SecretId.$": tag}, "web", steps=3,
        lost=("SecretsManager.SdkClientException",)),
)  # fmt: skip
