"""Aliases of state machines through boto3."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.box import PASS, ROLE, Box

NOWHERE = "arn:aws:states:us-east-1:000000000000:stateMachine:nowhere"
MISSING = ("ResourceNotFound", "Request references a resource that does not exist.")


async def versions(box: Box, count: int, name: str = "m") -> list[str]:
    """A machine with so many versions; their ARNs."""
    made = await box.call("create_state_machine", name=name, definition=PASS, roleArn=ROLE, publish=True)
    arns = [str(made["stateMachineVersionArn"])]
    for number in range(2, count + 1):
        changed = PASS.replace("argument1", f"argument{number}")
        answer = await box.call(
            "update_state_machine", stateMachineArn=made["stateMachineArn"], definition=changed, publish=True
        )
        arns.append(str(answer["stateMachineVersionArn"]))
    return arns


def routes(*shares: tuple[str, int]) -> list[dict[str, Any]]:
    return [{"stateMachineVersionArn": arn, "weight": weight} for arn, weight in shares]


async def alias(box: Box, name: str, *shares: tuple[str, int], **members: Any) -> str:
    answer = await box.call("create_state_machine_alias", name=name, routingConfiguration=routes(*shares), **members)
    return str(answer["stateMachineAliasArn"])


async def test_an_alias_is_described_updated_and_deleted(box: Box) -> None:
    one, two = await versions(box, 2)
    arn = await alias(box, "PROD", (one, 100), description="first")
    assert arn == "arn:aws:states:us-east-1:000000000000:stateMachine:m:PROD"
    found = await box.call("describe_state_machine_alias", stateMachineAliasArn=arn)
    assert found.pop("creationDate") == found.pop("updateDate")
    assert found == {
        "stateMachineAliasArn": arn,
        "name": "PROD",
        "description": "first",
        "routingConfiguration": routes((one, 100)),
    }
    box.world.clock.advance(5)
    await box.call("update_state_machine_alias", stateMachineAliasArn=arn, description="second")
    shares = routes((one, 30), (two, 70))
    updated = await box.call("update_state_machine_alias", stateMachineAliasArn=arn, routingConfiguration=shares)
    await box.restart()
    found = await box.call("describe_state_machine_alias", stateMachineAliasArn=arn)
    assert (found["description"], found["routingConfiguration"]) == ("second", shares)
    assert found["updateDate"] == updated["updateDate"] > found["creationDate"]
    for _ in range(2):
        assert await box.call("delete_state_machine_alias", stateMachineAliasArn=arn) == {}
    assert await box.refused("describe_state_machine_alias", stateMachineAliasArn=arn) == MISSING
    assert await box.refused("update_state_machine_alias", stateMachineAliasArn=arn, description="x") == MISSING


async def test_a_start_by_alias_keeps_alias_and_version(box: Box) -> None:
    one, two = await versions(box, 2)
    machine = one.rpartition(":")[0]
    arn = await alias(box, "PROD", (one, 100))
    by_alias, by_version = await box.run(arn), await box.run(one)
    await box.run(machine)
    assert by_alias.rpartition(":")[0] == machine.replace("stateMachine", "execution")
    found = await box.call("describe_execution", executionArn=by_alias)
    assert (found["stateMachineArn"], found["stateMachineAliasArn"], found["stateMachineVersionArn"]) == (
        machine,
        arn,
        one,
    )
    assert found["output"] == '{"Arg1":"argument1"}'
    history = await box.call("get_execution_history", executionArn=by_alias)
    started = history["events"][0]["executionStartedEventDetails"]
    assert (started["stateMachineAliasArn"], started["stateMachineVersionArn"]) == (arn, one)
    listed = await box.call("list_executions", stateMachineArn=arn)
    assert [(each["executionArn"], each["stateMachineAliasArn"]) for each in listed["executions"]] == [(by_alias, arn)]
    listed = await box.call("list_executions", stateMachineArn=one)
    assert [each["executionArn"] for each in listed["executions"]] == [by_version, by_alias]
    assert (await box.call("list_executions", stateMachineArn=two))["executions"] == []


async def test_starts_are_divided_by_weight(box: Box) -> None:
    one, two = await versions(box, 2)
    half = await alias(box, "half", (one, 50), (two, 50))
    none = await alias(box, "none", (one, 0), (two, 100))

    async def drawn(arn: str) -> set[str]:
        starts = [await box.run(arn) for _ in range(30)]
        found = [await box.call("describe_execution", executionArn=start) for start in starts]
        return {each["stateMachineVersionArn"] for each in found}

    assert await drawn(half) == {one, two}
    assert await drawn(none) == {two}


async def test_an_express_machine_is_started_by_alias_too(box: Box) -> None:
    made = await box.call("create_state_machine", name="x", definition=PASS, roleArn=ROLE, type="EXPRESS", publish=True)
    arn = await alias(box, "PROD", (made["stateMachineVersionArn"], 100))
    answer = await box.call("start_sync_execution", stateMachineArn=arn)
    assert (answer["status"], answer["stateMachineArn"]) == ("SUCCEEDED", made["stateMachineArn"])


async def test_the_same_alias_again_answers_the_first_and_another_is_a_conflict(box: Box) -> None:
    one, two = await versions(box, 2)
    members: dict[str, Any] = {"name": "a", "description": "d", "routingConfiguration": routes((one, 100))}
    first = await box.call("create_state_machine_alias", **members)
    box.world.clock.advance(5)
    assert await box.call("create_state_machine_alias", **members) == first
    taken = (
        "ConflictException",
        "Failed to create alias because an alias with the same name and a different routing configuration already "
        "exists.",
    )
    for other in ({"description": "e"}, {"routingConfiguration": routes((one, 50), (two, 50))}):
        assert await box.refused("create_state_machine_alias", **{**members, **other}) == taken


async def test_aliases_are_listed_in_order_by_page_and_by_version(box: Box) -> None:
    one, two = await versions(box, 2)
    machine = one.rpartition(":")[0]
    assert await box.call("list_state_machine_aliases", stateMachineArn=machine) == {"stateMachineAliases": []}
    made = [await alias(box, "c", (one, 100)), await alias(box, "a", (two, 100)), await alias(box, "b", (one, 100))]

    async def listed(arn: str, **members: Any) -> tuple[list[str], str | None]:
        answer = await box.call("list_state_machine_aliases", stateMachineArn=arn, **members)
        return [each["stateMachineAliasArn"] for each in answer["stateMachineAliases"]], answer.get("nextToken")

    assert await listed(machine) == (made, None)
    assert await listed(one) == ([made[0], made[2]], None)
    first, token = await listed(machine, maxResults=2)
    assert first == made[:2]
    assert await listed(machine, nextToken=token) == (made[2:], None)
    assert (await box.refused("list_state_machine_aliases", stateMachineArn=two, nextToken=token))[0] == "InvalidToken"
    refused = await box.refused("list_state_machine_aliases", stateMachineArn=NOWHERE)
    assert refused[0] == "StateMachineDoesNotExist"


async def test_a_version_that_an_alias_routes_to_cannot_be_deleted(box: Box) -> None:
    one, two = await versions(box, 2)
    arn = await alias(box, "PROD", (one, 50), (two, 50))
    await alias(box, "OTHER", (two, 100))
    assert await box.refused("delete_state_machine_version", stateMachineVersionArn=two) == (
        "ConflictException",
        "Version to be deleted must not be referenced by an alias. "
        "Current list of aliases referencing this version: [PROD, OTHER]",
    )
    await box.call("update_state_machine_alias", stateMachineAliasArn=arn, routingConfiguration=routes((two, 100)))
    await box.call("delete_state_machine_version", stateMachineVersionArn=one)


async def test_a_deleted_machine_takes_its_aliases_along(box: Box) -> None:
    [one] = await versions(box, 1)
    arn = await alias(box, "PROD", (one, 100))
    await box.call("delete_state_machine", stateMachineArn=one.rpartition(":")[0])
    assert (await box.refused("start_execution", stateMachineArn=arn))[0] == "StateMachineDoesNotExist"
    await versions(box, 1)
    assert await box.refused("describe_state_machine_alias", stateMachineAliasArn=arn) == MISSING
    assert (await box.refused("start_execution", stateMachineArn=arn))[0] == "StateMachineDoesNotExist"


@pytest.mark.parametrize("name", ["123", "a b", "!a", "a@", "a:b"])
async def test_names_with_other_characters_are_refused(box: Box, name: str) -> None:
    [one] = await versions(box, 1)
    assert await box.refused("create_state_machine_alias", name=name, routingConfiguration=routes((one, 100))) == (
        "ValidationException",
        f"1 validation error detected: Value '{name}' at 'name' failed to satisfy constraint: Member must satisfy "
        r"regular expression pattern: ^(?=.*[a-zA-Z_\-\.])[a-zA-Z0-9_\-\.]+$",
    )


async def test_bad_routes_are_refused(box: Box) -> None:
    one, two = await versions(box, 2)
    [other] = await versions(box, 1, "other")
    machine = one.rpartition(":")[0]
    many = ((one, 50), (two, 25), (other, 25))

    async def refused(*shares: tuple[str, int]) -> str:
        said = await box.refused("create_state_machine_alias", name="a", routingConfiguration=routes(*shares))
        assert said[0] == "ValidationException"
        arn = await alias(box, "known", (one, 100))
        assert said == await box.refused(
            "update_state_machine_alias", stateMachineAliasArn=arn, routingConfiguration=routes(*shares)
        )
        return said[1]

    assert await refused((one, 50), (one, 50)) == (
        f"Routing configuration must contain distinct state machine version ARNs. Received: [{one}, {one}]"
    )
    assert (
        await refused((one, 50), (two, 49)) == "Sum of routing configuration weights must equal 100. Received: [50, 49]"
    )
    for wrong in (machine, f"{machine}:9", f"{machine}:known", f"{NOWHERE}:1"):
        assert await refused((wrong, 100)) == (
            f"Routing configuration must contain state machine version ARNs. Received: [{wrong}]"
        )
    assert "of one state machine" in await refused((one, 50), (other, 50))
    items = (f"RoutingConfigurationListItem(stateMachineVersionArn={arn}, weight={n})" for arn, n in many)
    assert await refused(*many) == (
        f"1 validation error detected: Value '[{', '.join(items)}]' at 'routingConfiguration' failed to satisfy "
        "constraint: Member must have length less than or equal to 2"
    )
    assert "less than or equal to 100" in await refused((one, 101))
    moved = await box.refused(
        "update_state_machine_alias", stateMachineAliasArn=f"{machine}:known", routingConfiguration=routes((other, 100))
    )
    assert moved[0] == "ValidationException"


async def test_an_arn_without_an_alias_is_refused(box: Box) -> None:
    [one] = await versions(box, 1)
    for arn in (one, one.rpartition(":")[0]):
        for operation in ("describe_state_machine_alias", "delete_state_machine_alias"):
            assert (await box.refused(operation, stateMachineAliasArn=arn))[0] == "ValidationException"
    arn = await alias(box, "a", (one, 100))
    assert (await box.refused("update_state_machine_alias", stateMachineAliasArn=arn))[0] == "ValidationException"
    assert (await box.refused("describe_state_machine", stateMachineArn=f"{arn}x"))[0] == "StateMachineDoesNotExist"
    assert (await box.refused("start_execution", stateMachineArn=f"{arn}x"))[0] == "StateMachineDoesNotExist"
