"""Names, URLs and ARNs of queues. A queue goes by its name, whatever host, region and account stand before it."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from flowd.services.ports import Call, Members, ServiceError
from flowd.services.sqs import errors
from flowd.services.sqs.tables import Queue, Tables

_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")
FIFO = ".fifo"


def check_name(name: str, fifo: bool) -> None:
    """API reference, CreateQueue: up to 80 characters, those of a FIFO queue end in .fifo."""
    bare = name.removesuffix(FIFO) if fifo else name
    if fifo and bare == name:
        raise errors.invalid_value(
            "The name of a FIFO queue can only include alphanumeric characters, hyphens, or "
            "underscores, must end with .fifo suffix and be 1 to 80 in length."
        )
    if len(name) > 80 or _NAME.fullmatch(bare) is None:
        raise errors.invalid_value(
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
        )


def url(call: Call, name: str) -> str:
    """On this box's own host where it listens: some SDKs send to the host of a queue's URL."""
    return f"{call.endpoint or f'https://sqs.{call.region}.amazonaws.com'}/{call.account}/{name}"


def arn(call: Call, name: str) -> str:
    return call.arn("sqs", name)


def name_of_arn(text: str) -> str | None:
    """The queue that an ARN names, or None if it is no ARN of a queue."""
    parts = text.split(":")
    if len(parts) != 6 or parts[0] != "arn" or parts[2] != "sqs" or not parts[5]:
        return None
    return parts[5]


def find(tables: Tables, members: Members) -> Queue:
    """The queue that a request's QueueUrl names. Some clients send the bare name, which AWS takes too."""
    given = str(members.get("QueueUrl") or "")
    if not given:
        raise errors.missing("QueueUrl")
    parts = urlsplit(given)
    name = parts.path.rstrip("/").rpartition("/")[2] if parts.netloc else given
    if not name:
        raise ServiceError("InvalidAddress", f"The address {given} is not valid for this endpoint.")
    return named(tables, name)


def named(tables: Tables, name: str) -> Queue:
    queue = tables.queue(name)
    if queue is None:
        raise errors.no_such_queue()
    return queue
