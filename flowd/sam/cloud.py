"""Queues, topics, tables, buckets, buses and rules of a template: which calls of the embedded services make them.

Every call may be made again and again: it makes what is absent and changes what may be changed. Nothing here calls.
Source: the resource types' pages of the CloudFormation and SAM references.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from flowd.sam.intrinsics import Unresolvable
from flowd.sam.project import UNSUPPORTED, SamResource, Step
from flowd.sam.resources import Template

CONNECTION: Final = "AWS::Events::Connection"
#: In which order resources are made: what is referred to comes first.
ORDER: Final = (
    "AWS::S3::Bucket",
    "AWS::Events::EventBus",
    CONNECTION,
    "AWS::Events::ApiDestination",
    "AWS::SQS::Queue",
    "AWS::SNS::Topic",
    "AWS::DynamoDB::Table",
    "AWS::Serverless::SimpleTable",
    "AWS::Events::Archive",
    "AWS::Events::Rule",
    "AWS::SNS::Subscription",
)


class Wrong(Exception):
    """A property cannot be taken; the resource is refused for it."""

    def __init__(self, property_name: str, message: str) -> None:
        super().__init__(message)
        self.property = property_name


class Given:
    """The properties of one resource, resolved; what nobody asked for is said to be left out."""

    def __init__(self, template: Template, logical_id: str, properties: Mapping[str, Any] | None = None) -> None:
        self.template = template
        self.logical_id = logical_id
        self.name = template.name_of(logical_id)
        self.type = template.type_of(logical_id)
        found = template.resolved(logical_id) if properties is None else template.resolver.value(dict(properties))
        if not isinstance(found, dict):
            raise Unresolvable("Properties must be a mapping, not one function")
        self._values: dict[str, Any] = found
        self._asked: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self._asked.add(name)
        return self._values.get(name, default)

    def texts(self, names: Iterable[str]) -> dict[str, str]:
        """Those properties that are there, as the texts that attributes of queues and topics are."""
        found = {name: self.get(name) for name in names}
        return {name: as_text(value) for name, value in found.items() if value is not None}

    def tags(self) -> dict[str, str]:
        """`[{Key, Value}]`, or a mapping as SAM has it."""
        given = self.get("Tags") or {}
        if isinstance(given, list):
            return {str(tag["Key"]): as_text(tag["Value"]) for tag in given if isinstance(tag, dict) and "Key" in tag}
        return {str(key): as_text(value) for key, value in given.items()}

    def ignore(self, *names: str) -> None:
        """Properties without meaning on one box."""
        self._asked.update(names)

    @property
    def left_out(self) -> list[str]:
        return sorted(set(self._values) - self._asked)


def as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def read_resource(template: Template, logical_id: str, source: str) -> SamResource | None:
    """The resource, or None when it is refused; the reason is in the template's problems."""
    path = ("Resources", logical_id, "Properties")
    if _is_elsewhere(template, logical_id):
        template.unsupported(logical_id, _ELSEWHERE, *path)
        return None
    try:
        given = Given(template, logical_id)
        steps = _MAKERS[given.type](given)
    except Wrong as wrong:
        template.refuse(logical_id, str(wrong), *path, wrong.property)
        return None
    except Unresolvable as problem:
        template.refuse(logical_id, problem.message, *path, code=UNSUPPORTED)
        return None
    for name in given.left_out:
        template.unsupported(logical_id, f"the property {name} of {given.type} is left out", *path, name)
    return SamResource(
        name=given.name,
        resource=logical_id,
        type=given.type,
        steps=tuple(steps),
        undo=undo(steps),
        source=source,
        line=template.document.where("Resources", logical_id).line,
    )


_ELSEWHERE: Final = "its secret is kept by AWS: give flowd.toml a section [connections.NAME] with the connection's name"


def _is_elsewhere(template: Template, logical_id: str) -> bool:
    """True for a connection whose secret is a dynamic reference: the settings have one of its name."""
    given = template.properties(logical_id) if template.type_of(logical_id) == CONNECTION else {}
    return "{{resolve:" in json.dumps(given, default=str)


