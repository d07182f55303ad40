"""What calls a function or starts a machine: its `Events` but for schedules, and resources that say so themselves.

An event becomes what it stands for: a rule with a target, a subscription, a queue that is polled, or a schedule.
Source: SAM specification, event source types; CloudFormation, the resource types' own pages.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from flowd.names import split_arn
from flowd.sam.cloud import Given, Wrong, arn_of, as_text, rule, subscribe, undo
from flowd.sam.events import read_schedule
from flowd.sam.intrinsics import Unresolvable
from flowd.sam.notifications import told
from flowd.sam.project import UNSUPPORTED, SamResource, SamSource, Step
from flowd.sam.resources import Template
from flowd.sam.routes import KINDS
from flowd.sam.schedules import SamSchedule

_MOST_BATCH: Final = 10_000
_LATER: Final = {
    "Kinesis": "there is no Kinesis in flowd",
}


class _Made(NamedTuple):
    """What an event becomes: a queue or stream that is read, and what a service must hold for it."""

    name: str = ""
    steps: Sequence[Step] = ()
    source: SamSource | None = None


class Triggers(NamedTuple):
    """Of one function, machine or resource."""

    resources: tuple[SamResource, ...] = ()
    sources: tuple[SamSource, ...] = ()


class _Event(NamedTuple):
    """One event of a function or machine."""

    given: Given
    event_id: str
    target: str  # ARN
    source: str
    line: int

    @property
    def name(self) -> str:
        return f"{self.given.logical_id}{self.event_id}"


def read_triggers(template: Template, logical_id: str, target: str, source: str) -> Triggers:
    """The events of a function or machine with the ARN `target`; what cannot be one is in the template's problems."""
    events = template.properties(logical_id).get("Events")
    resources: list[SamResource] = []
    sources: list[SamSource] = []
    for event_id, event in events.items() if isinstance(events, dict) else ():
        kind = str(event.get("Type")) if isinstance(event, dict) else "(none)"
        if kind in ("Schedule", "ScheduleV2", *KINDS):
            continue
        path = ("Resources", logical_id, "Properties", "Events", event_id)
        try:
            made = _read(template, logical_id, event_id, kind, event, target, source)
        except Wrong as wrong:
            template.problem("ERROR", logical_id, f"the event {event_id}: {wrong}", *path, "Properties", wrong.property)
            continue
        except Unresolvable as problem:
            template.problem("ERROR", logical_id, f"the event {event_id}: {problem.message}", *path, code=UNSUPPORTED)
            continue
        if made is None:
            reason = _LATER.get(kind, "no such event is known")
            message = f"the event {event_id} of type {kind} is not supported: {reason}"
            template.unsupported(logical_id, message, *path)
            continue
        if made.source is not None:
            sources.append(made.source)
        if made.steps:
            line = template.document.where(*path).line
            name = f"{logical_id}/{event_id}"
            resources.append(
                SamResource(
                    name=made.name,
                    resource=name,
                    type=kind,
                    steps=tuple(made.steps),
                    undo=undo(made.steps),
                    source=source,
                    line=line,
                )
            )
    return Triggers(tuple(resources), tuple(sources))


def _read(
    template: Template, logical_id: str, event_id: str, kind: str, event: Any, target: str, source: str
) -> _Made | None:
    reader = _EVENTS.get(kind)
    if reader is None:
        return None
    properties = event.get("Properties")
    path = ("Resources", logical_id, "Properties", "Events", event_id)
    given = Given(template, logical_id, properties if isinstance(properties, dict) else {})
    made = reader(_Event(given, event_id, target, source, template.document.where(*path).line))
    for name in given.left_out:
        message = f"the event {event_id}: {name} is not supported and left out"
        template.unsupported(logical_id, message, *path, "Properties", name)
    return made


def _from_rule(event: _Event) -> _Made:
    """EventBridgeRule, and CloudWatchEvent, which is its older name."""
    given = event.given
    pattern = given.get("Pattern", given.get("EventPattern"))
    if pattern is None:
        raise Wrong("", "Pattern must be given")
    target: dict[str, Any] = {"Arn": event.target, **given.texts(("Input", "InputPath"))}
    for name in ("InputTransformer", "RetryPolicy"):
        if (value := given.get(name)) is not None:
            target[name] = value
    queue = given.get("DeadLetterConfig") or {}
    if "Arn" in queue:
        target["DeadLetterConfig"] = {"Arn": queue["Arn"]}
    target.update({"Id": (given.get("Target") or {}).get("Id", "Target")})
    name = str(given.get("RuleName") or f"{given.template.place.stack}-{event.name}")
    steps = rule(name, given.get("EventBusName"), as_text(pattern), [target], given.texts(("State",)))
    return _Made(name, steps)


