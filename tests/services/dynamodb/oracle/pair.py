"""The same tables here and in moto: one request to both, and both answers in one form. It judges nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Context, Decimal
from typing import Any, Final

from botocore.exceptions import ClientError

from flowd.services.ports import ServiceError
from tests.services.box import Box

Members = dict[str, Any]
FACTS: Final[Members] = {
    "TableName": "facts",
    "AttributeDefinitions": [
        {"AttributeName": "id", "AttributeType": "S"},
        {"AttributeName": "n", "AttributeType": "N"},
        {"AttributeName": "g", "AttributeType": "S"},
        {"AttributeName": "b", "AttributeType": "N"},
    ],
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "n", "KeyType": "RANGE"}],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "by_g",
            "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}, {"AttributeName": "n", "KeyType": "RANGE"}],
            "Projection": {"ProjectionType": "ALL"},
        }
    ],
    "LocalSecondaryIndexes": [
        {
            "IndexName": "by_b",
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "b", "KeyType": "RANGE"}],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        }
    ],
    "BillingMode": "PAY_PER_REQUEST",
}
BYTES: Final[Members] = {
    "TableName": "bytes",
    "AttributeDefinitions": [
        {"AttributeName": "id", "AttributeType": "B"},
        {"AttributeName": "k", "AttributeType": "B"},
    ],
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "k", "KeyType": "RANGE"}],
    "BillingMode": "PAY_PER_REQUEST",
}


@dataclass(frozen=True)
class Refused:
    """`shown`: the item of a failed condition, the reasons of a cancelled transaction."""

    code: str
    message: str
    shown: Any = field(default=None)


class Pair:
    def __init__(self, box: Box, moto: Any, backend: Any) -> None:
        self.box, self.moto, self.backend = box, moto, backend
        for table in (FACTS, BYTES):
            box("CreateTable", **table)
            moto.create_table(**table)

    def here(self, operation: str, members: Members) -> Any:
        try:
            return comparable(self.box(operation, **members))
        except ServiceError as error:
            reasons = [_reason(said) for said in error.extras.get("CancellationReasons", ())]
            return Refused(error.code, error.message, reasons or comparable(error.extras.get("Item")))

    def there(self, operation: str, members: Members) -> Any:
        method = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in operation)[1:]
        try:
            answer = getattr(self.moto, method)(**members)
            del answer["ResponseMetadata"]
            for name in ("ConsumedCapacity", "ItemCollectionMetrics"):  # moto tells it to everybody
                answer.pop(name, None)
            return comparable(answer)
        except ClientError as error:
            said: Any = error.response
            reasons = [_reason(one) for one in said.get("CancellationReasons", ())]
            return Refused(said["Error"]["Code"], said["Error"]["Message"], reasons or comparable(said.get("Item")))
        except Exception as error:
            return Refused("crash", repr(error))

    def item(self, table: str, key: Members) -> Any:
        return self.box("GetItem", TableName=table, Key=key).get("Item")

    def their_items(self, table: str) -> dict[Any, Any]:
        """All that moto keeps, from its own store: key -> item. Its wire is slow."""
        kept = self.backend.tables[table].all_items()
        return {_key_of(_told(item, ("id", "n", "k"))): _told(item, item.attrs) for item in kept}

    def my_items(self, table: str) -> dict[Any, Any]:
        kept = self.box("Scan", TableName=table)["Items"]
        return {_key_of(item): item for item in map(comparable, kept)}

    def their_item(self, table: str, key: Members) -> Any:
        return self.their_items(table).get(_key_of(comparable(key)))

    def align(self, table: str, key: Members) -> None:
        """Moto goes on from our item, also where it shares parts between attributes."""
        mine = self.item(table, key)
        self.moto.put_item(TableName=table, Item=mine or key)
        if mine is None:
            self.moto.delete_item(TableName=table, Key=key)


def _told(item: Any, names: Iterable[str]) -> Any:
    """An item of moto's store; one that cannot be told is told as its error (`SET m.x = m` holds itself)."""
    try:
        return comparable({name: item.attrs[name].to_regular_json() for name in names if name in item.attrs})
    except Exception as error:
        return repr(error)


def _key_of(item: Any) -> Any:
    names = ("id", "k") if "k" in item else ("id", "n")
    return tuple(next(iter(item[name].values())) for name in names)


def _reason(said: Members) -> Members:
    return {"Code": said["Code"], **({"Item": comparable(said["Item"])} if said.get("Item") else {})}


def comparable(value: Any) -> Any:
    """Sets have no order, numbers have many texts."""
    if isinstance(value, dict):
        if len(value) == 1:
            name, inner = next(iter(value.items()))
            if name == "N" and isinstance(inner, str):
                return {"N": _number(inner)}
            if name in ("SS", "NS", "BS") and isinstance(inner, list):
                return {name: sorted(_number(one) if name == "NS" else one for one in inner)}
        return {name: comparable(inner) for name, inner in value.items()}
    return [comparable(inner) for inner in value] if isinstance(value, list) else value


def _number(text: str) -> Decimal:
    return Decimal(text).normalize(Context(prec=200))  # so that equal numbers also look the same
