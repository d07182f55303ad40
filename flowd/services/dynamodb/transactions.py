"""TransactWriteItems: up to a hundred changes, all or none, and once for each ClientRequestToken."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from flowd.services.dynamodb.batches import MOST_ACTIONS, MOST_TRANSACTION
from flowd.services.dynamodb.capacity import Meter, collection
from flowd.services.dynamodb.errors import ConditionFailed, cancelled, invalid
from flowd.services.dynamodb.keys import Schema
from flowd.services.dynamodb.requests import entries, table_name
from flowd.services.dynamodb.tables import RowKey, Tables
from flowd.services.dynamodb.upkeep import TOKEN_MS
from flowd.services.dynamodb.values import item_size
from flowd.services.dynamodb.writing import PREPARE, Bound, Change, bind, commit
from flowd.services.ports import Call, Members, ServiceError

_EMPTY_KEY: Final = "One or more parameter values are not valid. The AttributeValue for a key attribute"
_FINE: Final = {"Code": "None"}
LONGEST_TOKEN: Final = 36


def transact_write_items(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    actions = entries(members, "TransactItems", MOST_ACTIONS)
    token = members.get("ClientRequestToken")
    digest = b""
    if token is not None:
        digest = _digest(actions)
        known = _known(tables, token, digest, call)
        if known is not None:
            return known
    changes = _prepared(tables, actions)
    meter = Meter(members, 2)
    metrics: dict[str, list[Any]] = {}
    for change in changes:
        commit(tables, change, call, meter)
        told = collection(tables, change.table, change.schema, change.key, members)
        if told is not None and change.changes:
            metrics.setdefault(change.table.name, []).append(told)
    answer = {**({"ItemCollectionMetrics": metrics} if metrics else {}), **meter.many()}
    if token is not None:
        tables.remember_token(token, digest, answer, call.now_ms)
    return answer


def _known(tables: Tables, token: str, digest: bytes, call: Call) -> dict[str, Any] | None:
    """What the same request was answered before."""
    if not 1 <= len(token) <= LONGEST_TOKEN:
        raise invalid(f"ClientRequestToken must have 1 to {LONGEST_TOKEN} characters")
    found = tables.token(token, call.now_ms - TOKEN_MS)
    if found is None:
        return None
    if found[0] != digest:
        message = (
            "There was an error: a request with the same ClientRequestToken but with different parameters was made "
            "within the last ten minutes"
        )
        raise ServiceError("IdempotentParameterMismatchException", message)
    return found[1]


def _digest(actions: Any) -> bytes:
    return hashlib.sha256(repr(actions).encode("utf-8", "surrogatepass")).digest()


def _prepared(tables: Tables, actions: Any) -> list[Change]:
    """All changes; if one cannot be done, the reasons of all of them."""
    changes: list[Change] = []
    reasons: list[dict[str, Any]] = []
    said = [_only(action) for action in actions]
    bounds = [bind(members) for _, members in said]
    _check_distinct(tables, said, bounds)
    for (name, members), bound in zip(said, bounds, strict=True):
        prepared = _prepare(tables, name, members, bound)
        if isinstance(prepared, Change):
            changes.append(prepared)
            reasons.append(_FINE)
        else:
            reasons.append(prepared)
    if any(reason is not _FINE for reason in reasons):
        raise cancelled(reasons)
    if sum(0 if change.new is None else item_size(change.new) for change in changes) > MOST_TRANSACTION:
        raise invalid("Collection size of items exceeds 4MB limit")
    return changes


def _only(action: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """What an action is, and its members."""
    if len(action) != 1:
        raise invalid("TransactItems can only contain one of Check, Put, Update or Delete")
    return next(iter(action.items()))


def _prepare(tables: Tables, name: str, members: Mapping[str, Any], bound: Bound) -> Change | dict[str, Any]:
    """A change, or the reason against it."""
    try:
        return PREPARE[name](tables, members, None, bound)
    except ConditionFailed as error:
        shown = {} if error.item is None else {"Item": error.item}
        return {"Code": "ConditionalCheckFailed", "Message": error.message, **shown}
    except ServiceError as error:
        if error.code != "ValidationException" or _is_of_request(error.message):
            raise
        return {"Code": "ValidationError", "Message": error.message}


def _is_of_request(message: str) -> bool:
    """What is wrong with the request itself fails it; what only the table or the item shows cancels the transaction.

    An empty key is of the request, a key of another type is not (paritysuite/dynamodb-conformance).
    """
    return message.startswith(("1 validation error", _EMPTY_KEY))


def _check_distinct(tables: Tables, said: list[tuple[str, Mapping[str, Any]]], bounds: list[Bound]) -> None:
    """No item is in two actions, whatever its conditions say. A key that cannot be is told by its action."""
    keys: set[tuple[int, RowKey]] = set()
    for (_, members), bound in zip(said, bounds, strict=True):
        found = tables.table(table_name(members))
        key = None if found is None else Schema(found).key
        if found is None or key is None or not key.fits(bound.item):
            continue
        target = (found.id, key.row_key(bound.item))
        if target in keys:
            raise invalid("Transaction request cannot include multiple operations on one item")
        keys.add(target)
