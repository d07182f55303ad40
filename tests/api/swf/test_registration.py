"""Domains and types over boto3: every operation, every fault."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.swf.shop import CHARGE, DOMAIN, ORDER, Shop


async def domain(shop: Shop, name: str, days: str = "1", **members: Any) -> None:
    await shop.call("register_domain", name=name, workflowExecutionRetentionPeriodInDays=days, **members)


async def names(shop: Shop, status: str = "REGISTERED", **members: Any) -> list[str]:
    answer = await shop.call("list_domains", registrationStatus=status, **members)
    return [each["name"] for each in answer["domainInfos"]]


# -- domains ------------------------------------------------------------------


async def test_a_domain_is_described_as_it_was_registered(shop: Shop) -> None:
    await domain(shop, "bank", "30", description="money", tags=[{"key": "team", "value": "x"}])
    found = await shop.call("describe_domain", name="bank")
    assert found["domainInfo"] == {
        "name": "bank",
        "status": "REGISTERED",
        "description": "money",
        "arn": "arn:aws:swf:us-east-1:000000000000:/domain/bank",
    }
    assert found["configuration"] == {"workflowExecutionRetentionPeriodInDays": "30"}


@pytest.mark.parametrize("text", ["NONE", "0"])
async def test_a_retention_of_nothing_is_called_none(shop: Shop, text: str) -> None:
    await domain(shop, "bank", text)
    found = await shop.call("describe_domain", name="bank")
    assert found["configuration"] == {"workflowExecutionRetentionPeriodInDays": "NONE"}


@pytest.mark.parametrize(("name", "days"), [("a:b", "1"), ("a/b", "1"), ("arn", "1"), (" a", "1"), ("a|b", "1"),
                                            ("a", "91"), ("a", "x"), ("a", "-1")])  # fmt: skip
async def test_what_is_no_domain_is_refused(shop: Shop, name: str, days: str) -> None:
    code, _ = await shop.refused("register_domain", name=name, workflowExecutionRetentionPeriodInDays=days)
    assert code == "ValidationException"


async def test_a_domain_is_registered_once_also_when_it_is_deprecated(shop: Shop) -> None:
    members = {"name": DOMAIN, "workflowExecutionRetentionPeriodInDays": "1"}
    assert await shop.refused("register_domain", **members) == ("DomainAlreadyExistsFault", DOMAIN)
    await shop.call("deprecate_domain", name=DOMAIN)
    assert (await shop.refused("register_domain", **members))[0] == "DomainAlreadyExistsFault"


async def test_a_deprecated_domain_takes_its_types_with_it_and_comes_back_without_them(shop: Shop) -> None:
    await shop.call("deprecate_domain", name=DOMAIN)
    assert await shop.refused("deprecate_domain", name=DOMAIN) == ("DomainDeprecatedFault", DOMAIN)
    assert await names(shop) == []
    assert await names(shop, "DEPRECATED") == [DOMAIN]
    refused = await shop.refused("start_workflow_execution", domain=DOMAIN, workflowId="w", workflowType=ORDER)
    assert refused[0] == "DomainDeprecatedFault"
    assert (await shop.refused("register_workflow_type", domain=DOMAIN, name="n", version="1"))[0] == (
        "DomainDeprecatedFault"
    )
    await shop.call("undeprecate_domain", name=DOMAIN)
    assert await shop.refused("undeprecate_domain", name=DOMAIN) == ("DomainAlreadyExistsFault", DOMAIN)
    found = await shop.call("describe_workflow_type", domain=DOMAIN, workflowType=ORDER)
    assert found["typeInfo"]["status"] == "DEPRECATED"
    assert found["typeInfo"]["deprecationDate"] is not None


async def test_domains_are_listed_by_name_in_pages_both_ways(shop: Shop) -> None:
    for name in ("c", "a", "b"):
        await domain(shop, name)
    first = await shop.call("list_domains", registrationStatus="REGISTERED", maximumPageSize=3)
    assert [each["name"] for each in first["domainInfos"]] == ["a", "b", "c"]
    rest = await shop.call(
        "list_domains", registrationStatus="REGISTERED", maximumPageSize=3, nextPageToken=first["nextPageToken"]
    )
    assert [each["name"] for each in rest["domainInfos"]] == [DOMAIN]
    assert "nextPageToken" not in rest
    assert await names(shop, reverseOrder=True) == [DOMAIN, "c", "b", "a"]
    exact = await shop.call("list_domains", registrationStatus="REGISTERED", maximumPageSize=4)
    assert "nextPageToken" not in exact


async def test_a_bad_page_token_is_told_in_the_services_words(shop: Shop) -> None:
    refused = await shop.refused("list_domains", registrationStatus="REGISTERED", nextPageToken="nonsense")
    assert refused == ("ValidationException", "Invalid token")


async def test_unknown_domains_are_unknown_resources(shop: Shop) -> None:
    for operation in ("describe_domain", "deprecate_domain", "undeprecate_domain"):
        assert await shop.refused(operation, name="x") == ("UnknownResourceFault", "Unknown domain: x")


async def test_domains_survive_a_restart(shop: Shop) -> None:
    await domain(shop, "bank", "NONE", tags=[{"key": "a", "value": "1"}])
    await shop.call("deprecate_domain", name="bank")
    await shop.box.restart()
    found = await shop.call("describe_domain", name="bank")
    assert found["domainInfo"]["status"] == "DEPRECATED"
    arn = found["domainInfo"]["arn"]
    assert (await shop.call("list_tags_for_resource", resourceArn=arn))["tags"] == [{"key": "a", "value": "1"}]


async def test_tags_of_a_domain_are_set_and_taken_away(shop: Shop) -> None:
    arn = (await shop.call("describe_domain", name=DOMAIN))["domainInfo"]["arn"]
    await shop.call("tag_resource", resourceArn=arn, tags=[{"key": "a", "value": "1"}, {"key": "b"}])
    await shop.call("tag_resource", resourceArn=arn, tags=[{"key": "a", "value": "2"}])
    await shop.call("untag_resource", resourceArn=arn, tagKeys=["b", "never"])
    assert (await shop.call("list_tags_for_resource", resourceArn=arn))["tags"] == [{"key": "a", "value": "2"}]
    many = [{"key": str(number)} for number in range(50)]
    assert (await shop.refused("tag_resource", resourceArn=arn, tags=many))[0] == "TooManyTagsFault"


@pytest.mark.parametrize(
    "arn", ["nonsense", "arn:aws:swf:us-east-1:0:/domain/x", "arn:aws:states:us-east-1:0:activity:a"]
)
async def test_only_domains_have_tags(shop: Shop, arn: str) -> None:
    operations: tuple[tuple[str, dict[str, Any]], ...] = (
        ("tag_resource", {"tags": []}),
        ("untag_resource", {"tagKeys": []}),
        ("list_tags_for_resource", {}),
    )
    for operation, members in operations:
        assert (await shop.refused(operation, resourceArn=arn, **members))[0] == "UnknownResourceFault"


async def test_there_are_a_hundred_domains_at_most(shop: Shop) -> None:
    for number in range(99):
        await shop.box.world.core.swf.register_domain(f"d{number}", "1", None, {})
    refused = await shop.refused("register_domain", name="more", workflowExecutionRetentionPeriodInDays="1")
    assert refused[0] == "LimitExceededFault"


# -- types --------------------------------------------------------------------


async def test_types_are_described_with_their_defaults(shop: Shop) -> None:
    found = await shop.call("describe_workflow_type", domain=DOMAIN, workflowType=ORDER)
    assert found["typeInfo"]["workflowType"] == ORDER
    assert found["configuration"] == {
        "defaultTaskStartToCloseTimeout": "60",
        "defaultExecutionStartToCloseTimeout": "3600",
        "defaultTaskList": {"name": "orders"},
        "defaultChildPolicy": "TERMINATE",
    }
    found = await shop.call("describe_activity_type", domain=DOMAIN, activityType=CHARGE)
    assert found["configuration"]["defaultTaskScheduleToCloseTimeout"] == "NONE"


KINDS: list[tuple[str, dict[str, str]]] = [("workflow", ORDER), ("activity", CHARGE)]


@pytest.mark.parametrize(("kind", "named"), KINDS)
async def test_the_life_of_a_type(shop: Shop, kind: str, named: dict[str, str]) -> None:
    one: dict[str, Any] = {"domain": DOMAIN, f"{kind}Type": named}
    label = f"{kind.capitalize()}Type=[name={named['name']}, version={named['version']}]"
    register = f"register_{kind}_type"
    assert await shop.refused(register, domain=DOMAIN, **named) == ("TypeAlreadyExistsFault", label)
    assert await shop.refused(f"undeprecate_{kind}_type", **one) == ("TypeAlreadyExistsFault", label)
    refused = await shop.refused(f"delete_{kind}_type", **one)
    assert refused == (
        "TypeNotDeprecatedFault",
        "The type is currently registered and cannot be deleted in its current state",
    )
    await shop.call(f"deprecate_{kind}_type", **one)
    assert await shop.refused(f"deprecate_{kind}_type", **one) == ("TypeDeprecatedFault", label)
    assert (await shop.refused(register, domain=DOMAIN, **named))[0] == "TypeAlreadyExistsFault"
    await shop.call(f"undeprecate_{kind}_type", **one)
    await shop.call(f"deprecate_{kind}_type", **one)
    await shop.call(f"delete_{kind}_type", **one)
    unknown = ("UnknownResourceFault", f"Unknown type: {label}")
    for verb in ("describe", "deprecate", "undeprecate", "delete"):
        assert await shop.refused(f"{verb}_{kind}_type", **one) == unknown
    await shop.call(register, domain=DOMAIN, **named)


@pytest.mark.parametrize("kind", ["workflow", "activity"])
async def test_types_are_listed_by_name_and_status(shop: Shop, kind: str) -> None:
    for name, version in (("b", "2"), ("b", "1"), ("a", "1")):
        await shop.call(f"register_{kind}_type", domain=DOMAIN, name=name, version=version)
    listed = await shop.call(f"list_{kind}_types", domain=DOMAIN, registrationStatus="REGISTERED", name="b")
    assert [each[f"{kind}Type"] for each in listed["typeInfos"]] == [
        {"name": "b", "version": "1"},
        {"name": "b", "version": "2"},
    ]
    await shop.call(f"deprecate_{kind}_type", domain=DOMAIN, **{f"{kind}Type": {"name": "a", "version": "1"}})
    listed = await shop.call(f"list_{kind}_types", domain=DOMAIN, registrationStatus="DEPRECATED")
    assert [each[f"{kind}Type"]["name"] for each in listed["typeInfos"]] == ["a"]


@pytest.mark.parametrize(
    "default",
    [
        {"defaultExecutionStartToCloseTimeout": "NONE"},
        {"defaultExecutionStartToCloseTimeout": "31536001"},
        {"defaultTaskStartToCloseTimeout": "-1"},
        {"defaultTaskStartToCloseTimeout": "1.5"},
        {"defaultTaskList": {"name": "a:b"}},
        {"defaultTaskPriority": "high"},
        {"defaultTaskPriority": "2147483648"},
        {"defaultChildPolicy": "KILL"},
    ],
)
async def test_a_default_that_cannot_hold_is_refused(shop: Shop, default: dict[str, Any]) -> None:
    code, message = await shop.refused("register_workflow_type", domain=DOMAIN, name="n", version="1", **default)
    assert code == "ValidationException"
    assert next(iter(default)) in message


async def test_names_of_types_follow_the_rules(shop: Shop) -> None:
    for name, version in (("a:b", "1"), ("a", "1/2"), ("arn", "1")):
        refused = await shop.refused("register_activity_type", domain=DOMAIN, name=name, version=version)
        assert refused[0] == "ValidationException"
    unknown = await shop.refused("register_activity_type", domain="x", name="a", version="1")
    assert unknown == ("UnknownResourceFault", "Unknown domain: x")


async def test_a_status_must_be_one(shop: Shop) -> None:
    assert (await shop.refused("list_domains", registrationStatus="GONE"))[0] == "ValidationException"


@pytest.mark.parametrize("prefix", ["SimpleWorkflowService", "com.amazonaws.swf.service.model.SimpleWorkflowService"])
async def test_the_namespace_of_a_fault_is_swfs_own(shop: Shop, prefix: str) -> None:
    status, body = await shop.box.raw_swf("DescribeDomain", {"name": "x"}, prefix)
    assert (status, body["__type"]) == (400, "com.amazonaws.swf.base.model#UnknownResourceFault")


async def test_an_operation_without_an_output_answers_with_nothing(shop: Shop) -> None:
    assert await shop.box.raw_swf("DeprecateDomain", {"name": DOMAIN}) == (200, None)


async def test_every_operation_of_the_model_is_there(shop: Shop) -> None:
    for operation in shop.box.swf_sdk.meta.service_model.operation_names:
        status, body = await shop.box.raw_swf(operation, {})
        assert (status, body["__type"]) == (400, "com.amazon.coral.validate#ValidationException"), operation
