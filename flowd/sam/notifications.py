"""What a bucket tells of its objects, and whom: events of functions, its NotificationConfiguration, and the resource by
which the CDK sets one.

Each becomes a rule for EventBridge's event of the bucket, whose target is sent what S3 itself would send. Source: S3
user guide, "Event message structure"; CloudFormation, AWS::S3::Bucket NotificationConfiguration; S3 API reference,
PutBucketNotificationConfiguration, whose spelling the CDK's resource has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from flowd.sam.cloud import Given, Wrong, as_text, rule, undo
from flowd.sam.intrinsics import Unresolvable
from flowd.sam.project import UNSUPPORTED, SamResource, Step
from flowd.sam.resources import BUCKET, Template

CUSTOM: Final = "Custom::S3BucketNotifications"
_PROPERTY: Final = "NotificationConfiguration"
#: Lists of the property and of the API's request, and the member that holds the target's ARN.
_LISTS: Final = {
    "LambdaConfigurations": "Function",
    "QueueConfigurations": "Queue",
    "TopicConfigurations": "Topic",
    "LambdaFunctionConfigurations": "LambdaFunctionArn",
}
_API: Final = {"Queue": "QueueArn", "Topic": "TopicArn"}
_ALWAYS: Final = "EventBridgeConfiguration"  # no switch is needed: rules of the default bus see every bucket
_EVENTS: Final = {"s3:ObjectCreated:": "Object Created", "s3:ObjectRemoved:": "Object Deleted"}
_RECORD: Final = {
    "InputPathsMap": {
        **{"region": "$.region", "time": "$.time", "bucket": "$.detail.bucket.name", "key": "$.detail.object.key"},
        **{"size": "$.detail.object.size", "etag": "$.detail.object.etag"},
    }
}
_NAMES: Final = {"Object Created": "ObjectCreated:Put", "Object Deleted": "ObjectRemoved:Delete"}
_TEMPLATE: Final = (
    '{"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","awsRegion":<region>,"eventTime":<time>,'
    '"eventName":"KIND","s3":{"s3SchemaVersion":"1.0","bucket":{"name":<bucket>,"arn":"arn:aws:s3:::<bucket>"},'
    '"object":{"key":<key>,"size":<size>,"eTag":<etag>}}}]}'
)


def told(name: str, bucket: str, kinds: Any, rules: Iterable[Any], target: str) -> list[Step]:
    """Rules called `name`, `name-1`, ... that tell `target` (an ARN) of events of a bucket.

    `kinds` is one or a list of S3's (`s3:ObjectCreated:*`), `rules` are `{Name, Value}` for prefix and suffix of keys.
    Raises Wrong.
    """
    types: set[str] = set()
    for kind in kinds if isinstance(kinds, list) else [kinds]:
        found = next((event for prefix, event in _EVENTS.items() if str(kind).startswith(prefix)), None)
        if found is None:
            raise Wrong("Events", f"{kind} is not told here; allowed: {', '.join(_EVENTS)} and what begins so")
        types.add(found)
    detail: dict[str, Any] = {"bucket": {"name": [bucket]}}
    wanted = {str(each.get("Name")).lower(): str(each.get("Value")) for each in rules if isinstance(each, dict)}
    if wanted:
        detail["object"] = {"key": [{"wildcard": f"{wanted.get('prefix', '')}*{wanted.get('suffix', '')}"}]}
    steps: list[Step] = []
    for number, event in enumerate(sorted(types)):
        pattern = {"source": ["aws.s3"], "detail-type": [event], "detail": detail}
        said = {**_RECORD, "InputTemplate": _TEMPLATE.replace("KIND", _NAMES[event])}
        to = {"Id": "Target", "Arn": target, "InputTransformer": said}
        steps += rule(name + (f"-{number}" if number else ""), None, as_text(pattern), [to], {})
    return steps


def read_notifications(template: Template, logical_id: str, source: str) -> list[SamResource]:
    """What a bucket, or the CDK's resource for one, tells; what cannot be told is in the template's problems."""
    path = ("Resources", logical_id, "Properties", _PROPERTY)
    if _PROPERTY not in template.properties(logical_id):
        return []
    try:
        given = Given(template, logical_id)
        bucket = given.name if given.type == BUCKET else given.get("BucketName")
        steps = list(_steps(given, str(bucket)))
    except Wrong as wrong:
        template.problem("ERROR", logical_id, str(wrong), *path)
        return []
    except Unresolvable as problem:
        template.problem("ERROR", logical_id, problem.message, *path, code=UNSUPPORTED)
        return []
    line = template.document.where(*path).line
    return [
        SamResource(
            name=each[0].members["Name"],
            resource=f"{logical_id}/{number}",
            type="S3",
            steps=tuple(each),
            undo=undo(each),
            source=source,
            line=line,
        )
        for number, each in enumerate(steps)
    ]


def _steps(given: Given, bucket: str) -> Iterator[list[Step]]:
    """The rules of each configuration."""
    said = given.get(_PROPERTY)
    if not isinstance(said, dict):
        raise Wrong(_PROPERTY, f"{_PROPERTY} must be a mapping")
    number = 0
    for name, configurations in said.items():
        if name == _ALWAYS:
            continue
        if name not in _LISTS or not isinstance(configurations, list):
            raise Wrong(_PROPERTY, f"{name} is not told here; allowed are lists: {', '.join(_LISTS)}")
        for each in configurations:
            if not isinstance(each, dict):
                raise Wrong(_PROPERTY, f"{name} has a mapping for each whom it tells")
            target = each.get(_LISTS[name]) or each.get(_API.get(_LISTS[name], ""))
            if not isinstance(target, str):
                raise Wrong(_PROPERTY, f"{name}: {_LISTS[name]} must be given")
            called = f"{given.template.place.stack}-{given.logical_id}-{number}"
            yield told(called, bucket, each.get("Event") or each.get("Events"), _rules(each), target)
            number += 1


def _rules(configuration: dict[str, Any]) -> Iterable[Any]:
    """Of a filter as the property or as the API spells it."""
    given = configuration.get("Filter")
    key = (given.get("S3Key") or given.get("Key")) if isinstance(given, dict) else None
    found = (key.get("Rules") or key.get("FilterRules")) if isinstance(key, dict) else None
    return found if isinstance(found, list) else ()
