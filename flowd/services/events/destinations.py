"""API destinations: endpoints of HTTP as targets of rules, called with the credentials of a connection."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from flowd.services.events import connections, names
from flowd.services.events.tables import Resource, Tables
from flowd.services.ports import Call, Members

KIND: Final = "api-destination"
RATE: Final = 300  # calls a second where nothing is said (quotas)
_NAME: Final = re.compile(r"[.\-_A-Za-z0-9]{1,64}")
_FACTS: Final = ("Description", "ConnectionArn", "InvocationEndpoint", "HttpMethod", "InvocationRateLimitPerSecond")


def create_api_destination(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    name = members["Name"]
    if not _NAME.fullmatch(name):
        raise names.constraint("name", name, r"[\.\-_A-Za-z0-9]+")
    if tables.resource(KIND, name) is not None:
        raise names.exists(f"An api-destination '{name}' already exists.")
    body = {**_facts(tables, members), "id": call.new_id()}
    row = tables.add_resource(
        kind=KIND, name=name, body=json.dumps(body), created_ms=call.now_ms, changed_ms=call.now_ms
    )
    return _short(tables, row, call)


def update_api_destination(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    row = _known(tables, members)
    body = json.loads(row.body)
    row.body = json.dumps({**body, **_facts(tables, {**body, **members})})
    row.changed_ms = call.now_ms
    return _short(tables, row, call)


def delete_api_destination(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    tables.drop_resource(_known(tables, members))
    return {}


def describe_api_destination(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    row = _known(tables, members)
    return _shown(tables, row, call) | {
        name: value for name, value in json.loads(row.body).items() if name == "Description"
    }


def list_api_destinations(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    after, limit = names.page(members)
    found = tables.resources(KIND, members.get("NamePrefix") or "", after, limit + 1)
    shown, token = names.paged(found, limit)
    every = [_shown(tables, row, call) for row in shown]
    wanted = members.get("ConnectionArn")
    return {"ApiDestinations": [each for each in every if wanted in (None, each["ConnectionArn"])], **token}


def find(tables: Tables, name: str) -> dict[str, Any] | None:
    """ConnectionArn, InvocationEndpoint, HttpMethod and the rate of a destination."""
    row = tables.resource(KIND, name)
    return None if row is None else {"InvocationRateLimitPerSecond": RATE, **json.loads(row.body)}


def name_of(arn: str) -> str:
    """`arn:...:api-destination/NAME/ID`."""
    return arn.partition("api-destination/")[2].partition("/")[0]


def _known(tables: Tables, members: Members) -> Resource:
    row = tables.resource(KIND, members["Name"])
    if row is None:
        raise names.not_found(f"Failed to describe the api-destination(s). '{members['Name']}' does not exist.")
    return row


def _facts(tables: Tables, members: Mapping[str, Any]) -> dict[str, Any]:
    facts = {name: members[name] for name in _FACTS if members.get(name) is not None}
    name = connections.name_of(facts["ConnectionArn"])
    if tables.resource(connections.KIND, name) is None:
        raise names.not_found(f"Connection '{name}' does not exist.")
    if not facts["InvocationEndpoint"].startswith(("https://", "http://")):
        raise names.invalid(
            "Parameter InvocationEndpoint is not valid. Reason: it must begin with https:// or http://."
        )
    return facts


def _state(tables: Tables, body: Mapping[str, Any]) -> str:
    row = tables.resource(connections.KIND, connections.name_of(body["ConnectionArn"]))
    state = None if row is None else json.loads(row.body)["state"]
    return "ACTIVE" if state == "AUTHORIZED" else "INACTIVE"


def _short(tables: Tables, row: Resource, call: Call) -> dict[str, Any]:
    body = json.loads(row.body)
    return {
        "ApiDestinationArn": call.arn("events", f"api-destination/{row.name}/{body['id']}"),
        "ApiDestinationState": _state(tables, body),
        "CreationTime": row.created_ms / 1000,
        "LastModifiedTime": row.changed_ms / 1000,
    }


def _shown(tables: Tables, row: Resource, call: Call) -> dict[str, Any]:
    body = json.loads(row.body)
    facts = {name: body[name] for name in _FACTS if name in body and name != "Description"}
    return {"Name": row.name, **facts, **_short(tables, row, call)}
