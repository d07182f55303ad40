"""Amazon EventBridge: buses, rules with the whole grammar of patterns or a schedule, targets. Pure.

`store` keeps the rows.
"""

from __future__ import annotations

from typing import Final

from flowd.services.events import (
    archives,
    buses,
    connections,
    destinations,
    events,
    replays,
    rules,
    scheduled,
    tagging,
    targets,
)
from flowd.services.events.tables import Tables
from flowd.services.modelled import modelled
from flowd.services.ports import Call, Service


def _tick(tables: Tables, call: Call) -> int | None:
    """What time brings: schedules, replays that go on, archived events that are too old."""
    due = [tick(tables, call) for tick in (scheduled.tick, replays.tick, archives.tick)]
    return min((each for each in due if each is not None), default=None)


SERVICE: Final[Service[Tables]] = Service(
    name="events",
    operations=modelled(
        "events",
        {
            "CancelReplay": replays.cancel_replay,
            "CreateArchive": archives.create_archive,
            "CreateApiDestination": destinations.create_api_destination,
            "CreateConnection": connections.create_connection,
            "CreateEventBus": buses.create_event_bus,
            "DeauthorizeConnection": connections.deauthorize_connection,
            "DeleteApiDestination": destinations.delete_api_destination,
            "DeleteConnection": connections.delete_connection,
            "DeleteEventBus": buses.delete_event_bus,
            "DeleteRule": rules.delete_rule,
            "DescribeApiDestination": destinations.describe_api_destination,
            "DescribeConnection": connections.describe_connection,
            "DescribeEventBus": buses.describe_event_bus,
            "DescribeRule": rules.describe_rule,
            "DisableRule": rules.disable_rule,
            "EnableRule": rules.enable_rule,
            "ListApiDestinations": destinations.list_api_destinations,
            "ListConnections": connections.list_connections,
            "ListEventBuses": buses.list_event_buses,
            "ListRuleNamesByTarget": rules.list_rule_names_by_target,
            "ListRules": rules.list_rules,
            "ListTagsForResource": tagging.list_tags_for_resource,
            "ListTargetsByRule": targets.list_targets_by_rule,
            "PutEvents": events.put_events,
            "PutRule": rules.put_rule,
            "PutTargets": targets.put_targets,
            "RemoveTargets": targets.remove_targets,
            "TagResource": tagging.tag_resource,
            "TestEventPattern": events.test_event_pattern,
            "UntagResource": tagging.untag_resource,
            "UpdateApiDestination": destinations.update_api_destination,
            "UpdateConnection": connections.update_connection,
            "DeleteArchive": archives.delete_archive,
            "DescribeArchive": archives.describe_archive,
            "DescribeReplay": replays.describe_replay,
            "ListArchives": archives.list_archives,
            "ListReplays": replays.list_replays,
            "StartReplay": replays.start_replay,
            "UpdateArchive": archives.update_archive,
            "UpdateEventBus": buses.update_event_bus,
        },
    ),
    reads=frozenset(
        {
            *("DescribeArchive", "DescribeReplay", "ListArchives", "ListReplays"),
            *("DescribeEventBus", "DescribeRule", "ListEventBuses", "ListRuleNamesByTarget", "ListRules"),
            *("DescribeApiDestination", "DescribeConnection", "ListApiDestinations", "ListConnections"),
            *("ListTagsForResource", "ListTargetsByRule", "TestEventPattern"),
        }
    ),
    tick=_tick,
    accept=events.accept,
)