def undo(steps: Iterable[Step]) -> tuple[Step, ...]:
    """What ends a rule or a subscription, the latest first; queues, topics, tables, buckets and buses stay."""
    found: list[Step] = []
    for step in steps:
        on = {name: step.members[name] for name in ("EventBusName",) if name in step.members}
        if step.operation == "Subscribe":
            found.append(Step("sns", "Unsubscribe", {}, takes={"SubscriptionArn": "SubscriptionArn"}))
        elif step.operation == "PutRule":
            found.append(Step("events", "DeleteRule", {"Name": step.members["Name"], **on}))
        elif step.operation == "PutTargets":
            ids = [target["Id"] for target in step.members["Targets"]]
            found.append(Step("events", "RemoveTargets", {"Rule": step.members["Rule"], **on, "Ids": ids}, GONE))
    return tuple(reversed(found))


# -- one maker per type --------------------------------------------------------------------


def _queue(given: Given) -> list[Step]:
    attributes = given.texts(
        (
            *("ContentBasedDeduplication", "DeduplicationScope", "DelaySeconds", "FifoThroughputLimit"),
            *("KmsDataKeyReusePeriodSeconds", "KmsMasterKeyId", "MaximumMessageSize", "MessageRetentionPeriod"),
            *("ReceiveMessageWaitTimeSeconds", "RedriveAllowPolicy", "RedrivePolicy", "SqsManagedSseEnabled"),
            "VisibilityTimeout",
        )
    )
    fifo = as_text(given.get("FifoQueue", False)) == "true"
    given.ignore("QueueName")
    url = f"http://flowd/0/{given.name}"
    steps = [Step("sqs", "CreateQueue", {"QueueName": given.name, "Attributes": {"FifoQueue": "true"} if fifo else {}})]
    if attributes:
        steps.append(Step("sqs", "SetQueueAttributes", {"QueueUrl": url, "Attributes": attributes}))
    if tags := given.tags():
        steps.append(Step("sqs", "TagQueue", {"QueueUrl": url, "Tags": tags}))
    return steps


def _topic(given: Given) -> list[Step]:
    fifo = as_text(given.get("FifoTopic", False)) == "true"
    attributes = given.texts(
        (
            *("ContentBasedDeduplication", "DisplayName", "FifoThroughputScope", "KmsMasterKeyId"),
            *("SignatureVersion", "TracingConfig"),
        )
    )
    given.ignore("TopicName", "DeliveryStatusLogging")
    arn = arn_of(given, "sns", given.name)
    steps = [Step("sns", "CreateTopic", {"Name": given.name, "Attributes": {"FifoTopic": "true"} if fifo else {}})]
    for name, value in attributes.items():
        members = {"TopicArn": arn, "AttributeName": name, "AttributeValue": value}
        steps.append(Step("sns", "SetTopicAttributes", members))
    if tags := given.tags():
        listed = [{"Key": key, "Value": value} for key, value in tags.items()]
        steps.append(Step("sns", "TagResource", {"ResourceArn": arn, "Tags": listed}))
    for each in given.get("Subscription") or ():
        steps += subscribe(arn, str(each.get("Protocol")), str(each.get("Endpoint")), {})
    return steps


def _subscription(given: Given) -> list[Step]:
    topic, protocol, endpoint = given.get("TopicArn"), given.get("Protocol"), given.get("Endpoint")
    for name, value in (("TopicArn", topic), ("Protocol", protocol), ("Endpoint", endpoint)):
        if not isinstance(value, str):
            raise Wrong(name, f"{name} must be given, as a text")
    given.ignore("Region", "SubscriptionRoleArn")
    attributes = given.texts(("FilterPolicyScope", "FilterPolicy", "RawMessageDelivery", "RedrivePolicy"))
    attributes |= given.texts(("DeliveryPolicy",))
    return subscribe(topic, protocol, endpoint, attributes)


