"""EventBridge's operations over its tables: buses, rules, targets, and what becomes of an event."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from flowd.services.events import SERVICE
from flowd.services.ports import Delivery, ServiceError
from flowd.store.events import EventsTables
from tests.services.box import Box

PATTERN = '{"source": ["shop"]}'
QUEUE = "arn:aws:sqs:us-east-1:000000000000:jobs"
MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:m"
OTHER = "arn:aws:events:us-east-1:000000000000:event-bus/other"


@pytest.fixture
def box() -> Iterator[Box]:
    made = Box(SERVICE, EventsTables)
    yield made
    made.close()


def rule(box: Box, *targets: dict[str, Any], name: str = "r", **members: Any) -> None:
    box("PutRule", Name=name, **{"EventPattern": PATTERN, **members})
    if targets:
        bus = {"EventBusName": members["EventBusName"]} if "EventBusName" in members else {}
        box("PutTargets", Rule=name, Targets=list(targets), **bus)


def put(box: Box, **entry: Any) -> tuple[dict[str, Any], list[Delivery]]:
    """The result of one entry, and what is delivered for it."""
    base = {"Source": "shop", "DetailType": "Order", "Detail": '{"id": 7, "who": "Ada \\"A\\""}'}
    answer = box("PutEvents", Entries=[{**base, **entry}])
    assert box.call is not None
    return answer["Entries"][0], box.call.deliveries


def refused(box: Box, operation: str, **members: Any) -> tuple[str, str]:
    with pytest.raises(ServiceError) as caught:
        box(operation, **members)
    return caught.value.code, caught.value.message


def test_an_event_goes_to_the_targets_of_the_rules_it_matches(box: Box) -> None:
    rule(box, {"Id": "1", "Arn": QUEUE}, {"Id": "2", "Arn": MACHINE})
    rule(box, {"Id": "1", "Arn": QUEUE}, name="no", EventPattern='{"source": ["bank"]}')
    result, deliveries = put(box, Time=1_700_000_000.5, Resources=["a"])
    assert [delivery.target for delivery in deliveries] == [QUEUE, MACHINE]
    assert deliveries[0].source == "arn:aws:events:us-east-1:000000000000:rule/r"
    assert json.loads(deliveries[0].body) == {
        "version": "0",
        "id": result["EventId"],
        "detail-type": "Order",
        "source": "shop",
        "account": "000000000000",
        "time": "2023-11-14T22:13:20Z",
        "region": "us-east-1",
        "resources": ["a"],
        "detail": {"id": 7, "who": 'Ada "A"'},
    }


def test_a_rule_that_is_off_tells_nobody(box: Box) -> None:
    rule(box, {"Id": "1", "Arn": QUEUE}, State="DISABLED")
    assert put(box)[1] == []
    box("EnableRule", Name="r")
    assert len(put(box)[1]) == 1
    box("DisableRule", Name="r")
    assert put(box)[1] == []


def transformed(template: str, **paths: str) -> dict[str, Any]:
    return {"InputTransformer": {"InputPathsMap": paths, "InputTemplate": template}}


@pytest.mark.parametrize(
    ("target", "body"),
    [
        ({"Input": '{"constant": 1}'}, '{"constant": 1}'),
        ({"InputPath": "$.detail.id"}, "7"),
        ({"InputPath": "$.detail"}, '{"id":7,"who":"Ada \\"A\\""}'),
        ({"InputPath": "$.nothing"}, "{}"),
        (
            transformed('{"n": <n>, "w": <w>, "t": "<n> by <w>"}', n="$.detail.id", w="$.detail.who"),
            '{"n": 7, "w": "Ada \\"A\\"", "t": "7 by Ada \\"A\\""}',
        ),
        (
            transformed('"x=<x>, <aws.events.rule-name>"', x="$.detail.x"),
            '"x=, r"',
        ),
        (
            transformed("<r>", r="$.resources[0]"),
            '""',
        ),
    ],
)
def test_a_target_gets_the_part_it_asked_for(box: Box, target: dict[str, Any], body: str) -> None:
    rule(box, {"Id": "1", "Arn": QUEUE, **target})
    [delivery] = put(box)[1]
    assert delivery.body == body


def test_a_template_may_hold_the_whole_event(box: Box) -> None:
    template = {"InputTemplate": '{"all": <aws.events.event.json>, "head": <aws.events.event>}'}
    rule(box, {"Id": "1", "Arn": MACHINE, "InputTransformer": template})
    result, [delivery] = put(box)
    body = json.loads(delivery.body)
    assert body["all"]["detail"]["id"] == 7
    assert "detail" not in body["head"]
    assert body["head"]["id"] == result["EventId"]


def test_retries_dead_letters_and_groups_go_with_the_delivery(box: Box) -> None:
    target = {
        "Id": "1",
        "Arn": QUEUE + ".fifo",
        "SqsParameters": {"MessageGroupId": "g"},
        "RetryPolicy": {"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 60},
        "DeadLetterConfig": {"Arn": QUEUE},
    }
    rule(box, target)
    result, [delivery] = put(box)
    assert (delivery.tries, delivery.age_s, delivery.dead_letter) == (3, 60, QUEUE)
    assert delivery.options == {"MessageGroupId": "g", "MessageDeduplicationId": result["EventId"]}


def test_events_go_from_bus_to_bus_but_not_for_ever(box: Box) -> None:
    box("CreateEventBus", Name="other")
    rule(box, {"Id": "1", "Arn": OTHER})
    rule(box, {"Id": "1", "Arn": OTHER}, {"Id": "2", "Arn": QUEUE}, EventBusName="other")
    [delivery] = put(box)[1]
    told = 0
    for _ in range(30):
        call = box.new_call()
        assert SERVICE.accept is not None
        SERVICE.accept(box.tables, delivery, call)
        told += sum(each.target == QUEUE for each in call.deliveries)
        further = [each for each in call.deliveries if each.target == OTHER]
        if not further:
            break
        [delivery] = further
    assert told == 10


@pytest.mark.parametrize(
    ("entry", "code", "message"),
    [
        ({"Source": ""}, "InvalidArgument", "Parameter Source is not valid. Reason: Source is a required argument."),
        ({"Detail": None}, "InvalidArgument", "Parameter Detail is not valid. Reason: Detail is a required argument."),
        ({"Detail": "no json"}, "MalformedDetail", "Detail is malformed."),
        ({"Detail": "[1]"}, "MalformedDetail", "Detail is malformed."),
        ({"Source": "aws.s3"}, "NotAuthorizedForSourceException", "Not authorized for the source."),
    ],
)
def test_what_is_wrong_with_an_entry_is_told_in_its_place(
    box: Box, entry: dict[str, Any], code: str, message: str
) -> None:
    rule(box, {"Id": "1", "Arn": QUEUE})
    result, deliveries = put(box, **entry)
    assert result == {"ErrorCode": code, "ErrorMessage": message}
    assert deliveries == []


def test_a_bus_that_does_not_exist_takes_events_and_tells_nobody(box: Box) -> None:
    result, deliveries = put(box, EventBusName="nowhere")
    assert "EventId" in result
    assert deliveries == []


def test_too_many_entries_and_too_much_are_refused(box: Box) -> None:
    entry = {"Source": "s", "DetailType": "d", "Detail": "{}"}
    assert "less than or equal to 10" in refused(box, "PutEvents", Entries=[entry] * 11)[1]
    assert "greater than or equal to 1" in refused(box, "PutEvents", Entries=[])[1]
    assert "over the limit" in refused(box, "PutEvents", Entries=[{**entry, "Detail": "x" * 1_100_000}])[1]


def test_rules_are_described_listed_and_deleted(box: Box) -> None:
    rule(box, {"Id": "1", "Arn": QUEUE}, Description="mine", Tags=[{"Key": "a", "Value": "b"}])
    arn = "arn:aws:events:us-east-1:000000000000:rule/r"
    shown = {"Name": "r", "Arn": arn, "EventPattern": PATTERN, "State": "ENABLED", "Description": "mine"}
    assert box("DescribeRule", Name="r") == shown | {"EventBusName": "default", "CreatedBy": "000000000000"}
    assert box("ListRules", NamePrefix="r")["Rules"] == [shown | {"EventBusName": "default"}]
    assert box("ListRuleNamesByTarget", TargetArn=QUEUE) == {"RuleNames": ["r"]}
    assert box("ListTargetsByRule", Rule="r") == {"Targets": [{"Id": "1", "Arn": QUEUE}]}
    assert box("ListTagsForResource", ResourceARN=arn) == {"Tags": [{"Key": "a", "Value": "b"}]}
    box("TagResource", ResourceARN=arn, Tags=[{"Key": "c", "Value": "d"}])
    box("UntagResource", ResourceARN=arn, TagKeys=["a"])
    assert box("ListTagsForResource", ResourceARN=arn) == {"Tags": [{"Key": "c", "Value": "d"}]}
    assert refused(box, "DeleteRule", Name="r") == (
        "ValidationException",
        "Rule can't be deleted since it has targets.",
    )
    assert box("RemoveTargets", Rule="r", Ids=["1", "2"])["FailedEntries"][0]["TargetId"] == "2"
    box("DeleteRule", Name="r")
    assert refused(box, "DescribeRule", Name="r") == (
        "ResourceNotFoundException",
        "Rule r does not exist on EventBus default.",
    )


def test_putting_a_rule_again_changes_it(box: Box) -> None:
    rule(box, {"Id": "1", "Arn": QUEUE})
    rule(box, EventPattern='{"source": ["bank"]}')
    assert put(box)[1] == []
    assert len(put(box, Source="bank")[1]) == 1


def test_lists_have_pages(box: Box) -> None:
    for name in "abc":
        rule(box, name=name)
    first = box("ListRules", Limit=2)
    assert [each["Name"] for each in first["Rules"]] == ["a", "b"]
    assert [each["Name"] for each in box("ListRules", NextToken=first["NextToken"])["Rules"]] == ["c"]
    assert refused(box, "ListRules", NextToken="%%")[0] == "ValidationException"
    for operation, limit in [("ListRules", -1), ("ListEventBuses", 0), ("ListRules", 101)]:
        assert refused(box, operation, Limit=limit)[0] == "ValidationException"


def test_buses_are_made_described_and_deleted(box: Box) -> None:
    assert box("CreateEventBus", Name="other") == {"EventBusArn": OTHER}
    assert refused(box, "CreateEventBus", Name="other")[0] == "ResourceAlreadyExistsException"
    assert [bus["Name"] for bus in box("ListEventBuses")["EventBuses"]] == ["default", "other"]
    assert box("DescribeEventBus", Name=OTHER)["Name"] == "other"
    rule(box, EventBusName="other")
    assert "still has rules" in refused(box, "DeleteEventBus", Name="other")[1]
    box("DeleteRule", Name="r", EventBusName="other")
    box("DeleteEventBus", Name="other")
    assert refused(box, "DescribeEventBus", Name="other") == (
        "ResourceNotFoundException",
        "Event bus other does not exist.",
    )
    assert "Cannot delete event bus default" in refused(box, "DeleteEventBus", Name="default")[1]


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({}, "EventPattern or ScheduleExpression must be specified"),
        ({"EventPattern": "{}"}, "Empty objects are not allowed"),
        ({"ScheduleExpression": "rate(1 days)"}, "EventBridge rules want `1 day` and `2 days`"),
        ({"ScheduleExpression": "at(2030-01-01T00:00:00)"}, "allowed: cron(...) or rate(...)"),
        ({"EventPattern": PATTERN, "EventBusName": "nowhere"}, "Event bus nowhere does not exist."),
        ({"EventPattern": PATTERN, "Name": "a b"}, "Value 'a b' at 'name' failed to satisfy constraint"),
    ],
)
def test_rules_that_cannot_be_made_say_why(box: Box, members: dict[str, Any], reason: str) -> None:
    assert reason in refused(box, "PutRule", **{"Name": "r", **members})[1]


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ({"Arn": "nonsense"}, "Provided Arn is not in correct format"),
        ({"Arn": "arn:aws:kinesis:us-east-1:0:stream/s"}, "Targets of the service kinesis are not built in flowd"),
        ({"Arn": QUEUE + ".fifo"}, "SqsParameters must be specified for target: 1"),
        ({"Arn": QUEUE, "Input": "{}", "InputPath": "$"}, "Only one of Input, InputPath, or InputTransformer"),
        ({"Arn": QUEUE, "InputPath": "detail"}, "Invalid JSON path: detail"),
        ({"Arn": QUEUE, "InputTransformer": {"InputTemplate": "<x>"}}, "contains placeholder x"),
        ({"Arn": QUEUE, "EcsParameters": {"TaskDefinitionArn": "t"}}, "EcsParameters of a target is not built"),
    ],
)
def test_targets_that_nothing_can_be_brought_to_are_refused(box: Box, target: dict[str, Any], reason: str) -> None:
    rule(box)
    assert reason in refused(box, "PutTargets", Rule="r", Targets=[{"Id": "1", **target}])[1]


def test_a_rule_has_five_targets_at_most(box: Box) -> None:
    rule(box, *({"Id": str(n), "Arn": QUEUE} for n in range(5)))
    assert refused(box, "PutTargets", Rule="r", Targets=[{"Id": "x", "Arn": QUEUE}])[0] == "LimitExceededException"
    box("PutTargets", Rule="r", Targets=[{"Id": "0", "Arn": MACHINE}])
    assert len(box("ListTargetsByRule", Rule="r")["Targets"]) == 5


def test_a_pattern_can_be_tried(box: Box) -> None:
    event = {
        "id": "1",
        "account": "0",
        "source": "shop",
        "time": "t",
        "region": "r",
        "resources": [],
        "detail-type": "d",
    }
    assert box("TestEventPattern", EventPattern=PATTERN, Event=json.dumps(event)) == {"Result": True}
    assert box("TestEventPattern", EventPattern=PATTERN, Event=json.dumps({**event, "source": "x"})) == {
        "Result": False
    }
    part = '{"id": "1", "account": "0"}'
    assert "source is a required field" in refused(box, "TestEventPattern", EventPattern=PATTERN, Event=part)[1]


@pytest.mark.parametrize("detail", ["[1]", "{", '{"a": NaN}', '{"a":' * 5_000 + "1" + "}" * 5_000])
def test_a_detail_that_is_no_object_of_json_is_refused_and_the_other_entries_are_taken(box: Box, detail: str) -> None:
    rule(box, {"Id": "1", "Arn": QUEUE})
    entries = [{"Source": "shop", "DetailType": "x", "Detail": each} for each in (detail, "{}")]
    answer = box("PutEvents", Entries=entries)
    assert (answer["FailedEntryCount"], answer["Entries"][0]["ErrorCode"]) == (1, "MalformedDetail")
    assert box.call is not None and len(box.call.deliveries) == 1


def test_an_event_that_is_nested_too_deeply_to_be_matched_is_refused_for_all_of_its_targets(box: Box) -> None:
    rule(box, {"Id": "1", "Arn": QUEUE}, name="a")
    rule(box, {"Id": "1", "Arn": QUEUE}, name="b", EventPattern='{"detail": {"a": ["x"]}}')
    result, deliveries = put(box, Detail='{"a":' + "[" * 600 + "]" * 600 + "}")
    assert (result["ErrorCode"], deliveries) == ("MalformedDetail", [])
    assert put(box, Detail='{"a":' + "[" * 50 + "]" * 50 + "}")[1] != []


def test_too_many_entries_are_refused_without_repeating_all_of_them(box: Box) -> None:
    entry = {"Source": "shop", "DetailType": "x", "Detail": json.dumps({"a": "x" * 50_000})}
    code, said = refused(box, "PutEvents", Entries=[entry] * 11)
    assert code == "ValidationException" and "less than or equal to 10" in said
    assert len(said) < 5_000


@pytest.mark.parametrize(
    ("operation", "members", "words"),
    [
        (
            "PutTargets",
            {"Targets": []},
            "Value '[]' at 'targets' failed to satisfy constraint: Member must have length",
        ),
        ("PutTargets", {"Targets": [{"Id": "a"}]}, "Value null at 'targets.1.member.arn' failed"),
        ("PutTargets", {"Targets": [{"Id": "a b", "Arn": QUEUE}]}, "regular expression pattern"),
        ("PutTargets", {"Targets": [{"Id": "a" * 65, "Arn": QUEUE}]}, "length less than or equal to 64"),
        (
            "PutTargets",
            {"Targets": [{"Id": "a", "Arn": QUEUE, "RetryPolicy": {"MaximumRetryAttempts": -1}}]},
            "'targets.1.member.retryPolicy.maximumRetryAttempts'",
        ),
        ("RemoveTargets", {"Ids": []}, "Value '[]' at 'ids' failed to satisfy constraint: Member must have length"),
        ("RemoveTargets", {}, "Value null at 'ids' failed to satisfy constraint: Member must not be null"),
        ("ListTargetsByRule", {"Limit": -1}, "Value '-1' at 'limit'"),
    ],
)
def test_what_the_model_excludes_is_refused_before_anything_else(
    box: Box, operation: str, members: dict[str, Any], words: str
) -> None:
    rule(box)
    code, said = refused(box, operation, Rule="r", **members)
    assert (code, words in said) == ("ValidationException", True), said
    assert box("ListTargetsByRule", Rule="r")["Targets"] == []


def test_rules_of_a_target_are_listed_page_by_page_and_a_state_is_one_of_two(box: Box) -> None:
    for name in ("a", "b", "c"):
        box("PutRule", Name=name, EventPattern='{"source": ["x"]}')
        box("PutTargets", Rule=name, Targets=[{"Id": "1", "Arn": QUEUE}])
    first = box("ListRuleNamesByTarget", TargetArn=QUEUE, Limit=2)
    rest = box("ListRuleNamesByTarget", TargetArn=QUEUE, NextToken=first["NextToken"])
    assert (first["RuleNames"], rest) == (["a", "b"], {"RuleNames": ["c"]})
    assert refused(box, "ListRuleNamesByTarget", TargetArn=QUEUE, Limit=0)[0] == "ValidationException"
    assert "'state'" in refused(box, "PutRule", Name="a", EventPattern="{}", State="ON")[1]
