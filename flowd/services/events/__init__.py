"""Amazon EventBridge: buses, rules with the whole grammar of patterns or a schedule, targets. Pure.

`store` keeps the rows.
"""

from __future__ import annotations

from typing import Final

from flowd.services.events import buses, connections, destinations, events, rules, scheduled, tagging, targets
from flowd.services.events.tables import Tables
from flowd.services.ports import Service

SERVICE: Final[Service[Tables]] = Service(
    name="events",
    operations={
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
        "UpdateEventBus": buses.update_event_bus,
    },
    reads=frozenset(
        {
            *("DescribeEventBus", "DescribeRule", "ListEventBuses", "ListRuleNamesByTarget", "ListRules"),
            *("DescribeApiDestination", "DescribeConnection", "ListApiDestinations", "ListConnections"),
            *("ListTagsForResource", "ListTargetsByRule", "TestEventPattern"),
        }
    ),
    tick=scheduled.tick,
    accept=events.accept,
)
