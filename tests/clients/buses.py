"""Amazon EventBridge: buses, rules, targets, archives, replays, connections and API destinations."""

from __future__ import annotations

import json
from typing import Any, Final

from tests.clients.rows import At, Calls

events, sqs = Calls("events"), Calls("sqs")
ARN: Final = "arn:aws:events:us-east-1:000000000000"
BUS: Final = f"{ARN}:event-bus/shop"
PATTERN: Final = json.dumps({"source": ["shop"]})
LOST: Final = "ResourceNotFoundException"
EXISTS: Final = "ResourceAlreadyExistsException"
WRONG: Final = "ValidationException"
RULE: Final = {"Rule": "paid", "EventBusName": "shop"}
NAMED: Final = {"Name": "paid", "EventBusName": "shop"}
NO_RULE: Final = {"Name": "none", "EventBusName": "shop"}
KEY: Final = {
    "AuthorizationType": "API_KEY",
    "AuthParameters": {"ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "secret"}},
}
EVENT: Final = {
    "id": "1", "detail-type": "t", "source": "shop", "account": "000000000000", "time": "2026-01-01T00:00:00Z",
    "region": "us-east-1", "resources": [], "detail": {},
}  # fmt: skip


def replay(name: str, **members: Any) -> dict[str, Any]:
    return {
        "ReplayName": name,
        "EventSourceArn": f"{ARN}:archive/all",
        "EventStartTime": At(1_600_000_000),
        "EventEndTime": At(1_700_000_000),
        "Destination": {"Arn": BUS},
        **members,
    }


_BUSES: Final = [
    sqs.good("CreateQueue", {"QueueName": "told"}, queue="QueueUrl"),
    sqs.good(
        "GetQueueAttributes", {"QueueUrl": "<queue>", "AttributeNames": ["QueueArn"]}, queue_arn="Attributes.QueueArn"
    ),
    events.good("CreateEventBus", {"Name": "shop"}, "EventBusArn"),
    events.bad("CreateEventBus", EXISTS, Name="shop"),
    events.good("UpdateEventBus", {"Name": "shop", "Description": "of the shop"}),
    events.bad("UpdateEventBus", LOST, Name="none", Description="x"),
    events.good("DescribeEventBus", {"Name": "shop"}, "Description == 'of the shop'"),
    events.bad("DescribeEventBus", LOST, Name="none"),
    events.good("ListEventBuses", {}, "length(EventBuses) == `2`"),
    events.bad("ListEventBuses", WRONG, Limit=101),
    events.good("PutRule", {**NAMED, "EventPattern": PATTERN}, rule="RuleArn"),
    events.bad("PutRule", "InvalidEventPatternException", **NO_RULE, EventPattern='{"source": "shop"}'),
    events.bad("PutRule", LOST, Name="paid", EventBusName="none", EventPattern=PATTERN),
    events.bad("PutRule", WRONG, Name="none", ScheduleExpression="rate(0 minutes)"),
    events.good("DescribeRule", NAMED, "State == 'ENABLED'"),
    events.bad("DescribeRule", LOST, **NO_RULE),
    events.good("DisableRule", NAMED),
    events.bad("DisableRule", LOST, **NO_RULE),
    events.good("EnableRule", NAMED),
    events.bad("EnableRule", LOST, **NO_RULE),
    events.good("ListRules", {"EventBusName": "shop"}, "length(Rules) == `1`"),
    events.bad("ListRules", LOST, EventBusName="none"),
    events.good("PutTargets", {**RULE, "Targets": [{"Id": "1", "Arn": "<queue_arn>"}]}, "FailedEntryCount == `0`"),
    events.bad("PutTargets", LOST, Rule="none", Targets=[{"Id": "1", "Arn": "<queue_arn>"}]),
    events.good("ListTargetsByRule", RULE, "Targets[0].Id == '1'"),
    events.bad("ListTargetsByRule", LOST, Rule="none"),
    events.good(
        "ListRuleNamesByTarget", {"TargetArn": "<queue_arn>", "EventBusName": "shop"}, "RuleNames[0] == 'paid'"
    ),
    events.bad("ListRuleNamesByTarget", LOST, TargetArn="<queue_arn>", EventBusName="none"),
    events.good("TagResource", {"ResourceARN": "<rule>", "Tags": [{"Key": "team", "Value": "a"}]}),
    events.bad("TagResource", LOST, ResourceARN="<rule>-none", Tags=[{"Key": "team", "Value": "a"}]),
    events.good("ListTagsForResource", {"ResourceARN": "<rule>"}, "Tags[0].Value == 'a'"),
    events.bad("ListTagsForResource", LOST, ResourceARN="<rule>-none"),
    events.good("UntagResource", {"ResourceARN": "<rule>", "TagKeys": ["team"]}),
    events.bad("UntagResource", LOST, ResourceARN="<rule>-none", TagKeys=["team"]),
    events.good("TestEventPattern", {"EventPattern": PATTERN, "Event": json.dumps(EVENT)}, "Result"),
    events.bad("TestEventPattern", "InvalidEventPatternException", EventPattern="{", Event=json.dumps(EVENT)),
]
_ARCHIVES: Final = [
    events.good("CreateArchive", {"ArchiveName": "all", "EventSourceArn": BUS}, "State == 'ENABLED'"),
    events.bad("CreateArchive", EXISTS, ArchiveName="all", EventSourceArn=BUS),
    events.bad("CreateArchive", LOST, ArchiveName="x", EventSourceArn=f"{ARN}:event-bus/none"),
    events.good("UpdateArchive", {"ArchiveName": "all", "RetentionDays": 3}),
    events.bad("UpdateArchive", LOST, ArchiveName="none", RetentionDays=3),
    events.good("DescribeArchive", {"ArchiveName": "all"}, "RetentionDays == `3`"),
    events.bad("DescribeArchive", LOST, ArchiveName="none"),
    events.good("ListArchives", {"NamePrefix": "a"}, "length(Archives) == `1`"),
    events.bad("ListArchives", WRONG, NamePrefix="a", EventSourceArn=BUS),
    events.good(
        "PutEvents",
        {
            "Entries": [
                {"Source": "shop", "DetailType": "Order", "Detail": '{"total": 1}', "EventBusName": "shop"},
                {"Source": "shop", "DetailType": "Order", "Detail": "{", "EventBusName": "shop"},
            ]
        },
        "FailedEntryCount == `1` && Entries[1].ErrorCode == 'MalformedDetail'",
    ),
    events.bad("PutEvents", WRONG, Entries=[{"Source": "s", "DetailType": "t", "Detail": "{}"}] * 11),
    sqs.good(
        "ReceiveMessage", {"QueueUrl": "<queue>", "WaitTimeSeconds": 5}, "contains(Messages[0].Body, '\"total\"')"
    ),
    events.good("StartReplay", replay("again"), "State == 'STARTING' || State == 'RUNNING' || State == 'COMPLETED'"),
    events.bad("StartReplay", EXISTS, **replay("again")),
    events.bad("StartReplay", WRONG, **replay("other", EventEndTime=At(1_500_000_000))),
    events.good("DescribeReplay", {"ReplayName": "again"}, "State == 'COMPLETED'"),
    events.bad("DescribeReplay", LOST, ReplayName="none"),
    events.good("ListReplays", {"NamePrefix": "a"}, "length(Replays) == `1`"),
    events.bad("ListReplays", WRONG, Limit=101),
    # A replay of nothing is over at once: there is no time in which it could be cancelled.
    events.bad("CancelReplay", "IllegalStatusException", ReplayName="again"),
    events.bad("CancelReplay", LOST, ReplayName="none"),
    events.good("DeleteArchive", {"ArchiveName": "all"}),
    events.bad("DeleteArchive", LOST, ArchiveName="all"),
]
_DESTINATIONS: Final = [
    events.good("CreateConnection", {"Name": "crm", **KEY}, connection="ConnectionArn"),
    events.bad("CreateConnection", EXISTS, Name="crm", **KEY),
    events.good("UpdateConnection", {"Name": "crm", "Description": "new"}),
    events.bad("UpdateConnection", LOST, Name="none", Description="new"),
    events.good("DescribeConnection", {"Name": "crm"}, "ConnectionState == 'AUTHORIZED'"),
    events.bad("DescribeConnection", LOST, Name="none"),
    events.good("ListConnections", {}, "length(Connections) == `1`"),
    events.bad("ListConnections", WRONG, Limit=101),
    events.good(
        "CreateApiDestination",
        {
            "Name": "orders",
            "ConnectionArn": "<connection>",
            "InvocationEndpoint": "https://crm.example.org/",
            "HttpMethod": "POST",
        },
        "ApiDestinationState == 'ACTIVE'",
    ),
    events.bad(
        "CreateApiDestination",
        LOST,
        Name="x",
        ConnectionArn=f"{ARN}:connection/none/00000000-0000-0000-0000-000000000000",
        InvocationEndpoint="https://crm.example.org/",
        HttpMethod="POST",
    ),
    events.good("UpdateApiDestination", {"Name": "orders", "HttpMethod": "PUT"}),
    events.bad("UpdateApiDestination", LOST, Name="none", HttpMethod="PUT"),
    events.good("DescribeApiDestination", {"Name": "orders"}, "HttpMethod == 'PUT'"),
    events.bad("DescribeApiDestination", LOST, Name="none"),
    events.good("ListApiDestinations", {}, "length(ApiDestinations) == `1`"),
    events.bad("ListApiDestinations", WRONG, Limit=101),
    events.good("DeleteApiDestination", {"Name": "orders"}),
    events.bad("DeleteApiDestination", LOST, Name="orders"),
    events.good("DeauthorizeConnection", {"Name": "crm"}),
    events.bad("DeauthorizeConnection", LOST, Name="none"),
    events.good("DeleteConnection", {"Name": "crm"}),
    events.bad("DeleteConnection", LOST, Name="crm"),
]
_ENDS: Final = [
    events.bad("DeleteRule", WRONG, **NAMED),
    events.good("RemoveTargets", {**RULE, "Ids": ["1"]}, "FailedEntryCount == `0`"),
    events.bad("RemoveTargets", LOST, Rule="none", Ids=["1"]),
    events.good("DeleteRule", NAMED),
    events.bad("DeleteEventBus", WRONG, Name="default"),
    events.good("DeleteEventBus", {"Name": "shop"}),
]
ROWS: Final = [*_BUSES, *_ARCHIVES, *_DESTINATIONS, *_ENDS]