def _from_topic(event: _Event) -> _Made:
    given = event.given
    topic = given.get("Topic")
    if not isinstance(topic, str):
        raise Wrong("Topic", "Topic must be the ARN of a topic")
    attributes = given.texts(("FilterPolicyScope", "FilterPolicy", "RedrivePolicy"))
    if (between := given.get("SqsSubscription")) and as_text(between) != "false":
        return _by_queue(event, topic, between if isinstance(between, dict) else {}, attributes)
    return _Made(topic, subscribe(topic, "lambda", event.target, attributes))


def _by_queue(event: _Event, topic: str, said: dict[str, Any], attributes: dict[str, str]) -> _Made:
    """SqsSubscription: a queue hears the topic, the one that is named or one of its own, and calls the function."""
    given = Given(event.given.template, event.given.logical_id, said)
    queue = given.get("QueueArn")
    given.ignore("QueueUrl", "QueuePolicyLogicalId")
    steps: list[Step] = []
    if queue is None:
        name = f"{given.template.place.stack}-{event.name}Queue"
        queue = arn_of(given, "sqs", name)
        steps.append(Step("sqs", "CreateQueue", {"QueueName": name}, ("QueueNameExists",)))
    source = source_of(given, queue, "Queue", event.target, event.name, event.source, event.line)
    return _Made(topic, [*steps, *subscribe(topic, "sqs", str(queue), attributes)], source)


def _from_queue(event: _Event) -> _Made:
    return _reads(event, "Queue")


def _from_stream(event: _Event) -> _Made:
    return _reads(event, "Stream")


def _reads(event: _Event, member: str) -> _Made:
    origin = event.given.get(member)
    return _Made(source=source_of(event.given, origin, member, event.target, event.name, event.source, event.line))


def source_of(given: Given, origin: Any, member: str, function: str, name: str, source: str, line: int) -> SamSource:
    """The queue or stream `origin`, which `member` names, that calls `function`. Raises Wrong."""
    arn = split_arn(origin) if isinstance(origin, str) else None
    streams = arn is not None and arn.service == "dynamodb" and "/stream/" in arn.resource
    if arn is None or not (streams or arn.service == "sqs"):
        raise Wrong(
            member, f"{member} must be the ARN of a queue or of a table's stream: only those call functions here"
        )
    if member == ("Queue" if streams else "Stream"):
        raise Wrong(member, f"{member} is the ARN of a {'stream' if streams else 'queue'}")
    made = SamSource(
        name=name,
        arn=str(origin),
        function=str(function).rpartition(":function:")[2].partition(":")[0],
        batch_size=_whole(given, "BatchSize", 100 if streams else 10, 1, _MOST_BATCH),
        window_s=_whole(given, "MaximumBatchingWindowInSeconds", 0, 0, 300),
        partial="ReportBatchItemFailures" in (given.get("FunctionResponseTypes") or ()),
        filters=_filters(given),
        at_once=_at_once(given),
        enabled=as_text(given.get("Enabled", True)) == "true",
        source=source,
        line=line,
    )
    given.ignore("MetricsConfig", "Tags", "KmsKeyArn")
    return _stream(given, made) if streams else made


def _at_once(given: Given) -> int:
    """MaximumConcurrency of a queue; 0 = none is said."""
    said = given.get("ScalingConfig")
    text = as_text(said.get("MaximumConcurrency", 0)) if isinstance(said, dict) else "0"
    if text != "0" and not (text.isdecimal() and 2 <= int(text) <= 1000):
        raise Wrong("ScalingConfig", f"MaximumConcurrency is {text}; it must be a whole number from 2 to 1,000")
    return int(text)


