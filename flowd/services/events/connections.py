"""Connections: named credentials for what is called over HTTP. Secrets go in and are never told again by the API."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from typing import Any, Final

from flowd.services.events import names
from flowd.services.events.tables import Resource, Tables
from flowd.services.ports import Call, Members, ServiceError

KIND: Final = "connection"
_NAME: Final = re.compile(r"[.\-_A-Za-z0-9]{1,64}")
_PART: Final = {
    "BASIC": "BasicAuthParameters",
    "API_KEY": "ApiKeyAuthParameters",
    "OAUTH_CLIENT_CREDENTIALS": "OAuthParameters",
}
_NEEDED: Final = {
    "BASIC": ("Username", "Password"),
    "API_KEY": ("ApiKeyName", "ApiKeyValue"),
    "OAUTH_CLIENT_CREDENTIALS": ("ClientID", "ClientSecret"),
}
SETTINGS: Final = "flowd.toml"
MOST: Final = 10_000
_SECRET: Final = frozenset({"Password", "ApiKeyValue", "ClientSecret"})


def create_connection(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    name = members["Name"]
    if not _NAME.fullmatch(name):
        raise names.constraint("name", name, r"[\.\-_A-Za-z0-9]+")
    if tables.resource(KIND, name) is not None:
        raise names.exists(f"Connection {name} already exists.")
    body = {**_facts(members), "id": call.new_id(), "state": "AUTHORIZED"}
    row = tables.add_resource(
        kind=KIND, name=name, body=json.dumps(body), created_ms=call.now_ms, changed_ms=call.now_ms
    )
    return _short(row, call)


def update_connection(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    """What is not given stays as it is, within the parameters of the same kind too."""
    row = _own(tables, members, "change")
    body = json.loads(row.body)
    given = {name: members[name] for name in ("AuthorizationType", "AuthParameters", "Description") if name in members}
    merged = {**body, **given}
    if "AuthParameters" in given and merged["AuthorizationType"] == body["AuthorizationType"]:
        merged["AuthParameters"] = _merged(body["AuthParameters"], given["AuthParameters"])
    row.body = json.dumps({**body, **_facts(merged), "state": "AUTHORIZED"})
    row.changed_ms = call.now_ms
    return _short(row, call)


def deauthorize_connection(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    """Its secrets are forgotten."""
    row = _own(tables, members, "deauthorize")
    body = json.loads(row.body)
    row.body = json.dumps({**body, "AuthParameters": _public(body["AuthParameters"]), "state": "DEAUTHORIZED"})
    row.changed_ms = call.now_ms
    return _short(row, call)


def delete_connection(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    row = _own(tables, members, "delete")
    answer = _short(row, call) | {"ConnectionState": "DELETING"}
    tables.drop_resource(row)
    return answer


def describe_connection(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    row = _known(tables, members)
    body = json.loads(row.body)
    found = {
        "Name": row.name,
        "AuthorizationType": body["AuthorizationType"],
        "AuthParameters": _public(body["AuthParameters"]),
        "Description": body.get("Description"),
        "LastAuthorizedTime": row.changed_ms / 1000,
    }
    return _short(row, call) | {name: value for name, value in found.items() if value is not None}


def list_connections(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    after, limit = names.page(members)
    found = tables.resources(KIND, members.get("NamePrefix") or "", after, limit + 1)
    shown, token = names.paged(found, limit)
    every = [
        {"Name": row.name, "AuthorizationType": json.loads(row.body)["AuthorizationType"], **_short(row, call)}
        for row in shown
    ]
    wanted = members.get("ConnectionState")
    return {"Connections": [each for each in every if wanted in (None, each["ConnectionState"])], **token}


def configure(tables: Tables, wanted: Mapping[str, Mapping[str, Any]], now_ms: int) -> str | None:
    """Let exactly these connections be shown as those of the settings, by name: AuthorizationType and AuthParameters
    without secrets. Returns the name of one that somebody else has made; then nothing is changed."""
    known = {row.name: row for row in tables.resources(KIND, "", "", MOST)}
    for name in wanted:
        if name in known and not _configured(known[name]):
            return name
    for name, row in known.items():
        if _configured(row) and name not in wanted:
            tables.drop_resource(row)
    for name, public in wanted.items():
        body = {**public, "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"connection/{name}")), "state": "AUTHORIZED"}
        text = json.dumps({**body, "Description": SETTINGS, "configured": True})
        if name not in known:
            tables.add_resource(kind=KIND, name=name, body=text, created_ms=now_ms, changed_ms=now_ms)
        elif known[name].body != text:
            known[name].body, known[name].changed_ms = text, now_ms
    return None


def secrets(tables: Tables, name: str) -> dict[str, Any] | None:
    """What a call over HTTP needs of a connection; None if there is none, or its secrets are forgotten."""
    row = tables.resource(KIND, name)
    body: dict[str, Any] = {} if row is None else json.loads(row.body)
    return body if body.get("state") == "AUTHORIZED" and not body.get("configured") else None


def name_of(arn: str) -> str:
    """`arn:...:connection/NAME/ID` and `NAME` name the same."""
    return arn.partition("connection/")[2].partition("/")[0] or arn


def _known(tables: Tables, members: Members) -> Resource:
    row = tables.resource(KIND, members["Name"])
    if row is None:
        raise names.not_found(f"Failed to describe the connection(s). Connection '{members['Name']}' does not exist.")
    return row


def _own(tables: Tables, members: Members, verb: str) -> Resource:
    row = _known(tables, members)
    if _configured(row):
        said = f"Cannot {verb} connection {row.name}: it stands in {SETTINGS}; change it there."
        raise ServiceError("AccessDeniedException", said)
    return row


def _configured(row: Resource) -> bool:
    return bool(json.loads(row.body).get("configured"))


def _merged(before: Any, given: Any) -> Any:
    if not (isinstance(before, dict) and isinstance(given, dict)):
        return given
    return {**before, **{name: _merged(before.get(name), inner) for name, inner in given.items()}}


def _lacking(kind: str, parameters: Mapping[str, Any]) -> str:
    """What a call would miss; a change may leave out what a new connection must have."""
    part = parameters[_PART[kind]]
    client = part.get("ClientParameters") or {}
    place = client if kind == "OAUTH_CLIENT_CREDENTIALS" else part
    missing = [name for name in _NEEDED[kind] if not place.get(name)]
    missing += [name for name in ("AuthorizationEndpoint", "HttpMethod") if place is client and not part.get(name)]
    return ", ".join(missing)


def _facts(members: Mapping[str, Any]) -> dict[str, Any]:
    kind, parameters = members["AuthorizationType"], members["AuthParameters"]
    part = _PART.get(kind)
    if part is None:
        raise names.invalid(f"AuthorizationType is one of {', '.join(_PART)}, not {kind}.")
    if not parameters.get(part):
        raise names.invalid(f"AuthorizationType {kind} needs {part} in AuthParameters.")
    if lacking := _lacking(kind, parameters):
        raise names.invalid(f"AuthorizationType {kind} needs {lacking} in AuthParameters.")
    facts = {"AuthorizationType": kind, "AuthParameters": dict(parameters)}
    return facts | ({"Description": members["Description"]} if members.get("Description") else {})


def _public(value: Any) -> Any:
    """Parameters without what is secret."""
    if isinstance(value, dict):
        hidden = value.get("IsValueSecret")
        return {
            name: _public(inner)
            for name, inner in value.items()
            if name not in _SECRET and not (hidden and name == "Value")
        }
    return [_public(inner) for inner in value] if isinstance(value, list) else value


def _short(row: Resource, call: Call) -> dict[str, Any]:
    body = json.loads(row.body)
    return {
        "ConnectionArn": call.arn("events", f"connection/{row.name}/{body['id']}"),
        "ConnectionState": body["state"],
        "CreationTime": row.created_ms / 1000,
        "LastModifiedTime": row.changed_ms / 1000,
    }
