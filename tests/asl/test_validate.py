"""The corpus in `definitions`: the file name is the assertion, an invalid one names its first error in its Comment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flowd.asl.validate import Diagnostic, advise, errors, invalid_definition_message, validate

DEFINITIONS = Path(__file__).parent / "definitions"
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:work"
ACTIVITY = "arn:aws:states:us-east-1:000000000000:activity:people"


def corpus(kind: str) -> list[Path]:
    found = sorted(DEFINITIONS.glob(f"{kind}-*.asl.json"))
    assert found
    return found


def machine(state: dict[str, Any], **members: Any) -> str:
    return json.dumps({"StartAt": "S", "States": {"S": {"End": True, **state}}, **members})


def only(diagnostics: list[Diagnostic]) -> Diagnostic:
    assert len(diagnostics) == 1, diagnostics
    return diagnostics[0]


@pytest.mark.parametrize("file", corpus("valid"), ids=lambda file: file.name.split(".")[0])
def test_a_valid_definition_has_no_errors(file: Path) -> None:
    assert errors(validate(file.read_text())) == []


@pytest.mark.parametrize("file", corpus("invalid"), ids=lambda file: file.name.split(".")[0])
def test_an_invalid_definition_has_the_error_it_is_named_for(file: Path) -> None:
    text = file.read_text()
    expected = json.loads(text)["Comment"]
    found = errors(validate(text))
    assert found, "no error"
    assert f"{found[0].code} at {found[0].location or 'null'}" == expected


@pytest.mark.parametrize("file", corpus("invalid"), ids=lambda file: file.name.split(".")[0])
def test_one_fault_is_not_drowned_in_others_that_follow_from_it(file: Path) -> None:
    assert len(errors(validate(file.read_text()))) <= 3


@pytest.mark.parametrize(
    ("text", "message", "location"),
    [
        ("", "Definition must be a valid JSON object", None),
        ("  \n", "Definition must be a valid JSON object", None),
        ("[]", "Definition must be a valid JSON object", None),
        ("{}", "These fields are required: [States, StartAt]", "/"),
        ('{"StartAt": "A"}', "These fields are required: [States]", "/"),
        ('{"States": {"A": {"Type": "Pass", "End": true}}}', "These fields are required: [StartAt]", "/"),
        (
            machine({"Type": "Nothing"}),
            "The field 'Type' should have one of these values: "
            "[Task, Wait, Pass, Succeed, Fail, Choice, Parallel, Map]",
            "/States/S/Type",
        ),
        (machine({"Type": "Parallel", "Branches": []}), "Value cannot be empty", "/States/S/Branches"),
        (
            machine({"Type": "Pass", "QueryLanguage": "JSONPath"}, QueryLanguage="JSONata"),
            "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine",
            "/States/S",
        ),
        (
            machine({"Type": "Task", "Resource": FUNCTION, "Credentials": {"Other": 1}}),
            "The field 'RoleArn' is required but was missing",
            "/States/S/Credentials",
        ),
        (
            machine({"Type": "Wait", "Timestamp": "2016-03-14 01:59:00Z"}),
            "String does not match RFC3339 timestamp",
            "/States/S/Timestamp",
        ),
        (
            machine({"Type": "Task", "Resource": "arn:aws:states:::dynamodb:query"}),
            "The resource provided arn:aws:states:::dynamodb:query is not recognized. The value is not a valid "
            "resource ARN, or the resource is not available in this region.",
            "/States/S/Resource",
        ),
        (
            machine({"Type": "Task", "Resource": FUNCTION, "Parameters": {"parsed.$": "States.StringToJson('{')')"}}),
            "The value for the field 'parsed.$' must be a valid JSONPath or a valid intrinsic function call",
            "/States/S/Parameters",
        ),
        (machine({"Type": "Wait", "Seconds": 10**16}), "Maximum value is 99999999", "/States/S/Seconds"),
        (machine({"Type": "Wait", "Seconds": "60"}), "Expected value of type Integer", "/States/S/Seconds"),
        (machine({"Type": "Pass", "Retry": []}), "Field 'Retry' is not supported", "/States/S"),
        (
            machine({"Type": "Pass", "Output": 1}),
            "The QueryLanguage is set to 'JSONPath', but field 'Output' is only supported for the 'JSONata' "
            "QueryLanguage",
            "/States/S",
        ),
    ],
)
def test_the_service_s_own_words_are_kept(text: str, message: str, location: str | None) -> None:
    found = only(errors(validate(text)))
    assert (found.message, found.location, found.code) == (message, location, "SCHEMA_VALIDATION_FAILED")


INVOKE = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "f"}}
SEND = "arn:aws:states:::sqs:sendMessage"
PASSES: dict[str, Any] = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
DISTRIBUTED = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, **PASSES}


def _choice(rule: dict[str, Any], **members: Any) -> str:
    choice = {"Type": "Choice", "Choices": [rule], "Default": "D"}
    return json.dumps({"StartAt": "C", "States": {"C": choice, "D": {"Type": "Succeed"}}, **members})


def _reader(resource: str = "getObject", **config: Any) -> str:
    reader = {"Resource": f"arn:aws:states:::s3:{resource}", "ReaderConfig": config, "Parameters": {"Bucket": "b"}}
    return machine({"Type": "Map", "ItemReader": reader, "ItemProcessor": DISTRIBUTED})


def _retry(*names: list[str], **members: Any) -> str:
    return machine({**INVOKE, "Retry": [{"ErrorEquals": each, **members} for each in names]})


ONE = "There should only be one of the following fields: "
KIND = "The object must have only one of the following fields, [And, Or, Not, Variable, Condition]"
ALONE = "States.ALL must appear alone and at end of list"


# Measured with ValidateStateMachineDefinition in September 2026 by the authors of floci and of cdk-preflight.
@pytest.mark.parametrize(
    ("text", "found"),
    [
        (_retry(["x"], JitterStrategy="SOME"), "Value should be one of the following: [NONE, FULL]"),
        (machine({"Type": "Pass"}, Version="2"), "Value should be one of the following: [1.0]"),
        (machine({"Type": "Pass"}, QueryLanguage="X"), "Value should be one of the following: [JSONPath, JSONata]"),
        (machine({"Type": "Pass"}, QueryLanguage=1), "Expected value of type [STRING]"),
        (_retry(["States.ALL", "x"]), ALONE),
        (_retry(["States.ALL"], ["x"]), ALONE),
        (_reader("putObject", InputType="JSON"), "The field 'Resource' does not match any of the allowed values"),
        (_reader(InputType="CSV"), "The field 'CSVHeaderLocation' is required"),
        (_reader(InputType="JSON", CSVHeaderLocation="FIRST_ROW"), "Field 'CSVHeaderLocation' is not supported"),
        (_reader(InputType="CSV", CSVHeaderLocation="GIVEN"), "These fields are required: [CSVHeaders]"),
        (
            machine({"Type": "Wait", "Seconds": 1, "Timestamp": "2030-01-01T00:00:00Z"}),
            ONE + "[SecondsPath, Seconds, TimestampPath, Timestamp]",
        ),
        (
            machine({"Type": "Task", "Resource": ACTIVITY, "Credentials": {"RoleArn": "arn:aws:iam::1:role/r"}}),
            "The field 'Credentials' is not supported for activities",
        ),
        (machine({"Type": "Task", "Resource": "work"}), "Value is not a valid resource ARN"),
        (
            json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass"}}}),
            "This object should have only one of the following fields: [Next, End]",
        ),
        (
            machine({"Type": "Map"}),
            "This object should have only one of the following fields: [ItemProcessor, Iterator]",
        ),
        (
            machine(
                {"Type": "Map", "ItemProcessor": {**DISTRIBUTED, "ProcessorConfig": {"ExecutionType": "STANDARD"}}}
            ),
            "Field 'ExecutionType' is not supported",
        ),
        (_choice({"Next": "D"}), KIND),
        (_choice({"And": [{"Variable": "$.a", "IsNull": True}], "Variable": "$.a", "Next": "D"}), KIND),
        (_choice({"Variable": "$.a", "IsNull": True, "IsString": True, "Next": "D"}), ONE + "[IsNull, IsString]"),
        (
            _choice({"Variable": "a", "IsNull": True, "Next": "D"}),
            "Value is not a Reference Path: Reference path didn't start with '$'",
        ),
        (machine({"Type": "Pass", "InputPath": "a"}), "Value must be a valid JSONPath."),
        (machine({"Type": "Pass", "ResultPath": "a"}), "Value must be a valid JSONPath."),
        (
            machine({"Type": "Pass", "Assign": {"states": 1}}),
            "RESERVED_VARIABLE_NAME: Cannot assign to reserved variable '$states'.",
        ),
        (
            machine({"Type": "Pass", "Assign": {"a-b": 1}}),
            "INVALID_VARIABLE_NAME: Invalid variable name 'a-b': the variable name contains invalid characters.",
        ),
        (
            machine({"Type": "Pass", "Output": "{% 1"}, QueryLanguage="JSONata"),
            "JSONata string must start with {% and end with %}",
        ),
        (
            machine({"Type": "Parallel", "Branches": [{"StartAt": "S", "States": {"S": PASSES["States"]["P"]}}]}),
            "DUPLICATE_STATE_NAME: Duplicate State name: S",
        ),
        (
            machine({"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke"}),
            "Parameters field is required for resource ARN: arn:aws:states:::lambda:invoke",
        ),
        (
            machine(
                {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "Parameters": {"QueueUrl.$": "$"}}
            ),
            "The field 'MessageBody' is required but was missing",
        ),
    ],
)
def test_the_words_that_others_measured_are_kept(text: str, found: str) -> None:
    one = only(errors(validate(text)))
    assert found in (one.message, f"{one.code}: {one.message}")


def test_a_distributed_map_cannot_stand_in_an_express_machine() -> None:
    one = only(errors(validate(machine({"Type": "Map", "ItemProcessor": DISTRIBUTED}), type="EXPRESS")))
    assert one.message == "The field 'Mode' with value 'DISTRIBUTED' is not supported inside 'EXPRESS' state machines"


@pytest.mark.parametrize(
    ("resource", "message"),
    [
        (ACTIVITY, "Express state machine does not support Activity ARN"),
        (
            "arn:aws:states:::states:startExecution.sync",
            "Express state machine does not support '.sync' service integration",
        ),
        (
            "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "Express state machine does not support '.waitForTaskToken' service integration ",
        ),
    ],
)
def test_express_refuses_what_waits(resource: str, message: str) -> None:
    given = {"StateMachineArn": "m", "QueueUrl": "q", "MessageBody": "b"}
    text = machine({"Type": "Task", "Resource": resource, **({} if resource == ACTIVITY else {"Parameters": given})})
    assert errors(validate(text)) == []
    found = only(errors(validate(text, type="EXPRESS")))
    assert (found.message, found.location) == (message, "/States/S/Resource")


@pytest.mark.parametrize(
    ("expression", "code", "message"),
    [
        ("phone", "UNSUPPORTED_JSONATA_EXPRESSION", "Reference to 'phone' at the top level is not supported."),
        ("1 +", "INVALID_JSONATA_EXPRESSION", "Unexpected end of expression"),
    ],
)
def test_jsonata_is_parsed_when_the_definition_is_read(expression: str, code: str, message: str) -> None:
    text = machine({"Type": "Pass", "Output": {"v": f"{{% {expression} %}}"}}, QueryLanguage="JSONata")
    assert invalid_definition_message(validate(text)) == (
        f"Invalid State Machine Definition: '{code}: {message} at /States/S/Output/v'"
    )


@pytest.mark.parametrize(
    "expression",
    [
        "$states.input.phone",
        "$map($states.input.people, function($p) { $p.name })",
        "$states.input[age > 3].name",
        "$states.input.items^(price).{'a': name}",
        "( $x := 1; $x + 1 )",
        '"a phone"',
        "$variable.phone",
    ],
)
def test_names_inside_of_a_path_are_no_top_level_references(expression: str) -> None:
    text = machine({"Type": "Pass", "Output": f"{{% {expression} %}}"}, QueryLanguage="JSONata")
    assert errors(validate(text)) == []


def test_a_dangling_target_and_a_missing_end_are_told_together_in_the_service_s_order() -> None:
    text = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "NOPE"}}})
    assert invalid_definition_message(validate(text)) == (
        "Invalid State Machine Definition: 'MISSING_TRANSITION_TARGET: Missing 'Next' target: NOPE at /States/A/Next, "
        "MISSING_END_STATE: Workflow has no terminal state at null'"
    )


def test_a_scope_that_cannot_end_is_not_searched_for_unreachable_states() -> None:
    states = {
        "A": {"Type": "Pass", "Next": "B"},
        "B": {"Type": "Pass", "Next": "A"},
        "C": {"Type": "Pass", "Next": "A"},
    }
    assert [d.code for d in validate(json.dumps({"StartAt": "A", "States": states}))] == ["MISSING_END_STATE"]


def test_the_daemon_says_which_tasks_it_cannot_run() -> None:
    asked: list[tuple[str, str, str, str]] = []

    def check(service: str, action: str, pattern: str, resource: str) -> str | None:
        asked.append((service, action, pattern, resource))
        return "no integration for sqs:sendMessage" if service == "sqs" else None

    queue = "arn:aws:states:::sqs:sendMessage.waitForTaskToken"
    found = only(errors(validate(machine({"Type": "Task", "Resource": queue}), resources=check)))
    assert (found.code, found.message, found.location) == (
        "INVALID_RESOURCE",
        "no integration for sqs:sendMessage",
        "/States/S/Resource",
    )
    assert errors(validate(machine({"Type": "Task", "Resource": FUNCTION}), resources=check)) == []
    assert errors(validate(machine({"Type": "Task", "Resource": ACTIVITY}), resources=check)) == []
    assert asked == [
        ("sqs", "sendMessage", "waitForTaskToken", queue),
        ("lambda", "invoke", "", FUNCTION),
        ("activity", "", "", ACTIVITY),
    ]


def test_an_integration_that_only_flowd_has_is_accepted_when_the_daemon_offers_it() -> None:
    text = machine({"Type": "Task", "Resource": "arn:aws:states:::flowd:noop"})
    assert errors(validate(text)) != []
    assert errors(validate(text, resources=lambda *_: None)) == []


@pytest.mark.parametrize(
    ("state", "code", "location"),
    [
        ({"Type": "Pass", "Parameters": {"a": "$.b"}}, "NO_DOLLAR", "/States/S/Parameters/a"),
        ({"Type": "Pass", "Parameters": {"a": "States.UUID()"}}, "NO_DOLLAR", "/States/S/Parameters/a"),
        ({"Type": "Pass", "Result": {"a.$": "$.b"}}, "PASS_RESULT_IS_STATIC", "/States/S/Result"),
        ({"Type": "Fail", "Error": "$.error"}, "NO_PATH", "/States/S/Error"),
    ],
)
def test_what_looks_like_a_path_but_is_none_is_a_warning(state: dict[str, Any], code: str, location: str) -> None:
    if state["Type"] == "Fail":
        text = json.dumps({"StartAt": "S", "States": {"S": state}})
    else:
        text = machine(state)
    found = only(validate(text))
    assert (found.severity, found.code, found.location) == ("WARNING", code, location)


def test_advice_names_tasks_that_may_wait_for_ever_and_choices_without_default() -> None:
    callback = {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "Next": "C"}
    choice = {"Type": "Choice", "Choices": [{"Variable": "$.a", "IsNull": True, "Next": "P"}]}
    inner = {"StartAt": "I", "States": {"I": {"Type": "Task", "Resource": ACTIVITY, "End": True}}}
    parallel = {"Type": "Parallel", "Branches": [inner], "End": True}
    text = json.dumps({"StartAt": "T", "States": {"T": callback, "C": choice, "P": parallel}})
    assert [(d.severity, d.location) for d in advise(text)] == [
        ("WARNING", "/States/T"),
        ("WARNING", "/States/C"),
        ("WARNING", "/States/P/Branches[0]/States/I"),
    ]
    assert advise(machine({"Type": "Task", "Resource": ACTIVITY, "HeartbeatSeconds": 5})) == []
    assert advise("{") == []


def test_names_in_a_prompt_that_would_not_count_are_told_to_its_author() -> None:
    def told(prompt: Any, resource: str = ACTIVITY, given: str = "Parameters") -> list[str | None]:
        state = {"Type": "Task", "Resource": resource, "HeartbeatSeconds": 5, given: {"Prompt": prompt}}
        return [found.location for found in advise(machine(state)) if "is a name or a list of names" in found.message]

    assert told({"Groups": ["ops"], "Assignees": "eva"}) == [] == told({"Groups.$": "$.groups"}) == told("text")
    assert told({"Groups": ["ops", 7]}) == ["/States/S/Parameters/Prompt/Groups"]
    assert told({"Groups": {"ops": True}, "Assignees": 7}, given="Arguments") == [
        "/States/S/Arguments/Prompt/Assignees",
        "/States/S/Arguments/Prompt/Groups",
    ]
    assert told({"Groups": 7}, "arn:aws:lambda:us-east-1:000000000000:function:f") == []


# --- whatever comes in, an answer comes out ---------------------------------------------------------------------------
