"""Amazon DynamoDB Streams: ListStreams, DescribeStream, GetShardIterator, GetRecords. They change nothing.

A stream goes by the table's name and its label; the label `latest` stands for the table's newest stream, since nobody
can know the label of a stream that is yet to be made.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, Final

from flowd.services.dynamodb.errors import constraint, invalid
from flowd.services.dynamodb.requests import choice, required, table_name, whole
from flowd.services.dynamodb.streams import KEPT_MS
from flowd.services.dynamodb.tables import Record, Stream, Tables
from flowd.services.ports import Call, Members, Service, ServiceError

LATEST: Final = "latest"
MOST_RECORDS: Final = 1000
MOST_BYTES: Final = 1 << 20
MOST_LISTED: Final = 100
_LATEST_S: Final = 253_402_300_799  # the year 9999: no later moment is asked for in earnest
ITERATOR_MS: Final = 15 * 60 * 1000
_TYPES: Final = ("TRIM_HORIZON", "LATEST", "AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER", "AT_TIMESTAMP")
_ARN: Final = re.compile(r"arn:aws[a-z-]*:dynamodb:[a-z0-9-]*:\d*:table/([a-zA-Z0-9_.-]+)/stream/([0-9T:.-]+|latest)")
_PLACE: Final = re.compile(r"([0-9]{1,18}):([0-9]{1,15})")


def sequence(row: int) -> str:
    """SequenceNumber: 21 digits, in the order of the changes."""
    return f"1{row:020d}"


def sequence_of(iterator: str) -> str:
    """The record behind which an iterator of ours stands."""
    found = _decoded(iterator)
    if found is None:
        raise invalid("Invalid ShardIterator")
    return sequence(found[1])


def list_streams(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    limit = whole(members, "Limit", 1, MOST_LISTED) or MOST_LISTED
    name = table_name(members) if members.get("TableName") is not None else None
    after = members.get("ExclusiveStartStreamArn")
    last = 0 if after is None else _stream(tables, after, call).id
    found = list(tables.streams(name, last, limit + 1))
    told = [
        {"StreamArn": _arn(stream, call), "TableName": stream.table, "StreamLabel": stream.label}
        for stream in found[:limit]
    ]
    return {"Streams": told, **({"LastEvaluatedStreamArn": told[-1]["StreamArn"]} if len(found) > limit else {})}


def describe_stream(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    stream = _stream(tables, required(members, "StreamArn"), call)
    whole(members, "Limit", 1, MOST_LISTED)
    start, wanted = members.get("ExclusiveStartShardId"), members.get("ShardFilter")
    shard = shard_of(stream)
    if wanted is not None:
        choice(wanted, "Type", ("CHILD_SHARDS",), "")
    span = {"StartingSequenceNumber": sequence(0)}
    if stream.ended_ms:
        span["EndingSequenceNumber"] = sequence(tables.last_record(stream))
    # The one shard has no children, and nothing stands behind it.
    shards = [] if start is not None or wanted is not None else [{"ShardId": shard, "SequenceNumberRange": span}]
    return {
        "StreamDescription": {
            "StreamArn": _arn(stream, call),
            "StreamLabel": stream.label,
            "StreamStatus": "DISABLED" if stream.ended_ms else "ENABLED",
            "StreamViewType": stream.view,
            "CreationRequestDateTime": stream.created_ms / 1000,
            "TableName": stream.table,
            "KeySchema": stream.key_schema,
            "Shards": shards,
        }
    }


def get_shard_iterator(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    stream = _stream(tables, required(members, "StreamArn"), call)
    shard, said = required(members, "ShardId"), members.get("SequenceNumber")
    kind = choice(members, "ShardIteratorType", _TYPES, "")
    if shard != shard_of(stream):
        raise _not_found(f"Shard: {shard} in Stream: {_arn(stream, call)}")
    for name, value, wants in (
        ("SequenceNumber", said, kind.endswith("SEQUENCE_NUMBER")),
        ("Timestamp", members.get("Timestamp"), kind == "AT_TIMESTAMP"),
    ):
        if (value is not None) != wants:
            raise invalid(f"{name} {'must' if wants else 'cannot'} be specified when ShardIteratorType is {kind}")
    match kind:
        case "TRIM_HORIZON":
            after = 0
        case "LATEST":
            after = tables.last_record(stream)
        case "AT_TIMESTAMP":
            after = tables.last_record(stream, round(min(max(members["Timestamp"], 0), _LATEST_S) * 1000))
        case _:
            after = _row(tables, stream, str(said), call) - (kind == "AT_SEQUENCE_NUMBER")
    return {"ShardIterator": _iterator(stream, max(after, 0), call)}


def _row(tables: Tables, stream: Stream, said: str, call: Call) -> int:
    """The record that a SequenceNumber names."""
    if not re.fullmatch(r"1[0-9]{20}", said) or int(said[1:]) > tables.last_record(stream):
        raise invalid(f"Invalid SequenceNumber: {said}")
    row = int(said[1:])
    first = next(iter(tables.records(stream, 0, call.now_ms - KEPT_MS, 1)), None)
    if row and (first is None or row < first.row):
        raise ServiceError(
            "TrimmedDataAccessException", "The operation attempted to read past the oldest stream record in a shard."
        )
    return row


def get_records(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    stream, after = _place(tables, required(members, "ShardIterator"), call)
    limit = whole(members, "Limit", 1, MOST_RECORDS) or MOST_RECORDS
    told: list[dict[str, Any]] = []
    size = 0
    for record in tables.records(stream, after, call.now_ms - KEPT_MS, limit):
        size += record.body["size"]
        if told and size > MOST_BYTES:
            break
        told.append(_shown(record, stream, call))
        after = record.row
    if stream.ended_ms and after >= tables.last_record(stream):
        return {"Records": told}  # the shard is closed, and this was its end
    return {"Records": told, "NextShardIterator": _iterator(stream, after, call)}


def _shown(record: Record, stream: Stream, call: Call) -> dict[str, Any]:
    body = record.body
    change = {
        "ApproximateCreationDateTime": record.at_ms // 1000,
        "Keys": body["keys"],
        **({"NewImage": body["new"]} if "new" in body else {}),
        **({"OldImage": body["old"]} if "old" in body else {}),
        "SequenceNumber": sequence(record.row),
        "SizeBytes": body["size"],
        "StreamViewType": stream.view,
    }
    shown = {
        "eventID": body["id"],
        "eventName": body["name"],
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": call.region,
        "dynamodb": change,
    }
    if body["service"]:
        shown["userIdentity"] = {"PrincipalId": "dynamodb.amazonaws.com", "Type": "Service"}
    return shown


# -- streams, shards, iterators ------------------------------------------------------


def _stream(tables: Tables, arn: str, call: Call) -> Stream:
    found = _ARN.fullmatch(arn)
    if found is None:
        raise constraint(
            arn, "streamArn", "be the ARN of a stream: arn:aws:dynamodb:REGION:ACCOUNT:table/NAME/stream/LABEL"
        )
    name, label = found.groups()
    stream = tables.stream(name, None if label == LATEST else label)
    if stream is None or (stream.ended_ms and stream.ended_ms <= call.now_ms - KEPT_MS):
        raise _not_found(f"Stream: {arn}")
    return stream


def _not_found(what: str) -> ServiceError:
    return ServiceError("ResourceNotFoundException", f"Requested resource not found: {what} not found")


def _arn(stream: Stream, call: Call) -> str:
    return call.arn("dynamodb", f"table/{stream.table}/stream/{stream.label}")


def shard_of(stream: Stream) -> str:
    """Its one shard, named as AWS names shards."""
    return f"shardId-{stream.created_ms:020d}-{stream.id:08x}"


def _iterator(stream: Stream, after: int, call: Call) -> str:
    place = urlsafe_b64encode(f"{after}:{call.now_ms}".encode()).decode()
    return f"{_arn(stream, call)}|1|{place}"


def _place(tables: Tables, iterator: str, call: Call) -> tuple[Stream, int]:
    """The stream of an iterator, and the record behind which it stands."""
    found = _decoded(iterator)
    if found is None:
        raise invalid("Invalid ShardIterator")
    arn, after, made_ms = found
    if made_ms + ITERATOR_MS < call.now_ms:
        raise ServiceError("ExpiredIteratorException", "Iterator expired")
    return _stream(tables, arn, call), after


def _decoded(iterator: str) -> tuple[str, int, int] | None:
    """(the stream's ARN, the record before it, when it was made); None for what is no iterator."""
    arn, _, code = iterator.partition("|1|")
    try:
        found = _PLACE.fullmatch(urlsafe_b64decode(code.encode()).decode())
    except ValueError:
        return None
    return None if found is None or _ARN.fullmatch(arn) is None else (arn, int(found[1]), int(found[2]))


SERVICE: Final[Service[Tables]] = Service(
    name="dynamodbstreams",
    operations={
        "DescribeStream": describe_stream,
        "GetRecords": get_records,
        "GetShardIterator": get_shard_iterator,
        "ListStreams": list_streams,
    },
    reads=frozenset({"DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"}),
)
