"""`arn:aws:states:::dynamodb:getItem`, putItem, updateItem, deleteItem: one item, as recorded of AWS.

What is wrong with an item or an expression DynamoDB says; the answer carries what the SDK saw of HTTP.
"""

from __future__ import annotations

import zlib
from typing import Any, Final

from botocore.model import OperationModel

from flowd.clock import Clock
from flowd.integrations import answers, models
from flowd.integrations.optimised import Optimised, Profile
from flowd.integrations.ports import Cloud, TaskCall
from flowd.payload import dumps


def _request(operation: OperationModel, task: TaskCall) -> dict[str, Any]:
    """Parameters that are missing or null go out as nothing: it is DynamoDB that misses them (recorded)."""
    given, shape = task.parameters.value, operation.input_shape
    if not isinstance(given, dict):
        return models.request(shape, given)
    missing = [name for name in shape.required_members if given.get(name) is None]
    blank = {name: "" if shape.members[name].type_name == "string" else {} for name in missing}
    found = models.request(shape, {**given, **blank})
    return {name: value for name, value in found.items() if name not in missing}


_PROFILE: Final = Profile(
    service="dynamodb",
    prefix="DynamoDB",
    api="AmazonDynamoDBv2",
    unmodelled="AmazonDynamoDBException",
    actions={name: frozenset({""}) for name in ("getItem", "putItem", "updateItem", "deleteItem")},
    metadata=None,
    request=_request,
)


class Dynamodb(Optimised):
    """The four actions."""

    def __init__(self, cloud: Cloud, clock: Clock) -> None:
        super().__init__(_PROFILE, cloud, clock)

    def _shown(self, operation: OperationModel, body: dict[str, Any]) -> dict[str, Any]:
        """With the headers of DynamoDB's own front: a Server and a checksum beside what all services send."""
        shown = super()._shown(operation, body)
        text = dumps(shown).encode()
        metadata = answers.http_metadata(len(text), self._clock.now_ms())
        http = metadata["SdkHttpMetadata"]
        sent = {"Connection" if name == "connection" else name: value for name, value in http["HttpHeaders"].items()}
        headers = {"Server": "Server", "x-amz-crc32": str(zlib.crc32(text)), **sent}
        http["HttpHeaders"] = headers
        http["AllHttpHeaders"] = {name: [value] for name, value in headers.items()}
        return {**shown, **metadata}
