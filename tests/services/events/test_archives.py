"""Archives keep what comes to a bus; replays send it again, to whom they say and only once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from flowd.services.events import SERVICE, own, replays
from flowd.services.ports import ServiceError
from flowd.store.events import EventsTables
from tests.services.box import Box

QUEUE = "arn:aws:sqs:us-east-1:000000000000:jobs"
BUS = "arn:aws:events:us-east-1:000000000000:event-bus/default"
ARCHIVE = "arn:aws:events:us-east-1:000000000000:archive/all"
RULE = "arn:aws:events:us-east-1:000000000000:rule/"
BEGIN_S = 1_700_000_000.0


@pytest.fixture
def box() -> Iterator[Box]:
    made = Box(SERVICE, EventsTables)
    made("CreateArchive", ArchiveName="all", EventSourceArn=BUS, EventPattern='{"source": ["shop"]}', Description="d")
    yield made
    made.close()


def put(box: Box, source: str = "shop", **detail: Any) -> None:
    box("PutEvents", Entries=[{"Source": source, "DetailType": "x", "Detail": json.dumps(detail)}])


def rule(box: Box, *names: str) -> None:
    for name in names:
        box("PutRule", Name=name, EventPattern='{"source": ["shop", "bank"]}')
        box("PutTargets", Rule=name, Targets=[{"Id": "1", "Arn": QUEUE}])


def replay(box: Box, name: str = "again", **members: Any) -> dict[str, Any]:
    span = {"EventStartTime": BEGIN_S, "EventEndTime": BEGIN_S + 60, "Destination": {"Arn": BUS}}
    return box("StartReplay", ReplayName=name, EventSourceArn=ARCHIVE, **{**span, **members})


def told(box: Box) -> list[dict[str, Any]]:
    """Let time do its work; the events that it sent."""
    box.tick()
    assert box.call is not None
    return [json.loads(delivery.body) for delivery in box.call.deliveries]


def test_an_archive_keeps_what_it_wants_and_shows_how_much(box: Box) -> None:
    put(box, n=1)
    put(box, "bank", n=2)
    found = box("DescribeArchive", ArchiveName="all")
    assert (found["ArchiveArn"], found["EventCount"], found["Description"]) == (ARCHIVE, 1, "d")
    assert found["SizeBytes"] > 50
    assert [each["ArchiveName"] for each in box("ListArchives", NamePrefix="a")["Archives"]] == ["all"]
    assert box("ListArchives", EventSourceArn="other")["Archives"] == []
    box("UpdateArchive", ArchiveName="all", EventPattern='{"source": ["bank"]}', RetentionDays=2)
    put(box, "bank", n=3)
    assert box("DescribeArchive", ArchiveName="all")["EventCount"] == 2
    box.pass_time(3 * 86_400)
    assert box.tick() == box.now_ms + 3_600_000
    assert box("DescribeArchive", ArchiveName="all")["EventCount"] == 0


def test_a_replay_sends_what_came_in_its_time_again_and_is_not_archived(box: Box) -> None:
    put(box, n=1)
    box.pass_time(30)
    put(box, n=2)
    box.pass_time(60)
    put(box, n=3)
    rule(box, "a", "b")
    started = replay(box)
    assert (started["State"], box.call.due_ms if box.call else None) == ("STARTING", [box.now_ms])
    events = told(box)
    assert [event["detail"]["n"] for event in events] == [1, 1, 2, 2]
    assert {event["replay-name"] for event in events} == {"again"}
    assert told(box) == []
    found = box("DescribeReplay", ReplayName="again")
    assert (found["State"], found["EventLastReplayedTime"]) == ("COMPLETED", BEGIN_S + 30)
    assert box("DescribeArchive", ArchiveName="all")["EventCount"] == 3
    replay(box, "one", Destination={"Arn": BUS, "FilterArns": [f"{RULE}b"]})
    assert len(told(box)) == 2
    assert [each["ReplayName"] for each in box("ListReplays", State="COMPLETED")["Replays"]] == ["again", "one"]


def test_a_long_replay_goes_on_in_steps_and_may_be_cancelled(box: Box) -> None:
    for number in range(replays.AT_ONCE + 1):
        put(box, n=number)
    rule(box, "a")
    replay(box)
    assert len(told(box)) == replays.AT_ONCE
    assert box("DescribeReplay", ReplayName="again")["State"] == "RUNNING"
    assert [event["detail"]["n"] for event in told(box)] == [replays.AT_ONCE]
    replay(box, "cut")
    told(box)
    assert box("CancelReplay", ReplayName="cut")["State"] == "CANCELLED"
    assert told(box) == []
    with pytest.raises(ServiceError, match="not in a valid state"):
        box("CancelReplay", ReplayName="cut")
    box.pass_time(91 * 86_400)
    told(box)
    assert box("ListReplays")["Replays"] == []


def test_an_archive_of_the_default_bus_wants_the_events_of_aws_s_own_services(box: Box) -> None:
    assert own.wants(box.tables, "aws.states", None) is False
    box("CreateArchive", ArchiveName="more", EventSourceArn=BUS)
    assert own.wants(box.tables, "aws.states", None) is True
    box("DeleteArchive", ArchiveName="more")
    assert own.wants(box.tables, "aws.states", None) is False


@pytest.mark.parametrize(
    ("operation", "members", "said"),
    [
        ("CreateArchive", {"ArchiveName": "all", "EventSourceArn": BUS}, "Archive all already exists"),
        ("CreateArchive", {"ArchiveName": "a b", "EventSourceArn": BUS}, "failed to satisfy constraint"),
        ("CreateArchive", {"ArchiveName": "a", "EventSourceArn": f"{BUS}x"}, "Event bus defaultx does not exist"),
        ("CreateArchive", {"ArchiveName": "a", "EventSourceArn": BUS, "EventPattern": "{}"}, "Empty objects"),
        ("DescribeArchive", {"ArchiveName": "no"}, "Archive no does not exist"),
        ("DescribeReplay", {"ReplayName": "no"}, "Replay no does not exist"),
    ],
)
def test_what_cannot_be_is_refused(box: Box, operation: str, members: dict[str, Any], said: str) -> None:
    with pytest.raises(ServiceError, match=said):
        box(operation, **members)


@pytest.mark.parametrize("operation", ["ListArchives", "ListReplays"])
def test_a_list_takes_one_filter(box: Box, operation: str) -> None:
    box(operation, NamePrefix="a")
    with pytest.raises(ServiceError, match=f"At most one filter is allowed for {operation}"):
        box(operation, NamePrefix="a", EventSourceArn=BUS)


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"EventSourceArn": f"{ARCHIVE}x"}, "Archive allx does not exist"),
        ({"Destination": {"Arn": f"{BUS}x"}}, "Cross event bus replay"),
        ({"EventEndTime": BEGIN_S}, "EventStartTime must be before"),
    ],
)
def test_a_replay_that_cannot_be_is_refused(box: Box, members: dict[str, Any], said: str) -> None:
    span = {"EventStartTime": BEGIN_S, "EventEndTime": BEGIN_S + 60, "Destination": {"Arn": BUS}}
    with pytest.raises(ServiceError, match=said):
        box("StartReplay", **{"ReplayName": "r", "EventSourceArn": ARCHIVE, **span, **members})
