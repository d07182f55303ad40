"""Task resources: which ARNs AWS knows, which patterns each action allows, what EXPRESS refuses.

Pure tables and text. Whether this installation can run a Task is asked of the `ResourceCheck` that the daemon hands in.
"""

from __future__ import annotations

from typing import Final

from flowd.asl.diagnostics import INVALID_RESOURCE, Report, ResourceCheck
from flowd.asl.resources import Resource, split_resource
from flowd.names import UnknownName

SDK: Final = "aws-sdk:"  # what services are called whose whole API can be called
_JOB = frozenset({"", "sync"})
_CALL = frozenset({""})
_CALLBACK = frozenset({"", "waitForTaskToken"})
_ALL = frozenset({"", "sync", "waitForTaskToken"})


def _actions(patterns: frozenset[str], *names: str) -> dict[str, frozenset[str]]:
    return dict.fromkeys(names, patterns)


# Optimised integrations (developer guide, "Integrating optimized services"): service -> action -> patterns.
OPTIMISED: Final[dict[str, dict[str, frozenset[str]]]] = {
    "apigateway": _actions(_CALLBACK, "invoke"),
    "athena": _actions(_JOB, "startQueryExecution")
    | _actions(_CALL, "stopQueryExecution", "getQueryExecution", "getQueryResults"),
    "batch": _actions(_ALL, "submitJob"),
    "bedrock": _actions(_CALL, "invokeModel") | _actions(_JOB, "createModelCustomizationJob"),
    "bedrockagentcore": _actions(_CALL, "invokeHarness"),
    "codebuild": _actions(_JOB, "startBuild", "startBuildBatch", "retryBuild", "retryBuildBatch")
    | _actions(_CALL, "stopBuild", "stopBuildBatch", "batchDeleteBuilds", "batchGetReports", "deleteBuildBatch"),
    "databrew": _actions(_JOB, "startJobRun"),
    "dynamodb": _actions(_CALL, "getItem", "putItem", "updateItem", "deleteItem"),
    "ecs": _actions(_ALL, "runTask"),
    "eks": _actions(
        _JOB,
        "createCluster",
        "deleteCluster",
        "createNodegroup",
        "deleteNodegroup",
        "createFargateProfile",
        "deleteFargateProfile",
        "runJob",
    )
    | _actions(_CALL, "call"),
    "elasticmapreduce": _actions(_JOB, "createCluster", "terminateCluster", "addStep")
    | _actions(
        _CALL,
        "cancelStep",
        "setClusterTerminationProtection",
        "modifyInstanceFleetByName",
        "modifyInstanceGroupByName",
    ),
    "emr-containers": _actions(_JOB, "createVirtualCluster", "deleteVirtualCluster", "startJobRun"),
    "emr-serverless": _actions(
        _JOB,
        "createApplication",
        "startApplication",
        "stopApplication",
        "deleteApplication",
        "startJobRun",
        "cancelJobRun",
    ),
    "events": _actions(_CALLBACK, "putEvents"),
    "glue": _actions(_JOB, "startJobRun"),
    "http": _actions(_CALL, "invoke"),
    "lambda": _actions(_CALLBACK, "invoke"),
    "mediaconvert": _actions(_JOB, "createJob"),
    "sagemaker": _actions(_CALL, "createEndpoint", "createEndpointConfig", "createModel", "updateEndpoint")
    | _actions(
        _JOB,
        "createHyperParameterTuningJob",
        "createLabelingJob",
        "createProcessingJob",
        "createTrainingJob",
        "createTransformJob",
    ),
    "sns": _actions(_CALLBACK, "publish"),
    "sqs": _actions(_CALLBACK, "sendMessage"),
    "states": _actions(_ALL | {"sync:2"}, "startExecution"),
}


def is_known(resource: Resource) -> bool:
    """True if AWS has this integration and pattern; SDK calls are left to the `ResourceCheck`, which has their list."""
    return resource.family != "task" or is_known_call(resource.service, resource.action, resource.pattern)


def is_known_call(service: str, action: str, pattern: str) -> bool:
    """As `is_known`, of a service integration."""
    if service.startswith(SDK):
        return pattern in _CALLBACK
    return pattern in OPTIMISED.get(service, {}).get(action, ())


def check_resource(report: Report, text: str, location: str, *, express: bool, check: ResourceCheck | None) -> None:
    """Report why this Resource cannot stand in a Task: unknown to AWS, not allowed in EXPRESS, or not built here.

    What AWS does not have is refused in AWS's words, whoever found out; what only flowd lacks is INVALID_RESOURCE.
    """
    resource = split_resource(text)
    if resource is None:
        report.error(
            _unknown(text) if text.startswith(("arn:", "${")) else "Value is not a valid resource ARN", location
        )
        return
    if express and (refusal := _express_refusal(resource)):
        report.error(refusal, location)
        return
    known = is_known(resource)
    if not known and (check is None or resource.service in OPTIMISED or resource.service.startswith(SDK)):
        report.error(_unknown(text), location)
        return
    if check is None:
        return
    reason = check(resource.service, resource.action, resource.pattern, text)
    if reason is None:
        return
    if known and not isinstance(reason, UnknownName):
        report.error(reason, location, INVALID_RESOURCE)
    else:
        report.error(_unknown(text), location)


def _unknown(text: str) -> str:
    # Recorded: an optimised integration for an action that the service does not offer (dynamodb:query).
    return (
        f"The resource provided {text} is not recognized. The value is not a valid resource ARN, "
        "or the resource is not available in this region."
    )


def _express_refusal(resource: Resource) -> str | None:
    # Recorded texts; the blank at the end of the callback's is in the recording.
    if resource.family == "activity":
        return "Express state machine does not support Activity ARN"
    if resource.pattern == "waitForTaskToken":
        return "Express state machine does not support '.waitForTaskToken' service integration "
    if resource.pattern:
        return "Express state machine does not support '.sync' service integration"
    return None
