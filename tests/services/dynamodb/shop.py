"""What the tests of DynamoDB share: items and refusals in short."""

from __future__ import annotations

from typing import Any

import pytest

from flowd.services.ports import ServiceError
from tests.services.box import Box

T = {"TableName": "orders"}


def key(name: str, n: int | str = 1) -> dict[str, Any]:
    return {"id": {"S": name}, "n": {"N": str(n)}}


def put(box: Box, name: str, n: int | str = 1, **attributes: Any) -> None:
    box("PutItem", **T, Item={**key(name, n), **attributes})


def get(box: Box, name: str, n: int | str = 1) -> dict[str, Any] | None:
    item: dict[str, Any] | None = box("GetItem", **T, Key=key(name, n)).get("Item")
    return item


def update(box: Box, expression: str, values: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    given = {"ExpressionAttributeValues": values} if values else {}
    return box("UpdateItem", **T, Key=key("a"), UpdateExpression=expression, **given, **more)


def refusal(box: Box, operation: str, members: dict[str, Any] | None = None, **more: Any) -> str:
    """`Code: message`."""
    with pytest.raises(ServiceError) as caught:
        box(operation, **(members or {}), **more)
    return f"{caught.value.code}: {caught.value.message}"
