"""Mocked results against the models of the services, in AWS's words."""

from __future__ import annotations

from typing import Any

import pytest

from flowd.api.mock_schemas import check_result
from flowd.asl.resources import split_resource
from flowd.errors import ValidationException


def check(resource: str, result: Any, *, strict: bool = True) -> None:
    found = split_resource(resource)
    assert found is not None
    check_result(found, result, strict=strict)


ARN = "arn:aws:states:::"
START = f"{ARN}states:startExecution"


@pytest.mark.parametrize(
    ("resource", "result", "said"),
    [
        ("aws-sdk:kms:encrypt", {"CiphertextBlob": 1}, "Field 'CiphertextBlob' must be a string"),
        ("dynamodb:putItem", {"ConsumedCapacity": {"CapacityUnits": "1"}}, "Field 'CapacityUnits' must be a number"),
        ("events:putEvents", {"Entries": "x"}, "Field 'Entries' must be an array"),
        ("events:putEvents", {"Entries": ["x"]}, "Field 'Entries' must be an object"),
        ("dynamodb:putItem", {"Attributes": []}, "Field 'Attributes' must be an object"),
        ("dynamodb:getItem", {"Item": {"a": {"BOOL": 1}}}, "Field 'BOOL' must be a boolean"),
        ("states:startExecution", {"StartDate": "x"}, "Required field 'ExecutionArn' is missing"),
        ("states:startExecution", {"ExecutionArn": "a", "StartDate": True}, "Field 'StartDate' must be a string"),
        ("states:startExecution.sync", {"ExecutionArn": "a"}, "Required field 'StateMachineArn' is missing"),
        ("aws-sdk:sfn:describeExecution", {}, "Required field 'ExecutionArn' is missing"),
        (
            "aws-sdk:lambda:getFunction",
            {"Configuration": {"MemorySize": 127}},
            "Field 'MemorySize' is less than the minimum value",
        ),
        (
            "aws-sdk:lambda:getFunction",
            {"Configuration": {"Runtime": "cobol"}},
            "Field 'Runtime' is not an expected value",
        ),
    ],
)
def test_a_member_that_does_not_fit_is_named(resource: str, result: Any, said: str) -> None:
    with pytest.raises(ValidationException) as caught:
        check(ARN + resource, result)
    assert caught.value.message == f"Mock result schema validation error: {said}"


@pytest.mark.parametrize(
    ("resource", "result"),
    [
        ("events:putEvents", {}),
        ("events:putEvents", {"Other": 1}),
        ("lambda:invoke", {"Payload": {"any": "thing"}, "SdkHttpMetadata": {}}),
        ("apigateway:invoke", {"ResponseBody": 1}),
        ("http:invoke", [1]),
        ("sqs:sendMessage.waitForTaskToken", [1]),
        ("aws-sdk:nosuchservice:call", [1]),
        ("aws-sdk:s3:noSuchCall", [1]),
    ],
)
def test_what_the_api_does_not_know_is_taken(resource: str, result: Any) -> None:
    check(ARN + resource, result)


def test_functions_and_activities_answer_what_they_like() -> None:
    check("arn:aws:lambda:us-east-1:000000000000:function:f", 1)
    check("arn:aws:states:us-east-1:000000000000:activity:a", 1)


def test_only_strict_needs_what_is_required() -> None:
    check(START, {}, strict=False)
    check(START, {"executionArn": 1}, strict=False)
    with pytest.raises(ValidationException):
        check(START, {})


def test_a_result_of_an_api_is_an_object() -> None:
    with pytest.raises(ValidationException, match="JSON object"):
        check(START, [])


def test_a_job_that_was_waited_for_has_its_output_parsed() -> None:
    described = {"ExecutionArn": "a", "StateMachineArn": "m", "StartDate": "d", "Status": "SUCCEEDED", "Output": {}}
    check(f"{START}.sync:2", described)
    with pytest.raises(ValidationException, match="Field 'Output' must be a string"):
        check(f"{START}.sync", described)
