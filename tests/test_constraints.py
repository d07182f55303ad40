"""AWS's words for broken constraints; the forms are those of recorded answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flowd.api.wire.shapes import Request, requests
from flowd.constraints import as_a_java_set
from flowd.errors import SerializationException, ValidationException

STATES = requests("stepfunctions")
MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:m"


def told(operation: str, **members: Any) -> str:
    with pytest.raises(ValidationException) as caught:
        STATES[operation].read(json.dumps(members).encode())
    return caught.value.message


def test_a_good_request_is_read_and_absent_members_are_none() -> None:
    request = STATES["ListExecutions"].read(
        b'{"stateMachineArn": "x", "maxResults": 7, "statusFilter": null, "more": 1}'
    )
    assert (request.stateMachineArn, request.maxResults, request.statusFilter, request.nextToken) == (
        "x",
        7,
        None,
        None,
    )


def test_a_number_that_is_too_large_is_told_with_its_limit() -> None:
    assert told("ListExecutions", stateMachineArn=MACHINE, maxResults=1001) == (
        "1 validation error detected: Value '1001' at 'maxResults' failed to satisfy constraint: "
        "Member must have value less than or equal to 1000"
    )


def test_a_token_that_is_too_long_is_told_with_its_limit() -> None:
    token = "x" * 3097
    assert told("ListExecutions", stateMachineArn=MACHINE, nextToken=token) == (
        f"1 validation error detected: Value '{token}' at 'nextToken' failed to satisfy constraint: "
        "Member must have length less than or equal to 3096"
    )


def test_an_unknown_enum_value_lists_the_set_in_the_services_own_order() -> None:
    assert told("ListExecutions", stateMachineArn=MACHINE, statusFilter="succeeded") == (
        "1 validation error detected: Value 'succeeded' at 'statusFilter' failed to satisfy constraint: "
        "Member must satisfy enum value set: [SUCCEEDED, TIMED_OUT, PENDING_REDRIVE, ABORTED, FAILED, RUNNING]"
    )


def test_the_set_order_also_holds_for_an_enum_of_another_service() -> None:
    values = ["NONE", "ALL_OLD", "UPDATED_OLD", "ALL_NEW", "UPDATED_NEW"]
    assert as_a_java_set(values) == ["ALL_NEW", "UPDATED_OLD", "ALL_OLD", "NONE", "UPDATED_NEW"]


def test_a_pattern_is_told_as_the_model_writes_it() -> None:
    assert told(
        "CreateStateMachineAlias", name="123", routingConfiguration=[{"stateMachineVersionArn": "v", "weight": 1}]
    ) == (
        "1 validation error detected: Value '123' at 'name' failed to satisfy constraint: Member must satisfy regular "
        r"expression pattern: ^(?=.*[a-zA-Z_\-\.])[a-zA-Z0-9_\-\.]+$"
    )


def test_several_broken_constraints_are_told_together() -> None:
    message = told("CreateActivity", tags=[{"key": "", "value": "v" * 257}, None])
    assert message.startswith(
        "4 validation errors detected: Value null at 'name' failed to satisfy constraint: Member must not"
    )
    assert "; Value '' at 'tags.1.member.key' failed to satisfy constraint: Member must have length greater" in message
    assert "at 'tags.1.member.value' failed" in message
    assert message.endswith("; Value null at 'tags.2.member' failed to satisfy constraint: Member must not be null")


def test_a_sensitive_value_is_not_echoed() -> None:
    message = told("CreateStateMachine", name="m", roleArn="r", definition="")
    assert message == (
        "1 validation error detected: Value at 'definition' failed to satisfy constraint: "
        "Member must have length greater than or equal to 1"
    )


def test_ascii_patterns_of_java_are_understood() -> None:
    assert STATES["StartExecution"].read(b'{"stateMachineArn": "a", "traceHeader": "Root=1"}').traceHeader == "Root=1"
    assert "'traceHeader'" in told("StartExecution", stateMachineArn="a", traceHeader="\u00e9")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"x"',
        b'{"name": 1}',
        b'{"name": "\\ud800"}',
        b"\xff",
        b'{"tags": {"a": 1}, "name": "n"}',
        b"[" * 5000,
    ],
)
def test_a_body_of_the_wrong_form_is_a_client_error(body: bytes) -> None:
    with pytest.raises((SerializationException, ValidationException)):
        STATES["CreateActivity"].read(body)


def test_every_operation_of_the_service_has_a_reader() -> None:
    assert len(STATES) == 37
    assert all(isinstance(reader, Request) for reader in STATES.values())