def subscribe(topic: str, protocol: str, endpoint: str, attributes: Mapping[str, str]) -> list[Step]:
    """A subscription that is there already is found again by topic, protocol and endpoint."""
    members = {"TopicArn": topic, "Protocol": protocol, "Endpoint": endpoint, "ReturnSubscriptionArn": True}
    takes = {"SubscriptionArn": "SubscriptionArn"}
    steps = [Step("sns", "Subscribe", members)]
    for name, value in attributes.items():
        change = {"AttributeName": name, "AttributeValue": value}
        steps.append(Step("sns", "SetSubscriptionAttributes", change, takes=takes))
    return steps


def _table(given: Given) -> list[Step]:
    given.ignore(
        *("TableName", "TableClass", "DeletionProtectionEnabled", "PointInTimeRecoverySpecification"),
        *("SSESpecification", "ContributorInsightsSpecification", "ResourcePolicy", "OnDemandThroughput"),
    )
    members: dict[str, Any] = {"TableName": given.name}
    for name in ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
        if (value := given.get(name)) is not None:
            members[name] = value
    if "KeySchema" not in members:
        raise Wrong("KeySchema", "KeySchema must be given")
    members["BillingMode"] = given.get("BillingMode", "PROVISIONED")
    if members["BillingMode"] == "PROVISIONED":
        units = given.get("ProvisionedThroughput") or {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}
        members["ProvisionedThroughput"] = {key: int(value) for key, value in units.items()}
    if stream := given.get("StreamSpecification"):
        members["StreamSpecification"] = {"StreamEnabled": True, **stream}
    tags = [{"Key": key, "Value": value} for key, value in given.tags().items()]
    steps = [Step("dynamodb", "CreateTable", {**members, **({"Tags": tags} if tags else {})}, EXISTS)]
    if stream:  # of a table that was there without one
        change = {"TableName": given.name, "StreamSpecification": members["StreamSpecification"]}
        steps.append(Step("dynamodb", "UpdateTable", change, ("ValidationException",)))
    if (ttl := given.get("TimeToLiveSpecification")) is not None:
        change = {"TableName": given.name, "TimeToLiveSpecification": ttl}
        steps.append(Step("dynamodb", "UpdateTimeToLive", change, ("ValidationException",)))
    return steps


GONE: Final = ("ResourceNotFoundException",)
#: What a service answers where the thing is there already; it stays as it is.
EXISTS: Final = ("ResourceInUseException", "ResourceAlreadyExistsException", "BucketAlreadyOwnedByYou")
_KEY_TYPES: Final = {"String": "S", "Number": "N", "Binary": "B"}


def _simple_table(given: Given) -> list[Step]:
    """SAM specification, AWS::Serverless::SimpleTable: one key, `id` of the type String unless said otherwise."""
    given.ignore("TableName", "SSESpecification", "PointInTimeRecoverySpecification")
    key = given.get("PrimaryKey") or {}
    name, kind = str(key.get("Name", "id")), str(key.get("Type", "String"))
    if kind not in _KEY_TYPES:
        raise Wrong("PrimaryKey", f"the Type of the key is {kind!r}; allowed: {', '.join(_KEY_TYPES)}")
    units = given.get("ProvisionedThroughput")
    tags = [{"Key": key, "Value": value} for key, value in given.tags().items()]
    members: dict[str, Any] = {
        "TableName": given.name,
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": _KEY_TYPES[kind]}],
        "KeySchema": [{"AttributeName": name, "KeyType": "HASH"}],
        "BillingMode": "PROVISIONED" if units else "PAY_PER_REQUEST",
    }
    if units:
        members["ProvisionedThroughput"] = {key: int(value) for key, value in units.items()}
    return [Step("dynamodb", "CreateTable", {**members, **({"Tags": tags} if tags else {})}, EXISTS)]


def _bucket(given: Given) -> list[Step]:
    given.ignore(
        *("BucketName", "AccessControl", "BucketEncryption", "OwnershipControls", "PublicAccessBlockConfiguration"),
        *("Tags", "VersioningConfiguration", "LoggingConfiguration", "NotificationConfiguration"),
    )
    return [Step("s3", "CreateBucket", {"Bucket": given.name}, EXISTS)]


