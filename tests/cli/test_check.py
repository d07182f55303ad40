"""`flowd check` on one definition, in process."""

import json

from flowd.cli import check
from flowd.engine.catalog import SERVICES
from flowd.services.offered import OFFERED


def test_a_resource_that_a_template_fills_in_is_refused_with_the_way_out() -> None:
    task = {"Type": "Task", "Resource": "${Press}", "End": True}
    found = check.check_definition(json.dumps({"StartAt": "Press", "States": {"Press": task}}), yaml=False)
    assert [each.severity for each in found] == ["ERROR"]
    assert "check the template's folder" in found[0].message


def test_a_path_or_call_that_cannot_be_read_is_told_with_the_reason() -> None:
    values = {"a.$": "States.Nope(1)", "b.$": "$.x[?(@.a", "c.$": 1}
    state = {"Type": "Pass", "Parameters": values, "End": True}
    found = check.check_definition(json.dumps({"StartAt": "S", "States": {"S": state}}), yaml=False)
    words = "must be a valid JSONPath or a valid intrinsic function call; "
    told = [each.message.partition(words)[2] for each in found]
    assert "States.Nope" in told[0]
    assert "at position 10 of" in told[1]
    assert told[2] == "it must be a string"


def test_a_prompt_that_names_its_groups_in_no_known_way_is_advised_of_with_its_place() -> None:
    text = """{"StartAt": "Ask", "States": {"Ask": {"Type": "Task", "TimeoutSeconds": 5, "End": true,
      "Resource": "arn:aws:states:us-east-1:000000000000:activity:desk",
      "Parameters": {"Prompt": {"Title": "Go?",
        "Groups": {"ops": true}}}}}}"""
    (found,) = check.check_definition(text, yaml=False)
    assert (found.severity, found.code, found.line) == ("WARNING", "ADVICE", 4)
    assert found.message.startswith("Groups of a Prompt is a name or a list of names")


def _severities(action: str, **services: str) -> list[str]:
    task = {"Type": "Task", "Resource": f"arn:aws:states:::aws-sdk:{action}", "Parameters": {}, "End": True}
    found = check.check_definition(json.dumps({"StartAt": "T", "States": {"T": task}}), False, services=services)
    return [f"{each.severity} {each.location}" for each in found]


def test_what_only_aws_has_is_a_warning_unless_it_is_set_up() -> None:
    assert _severities("rekognition:detectLabels") == ["WARNING /States/T/Resource"]
    assert _severities("rekognition:detectLabels", rekognition="aws") == []
    assert _severities("s3:getObjectAttributes") == ["WARNING /States/T/Resource"]
    assert _severities("s3:getObject") == [] == _severities("sfn:startExecution")
    assert _severities("s3:getObject", s3="off") == ["WARNING /States/T/Resource"]
    assert _severities("nosuchservice:get") == ["ERROR /States/T/Resource"]


def test_what_a_mock_file_answers_is_no_reason_to_refuse_a_machine() -> None:
    def found(resource: str) -> list[str]:
        task = {"Type": "Task", "Resource": f"arn:aws:states:::{resource}", "Parameters": {"JobName": "j"}, "End": True}
        machine = json.dumps({"StartAt": "T", "States": {"T": task}})
        return [each.severity for each in check.check_definition(machine, False, services={"glue": "mock"})]

    assert found("glue:startJobRun.sync") == [] == found("aws-sdk:glue:getJob")
    assert found("batch:submitJob.sync") == ["ERROR"]
    assert found("aws-sdk:glue:noSuchOperation") == ["ERROR"] == found("glue:noSuchAction")


def test_what_is_offered_is_what_the_daemon_serves() -> None:
    served = {service.name: frozenset(service.operations) for service, _ in SERVICES}
    assert {**served, "s3": OFFERED["s3"]} == OFFERED
