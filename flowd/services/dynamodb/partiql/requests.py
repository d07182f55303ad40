"""A statement as the request that does the same: a Query or Scan, a put, an update, a deletion."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from flowd.services.dynamodb.errors import invalid
from flowd.services.dynamodb.keys import KeySchema, Schema
from flowd.services.dynamodb.partiql.parse import Statement, Term, joined
from flowd.services.dynamodb.requests import checked_name
from flowd.services.dynamodb.tables import Table, Tables
from flowd.services.ports import ServiceError

_RANGES: Final = ("=", "<", "<=", ">", ">=", "BETWEEN", "begins_with")
NO_KEY: Final = "Where clause does not contain a mandatory equality on all key attributes"
DUPLICATE: Final = "Duplicate primary key exists in table"


class Request(msgspec.Struct, frozen=True):
    """An operation and its members. `action` is what a transaction calls it."""

    operation: str
    action: str
    members: dict[str, Any]


def of(tables: Tables, said: Statement) -> Request:
    """Raises ValidationException, ResourceNotFoundException."""
    table = tables.table(checked_name(said.table, "tableName"))
    if table is None:
        raise ServiceError("ResourceNotFoundException", "Requested resource not found")
    match said.kind:
        case "SELECT":
            return _select(table, said)
        case "INSERT":
            return _insert(table, said)
        case _:
            return _change(table, said)


def key_of(table: Table, said: Statement) -> tuple[dict[str, Any], list[Term]]:
    """The key that a WHERE names, and its other parts. Raises ValidationException."""
    schema = Schema(table).key
    key: dict[str, Any] = {}
    rest: list[Term] = []
    for term in said.terms:
        if term.operator == "=" and len(term.path) == 1 and term.path[0] in schema.names and term.path[0] not in key:
            key[str(term.path[0])] = term.values[0]
        else:
            rest.append(term)
    if set(key) != set(schema.names):
        raise invalid(NO_KEY)
    return key, rest


def _placeholders(said: Statement, *texts: str | None) -> dict[str, Any]:
    """The names and values of the statement that these expressions use."""
    used = " ".join(text for text in texts if text)
    words = set(used.replace("(", " ").replace(")", " ").replace(",", " ").replace(".", " ").replace("[", " ").split())
    names = {key: name for key, name in said.names.items() if key in words}
    values = {key: value for key, value in said.values.items() if key in words}
    return {
        **({"ExpressionAttributeNames": names} if names else {}),
        **({"ExpressionAttributeValues": values} if values else {}),
    }


def _select(table: Table, said: Statement) -> Request:
    schema = Schema(table)
    members: dict[str, Any] = {"TableName": table.name}
    key = schema.key
    if said.index is not None:
        if said.index not in schema.indexes:
            raise invalid(f"The table does not have the specified index: {said.index}")
        key = schema.indexes[said.index].schema
        members["IndexName"] = said.index
    if said.projection is not None:
        members["ProjectionExpression"] = said.projection
    found = _keyed(key, said)
    if found is None:
        if said.order:
            raise invalid("Must have WHERE clause in the statement when using ORDER BY clause.")
        condition, rest = None, list(said.terms)
    else:
        condition, rest = found
        members["KeyConditionExpression"] = condition
        if said.order and said.order not in ((key.partition.name,), (key.sort.name if key.sort else "",)):
            raise invalid("Variable reference in ORDER BY clause must be part of the primary key")
        members["ScanIndexForward"] = not said.descending
    if rest:
        members["FilterExpression"] = joined(rest)
    used = (condition, said.projection, members.get("FilterExpression"))
    return Request("Scan" if found is None else "Query", "Get", {**members, **_placeholders(said, *used)})


def _keyed(key: KeySchema, said: Statement) -> tuple[str, list[Term]] | None:
    """The key condition and what it leaves; None where the table has to be scanned."""
    partition = next((term for term in said.terms if term.path == (key.partition.name,) and term.operator == "="), None)
    if partition is None:
        return None
    sort = None
    if key.sort is not None:
        name = (key.sort.name,)
        sort = next((term for term in said.terms if term.path == name and term.operator in _RANGES), None)
    chosen = [term for term in (partition, sort) if term is not None]
    rest = [term for term in said.terms if term not in chosen]
    if any(term.names & set(key.names) for term in rest):
        return None  # a filter of a query is over what the key condition is not
    return joined(chosen), rest


def _insert(table: Table, said: Statement) -> Request:
    condition = {
        "ConditionExpression": "attribute_not_exists(#key)",
        "ExpressionAttributeNames": {"#key": Schema(table).key.partition.name},
    }
    return Request("PutItem", "Put", {"TableName": table.name, "Item": said.item, **condition})


def _change(table: Table, said: Statement) -> Request:
    key, rest = key_of(table, said)
    update = " ".join(f"{section} {', '.join(actions)}" for section, actions in said.sections.items())
    condition = joined(rest) if rest else None
    members: dict[str, Any] = {"TableName": table.name, "Key": key}
    names: dict[str, str] = {}
    if said.kind == "UPDATE":  # it changes what is there, and makes nothing
        exists = "attribute_exists(#key)"
        rest_text = f"({condition})" if rest and rest[0].joined and len(rest) == 1 else condition
        condition = exists if rest_text is None else f"{exists} AND {rest_text}"
        names = {"#key": Schema(table).key.partition.name}
        members["UpdateExpression"] = update
    if condition is not None:
        members["ConditionExpression"] = condition
    used = _placeholders(said, update, condition)
    if names or "ExpressionAttributeNames" in used:
        used["ExpressionAttributeNames"] = {**used.get("ExpressionAttributeNames", {}), **names}
    if said.returning != "NONE":
        members["ReturnValues"] = said.returning
    operation, action = ("UpdateItem", "Update") if said.kind == "UPDATE" else ("DeleteItem", "Delete")
    return Request(operation, action, {**members, **used})