def _bus(given: Given) -> list[Step]:
    given.ignore("Name", "Policy", "Tags", "KmsKeyIdentifier", "DeadLetterConfig", "LogConfig")
    members = {"Name": given.name, **given.texts(("Description",))}
    return [Step("events", "CreateEventBus", members, EXISTS)]


def _connection(given: Given) -> list[Step]:
    """One of the settings that has its name is taken as it is."""
    given.ignore("Name", "KmsKeyIdentifier", "InvocationConnectivityParameters")
    facts = {name: given.get(name) for name in ("AuthorizationType", "AuthParameters", "Description")}
    members = {"Name": given.name, **{name: value for name, value in facts.items() if value is not None}}
    return [
        Step("events", "CreateConnection", members, EXISTS),
        Step("events", "UpdateConnection", members, ("AccessDeniedException",)),
    ]


def _api_destination(given: Given) -> list[Step]:
    given.ignore("Name")
    names = ("ConnectionArn", "Description", "HttpMethod", "InvocationEndpoint", "InvocationRateLimitPerSecond")
    facts = {name: given.get(name) for name in names}
    members = {"Name": given.name, **{name: value for name, value in facts.items() if value is not None}}
    return [
        Step("events", "CreateApiDestination", members, EXISTS),
        Step("events", "UpdateApiDestination", members),
    ]


def _archive(given: Given) -> list[Step]:
    """What it holds stays when its line goes, as the data of a table do."""
    given.ignore("ArchiveName", "KmsKeyIdentifier")
    facts: dict[str, Any] = given.texts(("Description", "EventPattern"))
    days = given.get("RetentionDays")
    if days is not None:
        if not as_text(days).isdecimal():
            raise Wrong("RetentionDays", f"RetentionDays is {as_text(days)}; it must be a whole number, 0 for ever")
        facts["RetentionDays"] = int(as_text(days))
    bus = given.get("SourceArn")
    if not isinstance(bus, str):
        raise Wrong("SourceArn", "SourceArn must be given: the ARN of an event bus")
    return [
        Step("events", "CreateArchive", {"ArchiveName": given.name, "EventSourceArn": bus, **facts}, EXISTS),
        Step("events", "UpdateArchive", {"ArchiveName": given.name, **facts}),
    ]


def _rule(given: Given) -> list[Step]:
    """A rule with a pattern; one with a schedule is a schedule (`sam.triggers`)."""
    given.ignore("Name", "RoleArn", "ScheduleExpression")
    bus, pattern = given.get("EventBusName"), given.get("EventPattern")
    facts = given.texts(("Description", "State"))
    if pattern is None:
        given.ignore("Targets", "EventBusName")
        return []
    targets = [{"Id": f"Target{number}", **each} for number, each in enumerate(given.get("Targets") or ())]
    return rule(given.name, bus, as_text(pattern), targets, facts)


def rule(name: str, bus: Any, pattern: str, targets: list[dict[str, Any]], facts: Mapping[str, str]) -> list[Step]:
    on = {} if bus is None else {"EventBusName": str(bus)}
    steps = [Step("events", "PutRule", {"Name": name, "EventPattern": pattern, **on, **facts})]
    if targets:
        steps.append(Step("events", "PutTargets", {"Rule": name, **on, "Targets": targets}))
    return steps


def arn_of(given: Given, service: str, name: str) -> str:
    place = given.template.place
    return f"arn:aws:{service}:{place.region}:{place.account}:{name}"


_MAKERS: Final[dict[str, Callable[[Given], list[Step]]]] = {
    "AWS::DynamoDB::Table": _table,
    "AWS::Events::ApiDestination": _api_destination,
    "AWS::Events::Archive": _archive,
    "AWS::Events::EventBus": _bus,
    CONNECTION: _connection,
    "AWS::Events::Rule": _rule,
    "AWS::S3::Bucket": _bucket,
    "AWS::SNS::Subscription": _subscription,
    "AWS::SNS::Topic": _topic,
    "AWS::SQS::Queue": _queue,
    "AWS::Serverless::SimpleTable": _simple_table,
}
