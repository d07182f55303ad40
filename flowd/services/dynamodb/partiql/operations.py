"""ExecuteStatement, BatchExecuteStatement and ExecuteTransaction."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from flowd.services.dynamodb import batches, items, reads, transactions
from flowd.services.dynamodb.errors import ConditionFailed, cancelled, invalid
from flowd.services.dynamodb.partiql import requests
from flowd.services.dynamodb.partiql.parse import Statement, parse
from flowd.services.dynamodb.requests import entries, required, whole
from flowd.services.dynamodb.tables import Tables
from flowd.services.ports import Call, Members, Operation, ServiceError

MOST_OF_A_BATCH: Final = 25
_FAILED: Final = "ReturnValuesOnConditionCheckFailure"
_OPERATIONS: Final[dict[str, Operation[Tables]]] = {
    "Query": reads.query,
    "Scan": reads.scan,
    "PutItem": items.put_item,
    "UpdateItem": items.update_item,
    "DeleteItem": items.delete_item,
}
#: What an answer of a batch calls an error.
_CODES: Final = {
    "ConditionalCheckFailedException": "ConditionalCheckFailed",
    "DuplicateItemException": "DuplicateItem",
    "ResourceNotFoundException": "ResourceNotFound",
    "ValidationException": "ValidationError",
}


def execute_statement(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    said = _parsed(members)
    request = requests.of(tables, said)
    more = {name: members[name] for name in ("ReturnConsumedCapacity", "ConsistentRead") if name in members}
    if said.kind == "SELECT":
        limit = whole(members, "Limit", 1)
        more |= {} if limit is None else {"Limit": limit}
        more |= _start(members.get("NextToken"))
    else:
        more.pop("ConsistentRead", None)
        more |= {_FAILED: members[_FAILED]} if _FAILED in members else {}
    answer = _run(tables, request, more, call)
    shown = {"Items": answer.get("Items", [answer["Attributes"]] if answer.get("Attributes") else [])}
    if "LastEvaluatedKey" in answer:
        token = urlsafe_b64encode(msgspec.msgpack.encode(answer["LastEvaluatedKey"])).decode()
        shown |= {"LastEvaluatedKey": answer["LastEvaluatedKey"], "NextToken": token}
    return {**shown, **({"ConsumedCapacity": answer["ConsumedCapacity"]} if "ConsumedCapacity" in answer else {})}


def _parsed(members: Mapping[str, Any]) -> Statement:
    return parse(required(members, "Statement"), members.get("Parameters") or ())


def _tried(members: Mapping[str, Any]) -> Statement | ServiceError:
    try:
        return _parsed(members)
    except ServiceError as error:
        return error


def _run(tables: Tables, request: requests.Request, more: Mapping[str, Any], call: Call) -> dict[str, Any]:
    try:
        return _OPERATIONS[request.operation](tables, {**request.members, **more}, call)
    except ConditionFailed:
        if request.operation == "PutItem":
            raise ServiceError("DuplicateItemException", requests.DUPLICATE) from None
        raise


def _start(token: str | None) -> dict[str, Any]:
    if token is None:
        return {}
    try:
        key = msgspec.msgpack.decode(urlsafe_b64decode(token.encode()), type=dict[str, dict[str, Any]])
    except (ValueError, msgspec.MsgspecError):
        raise invalid("Given NextToken does not match the statement") from None
    return {"ExclusiveStartKey": key}


# -- many at once --------------------------------------------------------------------


def batch_execute_statement(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    """Each statement for itself: one that fails says so in its place. All read, or all write, as in a transaction."""
    given = entries(members, "Statements", MOST_OF_A_BATCH)
    statements = [_tried(each) for each in given]
    if len({said.kind == "SELECT" for said in statements if isinstance(said, Statement)}) > 1:
        raise invalid("A batch cannot have both read and write statements")
    capacity = {name: members[name] for name in ("ReturnConsumedCapacity",) if name in members}
    responses: list[dict[str, Any]] = []
    consumed: list[Any] = []
    for said, each in zip(statements, given, strict=True):
        response: dict[str, Any] = {}
        try:
            if isinstance(said, ServiceError):
                raise said
            response["TableName"] = said.table
            answer = _one(tables, said, each, capacity, call)
            consumed += [answer["ConsumedCapacity"]] if "ConsumedCapacity" in answer else []
            shown = answer.get("Items") or [answer.get("Attributes")]
            response |= {"Item": shown[0]} if shown[0] else {}
        except ServiceError as error:
            item = {"Item": error.extras["Item"]} if "Item" in error.extras else {}
            response["Error"] = {"Code": _CODES.get(error.code, error.code), "Message": error.message, **item}
        responses.append(response)
    return {"Responses": responses, **({"ConsumedCapacity": consumed} if consumed else {})}


def _one(
    tables: Tables, said: Statement, given: Mapping[str, Any], capacity: Mapping[str, Any], call: Call
) -> dict[str, Any]:
    request = requests.of(tables, said)
    more = dict(capacity)
    if said.kind == "SELECT":
        _check_single(tables, said, "Select statements within BatchExecuteStatement")
        more |= {"ConsistentRead": given["ConsistentRead"]} if "ConsistentRead" in given else {}
    elif _FAILED in given:
        more[_FAILED] = given[_FAILED]
    return _run(tables, request, more, call)


def _check_single(tables: Tables, said: Statement, what: str) -> None:
    table = tables.table(said.table)
    try:
        if table is None or said.index is not None:
            raise invalid(requests.NO_KEY)
        requests.key_of(table, said)
    except ServiceError:
        raise invalid(f"{what} must specify the primary key in the where clause.") from None


def execute_transaction(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    """All reads, or all writes."""
    given = entries(members, "TransactStatements", batches.MOST_ACTIONS)
    statements = [_parsed(each) for each in given]
    reading = {said.kind == "SELECT" for said in statements}
    if len(reading) > 1:
        raise invalid("A transaction cannot have both read and write statements")
    more = {name: members[name] for name in ("ReturnConsumedCapacity", "ClientRequestToken") if name in members}
    if reading == {True}:
        more.pop("ClientRequestToken", None)
        actions = [_read(tables, said) for said in statements]
        return batches.transact_get_items(tables, {"TransactItems": actions, **more}, call)
    actions = [_write(tables, said, each) for said, each in zip(statements, given, strict=True)]
    try:
        answer = transactions.transact_write_items(tables, {"TransactItems": actions, **more}, call)
    except ServiceError as error:
        raise _duplicates(error, statements) from None
    return {"Responses": [], **{name: answer[name] for name in ("ConsumedCapacity",) if name in answer}}


def _read(tables: Tables, said: Statement) -> dict[str, Any]:
    _check_single(tables, said, "Select statements within ExecuteTransaction")
    table = tables.table(said.table)
    assert table is not None
    key, rest = requests.key_of(table, said)
    if rest:
        raise invalid("Select statements within ExecuteTransaction have conditions on the primary key only")
    shown = {name: value for name, value in requests.of(tables, said).members.items() if name == "ProjectionExpression"}
    names = {"ExpressionAttributeNames": _names_in(said)} if shown else {}
    return {"Get": {"TableName": table.name, "Key": key, **shown, **names}}


def _names_in(said: Statement) -> dict[str, str]:
    words = set((said.projection or "").replace(",", " ").replace(".", " ").replace("[", " ").split())
    return {key: name for key, name in said.names.items() if key in words}


def _write(tables: Tables, said: Statement, given: Mapping[str, Any]) -> dict[str, Any]:
    if said.returning != "NONE":
        raise invalid("RETURNING clause is not supported in ExecuteTransaction")
    request = requests.of(tables, said)
    failed = {_FAILED: given[_FAILED]} if _FAILED in given else {}
    return {request.action: {**request.members, **failed}}


def _duplicates(error: ServiceError, statements: Sequence[Statement]) -> ServiceError:
    """The reason against an INSERT is that there is such an item."""
    reasons = error.extras.get("CancellationReasons")
    if reasons is None:
        return error
    told = [
        {"Code": "DuplicateItem", "Message": requests.DUPLICATE}
        if said.kind == "INSERT" and reason["Code"] == "ConditionalCheckFailed"
        else reason
        for said, reason in zip(statements, reasons, strict=True)
    ]
    return cancelled(told)
