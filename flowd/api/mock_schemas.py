"""Does a mocked result fit the API that a Task calls? Checked against botocore's models, in AWS's words.

It knows which operation answers for a Task, and how Step Functions spells its members; it runs nothing.
"""

from __future__ import annotations

from typing import Any, Final

from botocore.model import ListShape, MapShape, Shape, StructureShape

from flowd.asl.resources import Resource
from flowd.errors import ValidationException
from flowd.integrations import models

#: Services whose name in a Resource is not that of botocore's model. None: what they answer has no model.
_SERVICES: Final[dict[str, str | None]] = {
    "states": "stepfunctions",
    "elasticmapreduce": "emr",
    "http": None,
    "apigateway": None,
}
#: `.sync`: the operation that a job is asked with decides (developer guide, "Mocking service integrations").
_POLLS: Final[dict[tuple[str, str], str]] = {
    ("states", "startExecution"): "DescribeExecution",
    ("athena", "startQueryExecution"): "GetQueryExecution",
    ("batch", "submitJob"): "DescribeJobs",
    ("bedrock", "createModelCustomizationJob"): "GetModelCustomizationJob",
    ("codebuild", "startBuild"): "BatchGetBuilds",
    ("codebuild", "startBuildBatch"): "BatchGetBuildBatches",
    ("databrew", "startJobRun"): "DescribeJobRun",
    ("ecs", "runTask"): "DescribeTasks",
    ("elasticmapreduce", "addStep"): "DescribeStep",
    ("elasticmapreduce", "createCluster"): "DescribeCluster",
    ("eks", "createCluster"): "DescribeCluster",
    ("eks", "createFargateProfile"): "DescribeFargateProfile",
    ("eks", "createNodegroup"): "DescribeNodegroup",
    ("emr-containers", "startJobRun"): "DescribeJobRun",
    ("emr-serverless", "startJobRun"): "GetJobRun",
    ("glue", "startJobRun"): "GetJobRun",
    ("mediaconvert", "createJob"): "GetJob",
    ("sagemaker", "createLabelingJob"): "DescribeLabelingJob",
    ("sagemaker", "createHyperParameterTuningJob"): "DescribeHyperParameterTuningJob",
    ("sagemaker", "createProcessingJob"): "DescribeProcessingJob",
    ("sagemaker", "createTrainingJob"): "DescribeTrainingJob",
    ("sagemaker", "createTransformJob"): "DescribeTransformJob",
}
#: Members that the integration has parsed already: any JSON.
_PARSED: Final[dict[tuple[str, str, str], frozenset[str]]] = {
    ("lambda", "invoke", ""): frozenset({"Payload"}),
    ("bedrock", "invokeModel", ""): frozenset({"Body"}),
    ("states", "startExecution", "sync:2"): frozenset({"Input", "Output"}),
}
_NUMBERS: Final = frozenset({"integer", "long", "float", "double"})
_TEXTS: Final = frozenset({"string", "timestamp", "blob"})


def check_result(resource: Resource, result: Any, *, strict: bool) -> None:
    """Raise ValidationException if a member that the API knows has another type; `strict`: or one it needs is missing.

    Members that the API does not know are fine. Reads models from disk: not for the event loop.
    """
    if resource.family != "task" or resource.pattern == "waitForTaskToken":
        return  # a function's or worker's own answer
    shape = _answer(resource)
    if shape is None:
        return
    if not isinstance(result, dict):
        raise ValidationException("Mocked result must be a JSON object.")
    parsed = _PARSED.get((resource.service, resource.action, resource.pattern), frozenset())
    _structure(shape, {name: value for name, value in result.items() if name not in parsed}, strict)


def _answer(resource: Resource) -> StructureShape | None:
    """What the API answers; None if nothing is known of it."""
    action = resource.action
    if resource.service.startswith("aws-sdk:"):
        service: str | None = models.service_of(resource.service)
    else:
        service = _SERVICES.get(resource.service, resource.service)
        if resource.pattern.startswith("sync"):
            action = _POLLS.get((resource.service, action), "")
    model = None if service is None else models.model(service)
    wanted = action.lower()
    operation = (
        None if model is None else next((name for name in model.operation_names if name.lower() == wanted), None)
    )
    if model is None or operation is None:
        return None
    shape = model.operation_model(operation).output_shape
    return shape if isinstance(shape, StructureShape) else None


def _structure(shape: StructureShape, value: dict[str, Any], strict: bool) -> None:
    members = {models.upper(name): member for name, member in shape.members.items()}
    if strict:
        for name in shape.required_members:
            if models.upper(name) not in value:
                raise _wrong(f"Required field '{models.upper(name)}' is missing")
    for name, found in value.items():
        if name in members:
            _check(members[name], found, name, strict)


def _check(shape: Shape, value: Any, field: str, strict: bool) -> None:
    if isinstance(shape, StructureShape):
        if getattr(shape, "is_document_type", False):
            return
        _require(isinstance(value, dict), field, "an object")
        _structure(shape, value, strict)
    elif isinstance(shape, ListShape):
        _require(isinstance(value, list), field, "an array")
        for each in value:
            _check(shape.member, each, field, strict)
    elif isinstance(shape, MapShape):
        _require(isinstance(value, dict), field, "an object")
        for each in value.values():
            _check(shape.value, each, field, strict)
    else:
        _check_simple(shape, value, field)


def _check_simple(shape: Shape, value: Any, field: str) -> None:
    kind, limits = shape.type_name, shape.metadata
    if kind in _TEXTS:
        _require(isinstance(value, str), field, "a string")
        if limits.get("enum") and value not in limits["enum"]:
            raise _wrong(f"Field '{field}' is not an expected value")
    elif kind in _NUMBERS:
        _require(isinstance(value, int | float) and not isinstance(value, bool), field, "a number")
        if "min" in limits and value < limits["min"]:
            raise _wrong(f"Field '{field}' is less than the minimum value")
        if "max" in limits and value > limits["max"]:
            raise _wrong(f"Field '{field}' is greater than the maximum value")
    elif kind == "boolean":
        _require(isinstance(value, bool), field, "a boolean")


def _require(right: bool, field: str, kind: str) -> None:
    if not right:
        raise _wrong(f"Field '{field}' must be {kind}")


def _wrong(what: str) -> ValidationException:
    return ValidationException(f"Mock result schema validation error: {what}")
