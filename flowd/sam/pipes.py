"""AWS::Pipes::Pipe -> SamSource: a queue or a table's stream that starts a machine or calls a function.

What a pipe does on its way (enrichment, input templates) is refused, since what arrived would be something else.
Source: CloudFormation, AWS::Pipes::Pipe; EventBridge user guide, "EventBridge Pipes targets" and "batching".
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from flowd.names import split_arn
from flowd.sam.cloud import Given, Wrong, as_text
from flowd.sam.intrinsics import Unresolvable
from flowd.sam.project import UNSUPPORTED, SamSource
from flowd.sam.resources import Template
from flowd.sam.triggers import source_of

PIPE: Final = "AWS::Pipes::Pipe"
_OF_QUEUES, _OF_STREAMS = "SqsQueueParameters", "DynamoDBStreamParameters"
_OF_MACHINES, _OF_FUNCTIONS = "StepFunctionStateMachineParameters", "LambdaFunctionParameters"
_SAME: Final[tuple[str, ...]] = (  # as an event source mapping has them
    *("BatchSize", "MaximumBatchingWindowInSeconds", "MaximumRecordAgeInSeconds", "MaximumRetryAttempts"),
    *("ParallelizationFactor", "StartingPosition"),
)
_WITHOUT_MEANING: Final = (
    "Description",
    "EnrichmentParameters",
    "KmsKeyIdentifier",
    "LogConfiguration",
    "RoleArn",
    "Tags",
)


def read_pipe(template: Template, logical_id: str, source: str) -> SamSource | None:
    """The source, or None when it is refused; the reason is in the template's problems."""
    path = ("Resources", logical_id, "Properties")
    try:
        given = Given(template, logical_id)
        made = _pipe(given, source, template.document.where(*path).line)
    except Wrong as wrong:
        template.refuse(logical_id, str(wrong), *path, wrong.property)
        return None
    except Unresolvable as problem:
        template.refuse(logical_id, problem.message, *path, code=UNSUPPORTED)
        return None
    given.ignore("Name", *_WITHOUT_MEANING)
    for name in given.left_out:
        template.unsupported(logical_id, f"the property {name} of {PIPE} is left out", *path, name)
    return made


def _pipe(given: Given, source: str, line: int) -> SamSource:
    if given.get("Enrichment"):
        raise Wrong("Enrichment", "what a pipe asks on its way is not built: let the target ask it")
    target, kind, name = _target(given)
    said = _mapping(given, "SourceParameters")
    origin = given.get("Source")
    parameters = _mapping(said, _OF_STREAMS if "/stream/" in str(origin) else _OF_QUEUES)
    wanted = {each: parameters[each] for each in _SAME if each in parameters}
    if "FilterCriteria" in said:
        wanted["FilterCriteria"] = said["FilterCriteria"]
    if parameters.get("OnPartialBatchItemFailure") == "AUTOMATIC_BISECT":
        wanted["BisectBatchOnFunctionError"] = True
    if letters := _mapping(parameters, "DeadLetterConfig").get("Arn"):
        wanted["DestinationConfig"] = {"OnFailure": {"Destination": letters}}
    if kind == "lambda":
        wanted["FunctionResponseTypes"] = ["ReportBatchItemFailures"]  # a pipe heeds it without being told to
    like = Given(given.template, given.logical_id, wanted)
    made = source_of(like, origin, "Source", name, given.logical_id, source, line)
    return msgspec.structs.replace(made, target=target, enabled=given.get("DesiredState", "RUNNING") != "STOPPED")


def _target(given: Given) -> tuple[str, str, str]:
    """The ARN of what a pipe tells, its service, and its name."""
    target, said = given.get("Target"), _mapping(given, "TargetParameters")
    if said.get("InputTemplate"):
        raise Wrong("TargetParameters", "an InputTemplate is not built: a pipe's target gets the records as they are")
    arn = split_arn(target) if isinstance(target, str) else None
    if arn is not None and arn.service == "lambda" and arn.resource.startswith("function:"):
        return str(target), arn.service, arn.resource.split(":")[1]
    if arn is None or arn.service != "states" or not arn.resource.startswith("stateMachine:"):
        raise Wrong("Target", f"Target is {as_text(target)}; a pipe starts a machine or calls a function here")
    if _mapping(said, _OF_MACHINES).get("InvocationType") != "FIRE_AND_FORGET":
        message = "a pipe does not wait for a machine here; InvocationType: FIRE_AND_FORGET starts it"
        raise Wrong("TargetParameters", message)
    return str(target), arn.service, arn.resource.split(":")[1]


def _mapping(given: Given | dict[str, Any], name: str) -> dict[str, Any]:
    found = given.get(name) or {}
    if not isinstance(found, dict):
        raise Wrong(name, f"{name} must be a mapping")
    return found
