"""State machines and their versions through boto3."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from flowd.api.machines import go_on_deleting
from tests.api.box import PASS, ROLE, WAIT, Box, activity_machine

DESTINATION = {"cloudWatchLogsLogGroup": {"logGroupArn": "arn:aws:logs:us-east-1:000000000000:log-group:g:*"}}
OTHER = PASS.replace("argument1", "argument2")
ONE_DESTINATION = "Invalid Logging Configuration: Must specify exactly one Log Destination."


async def test_a_machine_is_described_as_aws_does(box: Box) -> None:
    arn = await box.machine(name="a.b")
    found = await box.call("describe_state_machine", stateMachineArn=arn)
    del found["creationDate"]
    assert found == {
        "stateMachineArn": "arn:aws:states:us-east-1:000000000000:stateMachine:a.b",
        "name": "a.b",
        "status": "ACTIVE",
        "definition": PASS,
        "roleArn": ROLE,
        "type": "STANDARD",
        "loggingConfiguration": {"level": "OFF", "includeExecutionData": False},
        "tracingConfiguration": {"enabled": False},
        "encryptionConfiguration": {"type": "AWS_OWNED_KEY"},
    }
    hidden = await box.call("describe_state_machine", stateMachineArn=arn, includedData="METADATA_ONLY")
    assert hidden["definition"] == "{}"


async def test_creating_the_same_machine_again_answers_the_first_one(box: Box) -> None:
    first = await box.call("create_state_machine", name="m", definition=PASS, roleArn=ROLE)
    again = await box.call("create_state_machine", name="m", definition=PASS, roleArn="arn:aws:iam::1:role/other")
    assert again == first
    for members in (
        {"definition": PASS + " "},
        {"definition": PASS, "type": "EXPRESS"},
        {"definition": PASS, "publish": True},
    ):
        assert await box.refused("create_state_machine", name="m", roleArn=ROLE, **members) == (
            "StateMachineAlreadyExists",
            f"State Machine Already Exists: '{first['stateMachineArn']}'",
        )


async def test_a_wrong_definition_is_told_in_aws_words(box: Box) -> None:
    definition = '{"Comment": "x", "StartAt": "State_1"}'
    assert await box.refused("create_state_machine", name="m", definition=definition, roleArn=ROLE) == (
        "InvalidDefinition",
        "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: These fields are required: [States] at /'",
    )
    assert (await box.call("list_state_machines"))["stateMachines"] == []


async def test_what_cannot_run_here_is_refused_at_creation(box: Box) -> None:
    glacier = activity_machine("arn:aws:states:::aws-sdk:glacier:listJobs")
    code, message = await box.refused("create_state_machine", name="m", definition=glacier, roleArn=ROLE)
    assert code == "InvalidDefinition"
    assert "the integration glacier is not built in flowd" in message
    assert "/States/Ask" in message


@pytest.mark.parametrize("name", ["a b", "a<b", "a:b", "a/b", "a\\b", "a\x00", "a\x7f", "a*", "a|b", "a~", "a`"])
async def test_names_with_other_characters_are_refused(box: Box, name: str) -> None:
    expected = ("InvalidName", f"Invalid Name: '{name}'")
    assert await box.refused("create_state_machine", name=name, definition=PASS, roleArn=ROLE) == expected
    assert await box.refused("create_activity", name=name) == expected


async def test_a_role_must_be_an_arn(box: Box) -> None:
    assert (await box.refused("create_state_machine", name="m", definition=PASS, roleArn="me"))[0] == "InvalidArn"


@pytest.mark.parametrize(
    "logging",
    [{"level": "ALL"}, {"level": "ERROR", "destinations": []}, {"destinations": [DESTINATION, DESTINATION]}],
)
async def test_logging_wants_exactly_one_destination(box: Box, logging: dict[str, object]) -> None:
    expected = ("InvalidLoggingConfiguration", ONE_DESTINATION)
    members = {"name": "m", "definition": PASS, "roleArn": ROLE, "loggingConfiguration": logging}
    assert await box.refused("create_state_machine", **members) == expected
    arn = await box.machine()
    assert await box.refused("update_state_machine", stateMachineArn=arn, loggingConfiguration=logging) == expected


async def test_logging_is_kept_and_shown_with_its_defaults(box: Box) -> None:
    arn = await box.machine(loggingConfiguration={"destinations": []})
    found = await box.call("describe_state_machine", stateMachineArn=arn)
    assert found["loggingConfiguration"] == {"level": "OFF", "includeExecutionData": False, "destinations": []}
    wanted = {"level": "FATAL", "includeExecutionData": True, "destinations": [DESTINATION]}
    first = await box.call("update_state_machine", stateMachineArn=arn, loggingConfiguration=wanted)
    assert await _revision(box, arn) == first["revisionId"]
    await box.call("update_state_machine", stateMachineArn=arn, loggingConfiguration=wanted)
    assert await _revision(box, arn) == first["revisionId"]
    await box.call(
        "update_state_machine", stateMachineArn=arn, loggingConfiguration={**wanted, "includeExecutionData": False}
    )
    assert await _revision(box, arn) != first["revisionId"]


async def _revision(box: Box, arn: str) -> str:
    return str((await box.call("describe_state_machine", stateMachineArn=arn))["revisionId"])


async def test_an_update_makes_a_revision_only_when_something_differs(box: Box) -> None:
    arn = await box.machine()
    assert "revisionId" not in await box.call("update_state_machine", stateMachineArn=arn, definition=PASS)
    first = await box.call("update_state_machine", stateMachineArn=arn, definition=OTHER)
    assert (await box.call("describe_state_machine", stateMachineArn=arn))["definition"] == OTHER
    box.world.clock.advance(1)
    same = await box.call("update_state_machine", stateMachineArn=arn, definition=OTHER, roleArn=ROLE)
    assert same["revisionId"] == first["revisionId"]
    assert same["updateDate"] > first["updateDate"]
    role = await box.call("update_state_machine", stateMachineArn=arn, roleArn="arn:aws:iam::1:role/new")
    assert role["revisionId"] != first["revisionId"]


async def test_an_update_of_nothing_or_of_a_version_is_refused(box: Box) -> None:
    arn = await box.machine(publish=True)
    assert await box.refused("update_state_machine", stateMachineArn=arn, publish=True) == (
        "MissingRequiredParameter",
        "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified",
    )
    version = f"{arn}:1"
    assert (await box.refused("update_state_machine", stateMachineArn=version, definition=OTHER))[0] == (
        "StateMachineDoesNotExist"
    )
    code, _ = await box.refused("update_state_machine", stateMachineArn=arn, definition="{}")
    assert code == "InvalidDefinition"


async def test_a_running_execution_keeps_its_definition(box: Box) -> None:
    arn = await box.machine(WAIT)
    running = await box.run(arn)
    await box.call("update_state_machine", stateMachineArn=arn, definition=PASS)
    found = await box.call("describe_state_machine_for_execution", executionArn=running)
    assert found["definition"] == WAIT
    assert "revisionId" not in found
    after = await box.call("describe_state_machine_for_execution", executionArn=await box.run(arn))
    assert after["definition"] == PASS
    assert after["revisionId"] == await _revision(box, arn)
    assert after["updateDate"] and after["loggingConfiguration"]["level"] == "OFF"


async def test_publishing_is_idempotent_per_revision_and_numbers_only_grow(box: Box) -> None:
    created = await box.call("create_state_machine", name="m", definition=PASS, roleArn=ROLE, publish=True)
    arn = created["stateMachineArn"]
    assert created["stateMachineVersionArn"] == f"{arn}:1"
    assert (await box.call("publish_state_machine_version", stateMachineArn=arn))[
        "stateMachineVersionArn"
    ] == f"{arn}:1"
    updated = await box.call("update_state_machine", stateMachineArn=arn, definition=OTHER, publish=True)
    assert updated["stateMachineVersionArn"] == f"{arn}:2"
    for _ in range(2):
        assert await box.call("delete_state_machine_version", stateMachineVersionArn=f"{arn}:2") == {}
    third = await box.call("publish_state_machine_version", stateMachineArn=arn, description="third")
    assert third["stateMachineVersionArn"] == f"{arn}:3"
    versions = await box.call("list_state_machine_versions", stateMachineArn=arn)
    assert [item["stateMachineVersionArn"] for item in versions["stateMachineVersions"]] == [f"{arn}:3", f"{arn}:1"]
    page = await box.call("list_state_machine_versions", stateMachineArn=arn, maxResults=1)
    rest = await box.call("list_state_machine_versions", stateMachineArn=arn, nextToken=page["nextToken"])
    assert [item["stateMachineVersionArn"] for item in rest["stateMachineVersions"]] == [f"{arn}:1"]


async def test_a_version_is_described_by_its_own_arn(box: Box) -> None:
    arn = await box.machine(publish=True, versionDescription="Hello!")
    version = await box.call("describe_state_machine", stateMachineArn=f"{arn}:1")
    assert (version["stateMachineArn"], version["name"], version["description"]) == (f"{arn}:1", "m", "Hello!")
    assert "description" not in await box.call("describe_state_machine", stateMachineArn=arn)
    for qualifier in ("2", "PROD"):
        assert (await box.refused("describe_state_machine", stateMachineArn=f"{arn}:{qualifier}"))[0] == (
            "StateMachineDoesNotExist"
        )
        assert (await box.refused("start_execution", stateMachineArn=f"{arn}:{qualifier}"))[0] == (
            "StateMachineDoesNotExist"
        )


async def test_an_old_version_still_runs_its_own_definition(box: Box) -> None:
    arn = await box.machine(publish=True)
    await box.call("update_state_machine", stateMachineArn=arn, definition=OTHER, publish=True)
    old, new = await box.run(f"{arn}:1"), await box.run(f"{arn}:2")
    assert "argument1" in (await box.call("describe_execution", executionArn=old))["output"]
    assert "argument2" in (await box.call("describe_execution", executionArn=new))["output"]
    assert (await box.call("describe_state_machine_for_execution", executionArn=new))["revisionId"]


async def test_publishing_another_revision_than_the_present_one_is_a_conflict(box: Box) -> None:
    arn = await box.machine()
    publish = {"operation": "publish_state_machine_version", "stateMachineArn": arn}
    assert await box.call(**publish, revisionId="INITIAL")
    await box.call("update_state_machine", stateMachineArn=arn, definition=OTHER)
    code, message = await box.refused(**publish, revisionId="INITIAL")
    assert code == "ConflictException"
    assert "INITIAL" in message
    assert await _revision(box, arn) in message


async def test_a_description_without_publish_is_refused(box: Box) -> None:
    expected = ("ValidationException", "Version description can only be set when publish is true")
    members = {"name": "m", "definition": PASS, "roleArn": ROLE, "versionDescription": "x"}
    assert await box.refused("create_state_machine", **members) == expected
    arn = await box.machine()
    assert (
        await box.refused("update_state_machine", stateMachineArn=arn, definition=OTHER, versionDescription="x")
        == expected
    )


async def test_machines_are_listed_by_name_in_pages_and_go_when_deleted(box: Box) -> None:
    arns = [await box.machine(name=f"m{number}") for number in range(5)]
    page = await box.call("list_state_machines", maxResults=2)
    rest = await box.call("list_state_machines", nextToken=page["nextToken"])
    assert [item["stateMachineArn"] for item in page["stateMachines"] + rest["stateMachines"]] == arns
    assert set(page["stateMachines"][0]) == {"stateMachineArn", "name", "type", "creationDate"}
    for arn in arns:
        assert await box.call("delete_state_machine", stateMachineArn=arn) == {}
        assert await box.call("delete_state_machine", stateMachineArn=arn) == {}
    assert (await box.call("list_state_machines"))["stateMachines"] == []
    assert await box.refused("describe_state_machine", stateMachineArn=arns[0]) == (
        "StateMachineDoesNotExist",
        f"State Machine Does Not Exist: '{arns[0]}'",
    )


async def test_deleting_a_machine_ends_its_executions_and_keeps_them_readable(box: Box) -> None:
    arn = await box.machine(WAIT)
    running = await box.run(arn)
    await box.call("delete_state_machine", stateMachineArn=arn)
    for task in list(box.services.background):
        await task
    assert (await box.call("describe_execution", executionArn=running))["status"] == "ABORTED"
    assert (await box.refused("describe_state_machine", stateMachineArn=arn))[0] == "StateMachineDoesNotExist"
    again = await box.run(await box.machine(PASS))
    assert again != running
    listed = await box.call("list_executions", stateMachineArn=arn)
    assert [item["executionArn"] for item in listed["executions"]] == [again]


async def test_a_deletion_cut_off_by_a_crash_goes_on_at_the_next_start(box: Box) -> None:
    arn = await box.machine(WAIT)
    running = [await box.run(arn) for _ in range(3)]
    machine = await box.services.machines.find("m")
    assert machine is not None
    assert len(await box.services.machines.delete(machine.name)) == 3  # and the daemon ends before they are stopped
    await box.restart()
    assert (await box.call("describe_state_machine", stateMachineArn=arn))["status"] == "DELETING"
    await go_on_deleting(box.services)
    await asyncio.gather(*box.services.background)
    assert {(await box.call("describe_execution", executionArn=each))["status"] for each in running} == {"ABORTED"}
    assert (await box.refused("describe_state_machine", stateMachineArn=arn))[0] == "StateMachineDoesNotExist"


async def test_a_definition_is_checked_without_being_stored(box: Box) -> None:
    async def check(definition: str, **members: object) -> dict[str, Any]:
        answer: dict[str, Any] = await box.call("validate_state_machine_definition", definition=definition, **members)
        return answer

    assert await check(PASS) == {"result": "OK", "diagnostics": [], "truncated": False}
    assert await check(" ") == {
        "result": "FAIL",
        "truncated": False,
        "diagnostics": [
            {
                "severity": "ERROR",
                "code": "SCHEMA_VALIDATION_FAILED",
                "message": "Definition must be a valid JSON object",
            }
        ],
    }
    bad = json.dumps({"StartAt": "A", "States": {name: {"Type": "Pass"} for name in "ABC"}})
    some = await check(bad, maxResults=1)
    assert some["truncated"] is True
    assert len(some["diagnostics"]) == 1
    assert (await check(activity_machine("arn:aws:states:us-east-1:1:activity:a"), type="EXPRESS"))["result"] == "FAIL"
    assert (await box.call("list_state_machines"))["stateMachines"] == []


async def test_the_variables_a_state_reads_are_listed(box: Box) -> None:
    definition = {
        "StartAt": "First",
        "States": {
            "First": {"Type": "Pass", "Assign": {"n": 4, "text": "a"}, "Next": "Second"},
            "Second": {"Type": "Map", "ItemSelector": {"v.$": "States.Format('$no {}', $text)", "w": "$n"},
                       "ItemsPath": "$.items", "Next": "Third", "ItemProcessor": {
                           "StartAt": "In", "States": {"In": {"Type": "Pass", "InputPath": "$n", "End": True}}}},
            "Third": {"Type": "Pass", "QueryLanguage": "JSONata", "End": True,
                      "Output": "{% ($x := $n; $map([$x], function($v) { $sum([$v, $states.input.a]) })) & '$text' %}"},
        },
    }  # fmt: skip
    arn = await box.machine(json.dumps(definition))
    found = await box.call("describe_state_machine", stateMachineArn=arn)
    assert found["variableReferences"] == {"Second": ["text"], "In": ["n"], "Third": ["n"]}


async def test_what_was_created_is_there_after_a_restart(box: Box) -> None:
    arn = await box.machine(publish=True)
    await box.restart()
    assert (await box.call("describe_state_machine", stateMachineArn=f"{arn}:1"))["definition"] == PASS
    assert await box.run(arn)


async def test_tags_are_kept_on_machines_and_activities(box: Box) -> None:
    machine = await box.machine(tags=[{"key": "a", "value": "1"}], publish=True)
    activity = (await box.call("create_activity", name="q"))["activityArn"]
    for arn, before in ((machine, [{"key": "a", "value": "1"}]), (activity, [])):
        await box.call("tag_resource", resourceArn=arn, tags=[{"key": "b", "value": ""}])
        found = await box.call("list_tags_for_resource", resourceArn=arn)
        assert found["tags"] == [*before, {"key": "b", "value": ""}]
        assert await box.call("untag_resource", resourceArn=arn, tagKeys=["b", "b", "zz"]) == {}
        assert (await box.call("list_tags_for_resource", resourceArn=arn))["tags"] == before
    for gone in (f"{machine}:1", f"{machine}x", f"{activity}x"):
        assert await box.refused("tag_resource", resourceArn=gone, tags=[]) == (
            "ResourceNotFound",
            f"Resource not found: '{gone}'",
        )
    many = [{"key": f"k{number}", "value": "v"} for number in range(51)]
    assert (await box.refused("tag_resource", resourceArn=machine, tags=many))[0] == "TooManyTags"
    for key in ("aws:x", "a#b"):
        tags = [{"key": key, "value": "v"}]
        assert (await box.refused("tag_resource", resourceArn=machine, tags=tags))[0] == "ValidationException"
    assert (await box.refused("list_tags_for_resource", resourceArn="x"))[0] == "InvalidArn"