def _stream(given: Given, made: SamSource) -> SamSource:
    """What only streams have. One shard is read by one reader, so ParallelizationFactor says nothing here."""
    start = given.get("StartingPosition")
    if start not in ("TRIM_HORIZON", "LATEST"):
        raise Wrong("StartingPosition", f"StartingPosition is {start}; it must be TRIM_HORIZON or LATEST")
    if as_text(given.get("TumblingWindowInSeconds", 0)) != "0":
        raise Wrong("TumblingWindowInSeconds", "tumbling windows are not built in flowd")
    given.ignore("ParallelizationFactor")
    failed_to = ((given.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination", "")
    arn = split_arn(failed_to) if failed_to else None
    if failed_to and (arn is None or arn.service not in ("sqs", "sns")):
        raise Wrong("DestinationConfig", f"OnFailure is {failed_to}; it must be the ARN of a queue or topic")
    return msgspec.structs.replace(
        made,
        latest=start == "LATEST",
        retries=_whole(given, "MaximumRetryAttempts", -1, -1, 10_000),
        oldest_s=_whole(given, "MaximumRecordAgeInSeconds", -1, -1, 604_800),
        bisect=as_text(given.get("BisectBatchOnFunctionError", False)) == "true",
        failed_to=failed_to,
    )


def _whole(given: Given, member: str, otherwise: int, least: int, most: int) -> int:
    text = as_text(given.get(member, otherwise))
    if not text.removeprefix("-").isdecimal() or not least <= int(text) <= most:
        raise Wrong(member, f"{member} is {text}; it must be a whole number from {least} to {most:,}")
    return int(text)


def _filters(given: Given) -> tuple[str, ...]:
    """The patterns of FilterCriteria, as texts; whether they are sound is for the engine to say."""
    said = given.get("FilterCriteria")
    filters = said.get("Filters", []) if isinstance(said, dict) else [] if said is None else None
    if not isinstance(filters, list) or not all(isinstance(each, dict) and "Pattern" in each for each in filters):
        raise Wrong("FilterCriteria", "FilterCriteria has Filters, a list of objects with a Pattern each")
    return tuple(as_text(each["Pattern"]) for each in filters)


def _from_bucket(event: _Event) -> _Made:
    """A bucket tells EventBridge; the rule makes the event of it that S3 itself would send to a function."""
    given = event.given
    bucket, kinds = given.get("Bucket"), given.get("Events")
    if not isinstance(bucket, str):
        raise Wrong("Bucket", "Bucket must be given")
    rules = ((given.get("Filter") or {}).get("S3Key") or {}).get("Rules") or ()
    name = f"{given.template.place.stack}-{event.name}"
    return _Made(name, told(name, bucket, kinds, rules, event.target))


_EVENTS: Final[dict[str, Callable[[_Event], _Made]]] = {
    "CloudWatchEvent": _from_rule,
    "DynamoDB": _from_stream,
    "EventBridgeRule": _from_rule,
    "S3": _from_bucket,
    "SNS": _from_topic,
    "SQS": _from_queue,
}


# -- resources of their own --------------------------------------------------------------


def read_mapping(template: Template, logical_id: str, source: str) -> SamSource | None:
    """AWS::Lambda::EventSourceMapping."""
    path = ("Resources", logical_id, "Properties")
    try:
        given = Given(template, logical_id)
        function = given.get("FunctionName")
        if not isinstance(function, str):
            raise Wrong("FunctionName", "FunctionName must be given")
        line = template.document.where(*path).line
        queue = given.get("EventSourceArn")
        return source_of(given, queue, "EventSourceArn", function, logical_id, source, line)
    except Wrong as wrong:
        template.refuse(logical_id, str(wrong), *path, wrong.property)
    except Unresolvable as problem:
        template.refuse(logical_id, problem.message, *path, code=UNSUPPORTED)
    return None


def read_scheduled(template: Template, logical_id: str, source: str) -> list[SamSchedule]:
    """AWS::Scheduler::Schedule, and AWS::Events::Rule with a ScheduleExpression: one schedule for each target."""
    rules = template.type_of(logical_id) == "AWS::Events::Rule"
    properties = template.properties(logical_id)
    if rules and "ScheduleExpression" not in properties:
        return []
    targets = properties.get("Targets") if rules else [properties.get("Target")]
    schedules: list[SamSchedule] = []
    for number, target in enumerate(targets if isinstance(targets, list) else ()):
        arn = _target(template, logical_id, target)
        if arn is None:
            continue
        given = {name: value for name, value in properties.items() if name not in ("Target", "Targets")}
        given["Name"] = template.name_of(logical_id) + (f"-{number}" if number else "")
        if rules:
            given["Schedule"] = given.pop("ScheduleExpression")
        given |= {name: target[name] for name in ("Input", "RetryPolicy") if name in target}
        schedules += read_schedule(template, logical_id, "rule" if rules else "scheduler", arn, source, given)
    return schedules


def _target(template: Template, logical_id: str, target: Any) -> str | None:
    """The name of a machine, or the ARN of something else that a delivery can be brought to."""
    path = ("Resources", logical_id, "Properties")
    try:
        text = template.resolver.text(target.get("Arn")) if isinstance(target, dict) else ""
    except Unresolvable as problem:
        template.refuse(logical_id, problem.message, *path, code=UNSUPPORTED)
        return None
    arn = split_arn(text)
    if arn is not None and arn.service == "states" and arn.resource.startswith("stateMachine:"):
        return arn.resource.split(":")[1]
    if arn is not None and arn.service in ("lambda", "sqs", "sns", "events"):
        return text
    template.refuse(logical_id, f"nothing here can be started through the target {text or '(none)'}", *path)
    return None
