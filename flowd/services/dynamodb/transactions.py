"""TransactWriteItems: up to a hundred changes, all or none, and once for each ClientRequestToken."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from flowd.services.dynamodb.batches import MOST_ACTIONS, MOST_TRANSACTION
from flowd.services.dynamodb.capacity import Meter, collection
from flowd.services.dynamodb.errors import ConditionFailed, cancelled, invalid
from flowd.services.dynamodb.requests import entries
from flowd.services.dynamodb.tables import Tables
from flowd.services.dynamodb.upkeep import TOKEN_MS
from flowd.services.dynamodb.values import item_size
from flowd.services.dynamodb.writing import PREPARE, Bound, Change, bind, commit
from flowd.services.ports import Call, Members, ServiceError

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
    for (name, members), bound in zip(said, bounds, strict=True):
        prepared = _prepare(tables, name, members, bound)
        if isinstance(prepared, Change):
            changes.append(prepared)
            reasons.append(_FINE)
        else:
            reasons.append(prepared)
    _check_distinct(changes)
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
    """What is wrong with the request itself fails it; what only the item shows cancels the transaction."""
    return message.startswith(("Invalid ", "1 validation error", "Expression", "Value provided", "Can not use"))


def _check_distinct(changes: list[Change]) -> None:
    keys = {(change.table.id, change.row_key) for change in changes}
    if len(keys) < len(changes):
        raise invalid("Transaction request cannot include multiple operations on one item")
