"""Rules with a ScheduleExpression: when they fire, what their targets get, and what a pause leaves of them."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from flowd.services.events import SERVICE, own
from flowd.services.ports import ServiceError
from flowd.store.events import EventsTables
from tests.services.box import Box

QUEUE = "arn:aws:sqs:us-east-1:000000000000:jobs"
HOUR_S = 3_600
BEGIN_MS = 1_700_000_000_000  # 22:13:20, where the clock of a box stands


@pytest.fixture
def box() -> Iterator[Box]:
    made = Box(SERVICE, EventsTables)
    made("PutRule", Name="hourly", ScheduleExpression="rate(1 hour)")
    made("PutTargets", Rule="hourly", Targets=[{"Id": "1", "Arn": QUEUE}])
    yield made
    made.close()


def fired(box: Box) -> list[str]:
    """Let time do its work; the times of the events that it sent."""
    box.tick()
    assert box.call is not None
    return [json.loads(delivery.body)["time"][11:] for delivery in box.call.deliveries]


def test_a_rule_fires_when_its_time_has_come_and_says_when_it_fires_next(box: Box) -> None:
    assert box.tick() == 1_700_002_800_000
    assert fired(box) == []
    box.pass_time(2_800)
    assert fired(box) == ["23:00:00Z"]
    assert box.call is not None
    [delivery] = box.call.deliveries
    assert (delivery.target, delivery.source) == (QUEUE, "arn:aws:events:us-east-1:000000000000:rule/hourly")
    event = json.loads(delivery.body)
    assert (event["source"], event["detail-type"], event["detail"]) == ("aws.events", "Scheduled Event", {})
    assert event["resources"] == [delivery.source]
    assert fired(box) == []
    box.pass_time(HOUR_S)
    assert fired(box) == ["00:00:00Z"]


@pytest.mark.parametrize("days", [1, 40, 400])
def test_what_was_missed_fires_once_with_its_latest_time(box: Box, days: int) -> None:
    box.tick()
    box.pass_time(days * 86_400)
    assert fired(box) == ["22:00:00Z"]
    assert fired(box) == []


def test_a_rule_that_is_off_or_gone_does_not_fire_and_one_that_is_on_again_counts_from_then(box: Box) -> None:
    box("DisableRule", Name="hourly")
    assert box.tick() is None
    box.pass_time(2 * HOUR_S)
    assert fired(box) == []
    box("EnableRule", Name="hourly")
    assert box.call is not None and box.call.due_ms == [BEGIN_MS + 10_000_000]
    box("PutRule", Name="hourly", ScheduleExpression="cron(30 12 * * ? *)")
    box.pass_time(86_400)
    assert fired(box) == ["12:30:00Z"]
    box("RemoveTargets", Rule="hourly", Ids=["1"])
    box("DeleteRule", Name="hourly")
    box.pass_time(86_400)
    assert fired(box) == []


def test_a_rule_with_a_schedule_and_a_pattern_has_both_and_one_without_a_pattern_matches_nothing(box: Box) -> None:
    assert own.wants(box.tables, "shop", None) is False
    box("PutRule", Name="hourly", ScheduleExpression="rate(1 hour)", EventPattern='{"source": ["shop"]}')
    found = box("DescribeRule", Name="hourly")
    assert (found["ScheduleExpression"], found["EventPattern"]) == ("rate(1 hour)", '{"source": ["shop"]}')
    box("PutEvents", Entries=[{"Source": "shop", "DetailType": "x", "Detail": "{}"}])
    assert box.call is not None and len(box.call.deliveries) == 1
    box("PutRule", Name="hourly", EventPattern='{"source": ["shop"]}')
    assert box.tick() is None
    assert "ScheduleExpression" not in box("DescribeRule", Name="hourly")


def test_only_the_default_bus_has_schedules(box: Box) -> None:
    box("CreateEventBus", Name="other")
    with pytest.raises(ServiceError, match="only on the default event bus"):
        box("PutRule", Name="r", EventBusName="other", ScheduleExpression="rate(1 hour)")
