"""Replays: events of an archive are sent again to the rules of their bus, some at a time, with the replay's name."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from flowd.services.events import archives, events, names
from flowd.services.events.tables import Resource, Tables
from flowd.services.ports import Call, Members, ServiceError

KIND: Final = "replay"
AT_ONCE: Final = 100  # events of one transaction
MOST: Final = 10_000
KEPT_MS: Final = 90 * 86_400_000  # a replay that is over is forgotten after 90 days (user guide)
_NAME: Final = re.compile(r"[.\-_A-Za-z0-9]{1,64}")
_GOING: Final = ("STARTING", "RUNNING")


def start_replay(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    name, destination = members["ReplayName"], members["Destination"]
    if not _NAME.fullmatch(name):
        raise names.constraint("replayName", name, r"[\.\-_A-Za-z0-9]+")
    if tables.resource(KIND, name) is not None:
        raise names.exists(f"Replay {name} already exists.")
    archive = archives.known(tables, {"ArchiveName": members["EventSourceArn"].rpartition("archive/")[2]})
    if names.bus_name(destination["Arn"]) != names.bus_name(json.loads(archive.body)["EventSourceArn"]):
        raise names.invalid("Parameter Destination.Arn is not valid. Reason: Cross event bus replay is not permitted.")
    if members["EventStartTime"] >= members["EventEndTime"]:
        reason = "EventStartTime must be before EventEndTime."
        raise names.invalid(f"Parameter EventEndTime is not valid. Reason: {reason}")
    facts = ("Description", "EventSourceArn", "EventStartTime", "EventEndTime", "Destination")
    body = {key: members[key] for key in facts if members.get(key) is not None}
    body |= {"State": "STARTING", "archive": archive.name, "after": 0}
    row = tables.add_resource(
        kind=KIND, name=name, body=json.dumps(body), created_ms=call.now_ms, changed_ms=call.now_ms
    )
    call.due_ms.append(call.now_ms)
    return {**_state(row, call), "ReplayStartTime": row.created_ms / 1000}


def cancel_replay(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    row = _known(tables, members)
    body = json.loads(row.body)
    if body["State"] not in _GOING:
        said = f"Replay {row.name} is not in a valid state for this operation."
        raise ServiceError("IllegalStatusException", said)
    _end(row, body, "CANCELLED", call)
    return _state(row, call)


def describe_replay(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    row = _known(tables, members)
    body = json.loads(row.body)
    facts = {name: body[name] for name in ("Description", "Destination") if name in body}
    return {**_shown(row), **facts, "ReplayArn": call.arn("events", f"replay/{row.name}")}


def list_replays(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    names.check_one_filter("ListReplays", members)
    after, limit = names.page(members)
    found = tables.resources(KIND, members.get("NamePrefix") or "", after, limit + 1)
    shown, token = names.paged(found, limit)
    every = [_shown(row) for row in shown]
    source, state = members.get("EventSourceArn"), members.get("State")
    wanted = [each for each in every if source in (None, each["EventSourceArn"]) and state in (None, each["State"])]
    return {"Replays": wanted, **token}


def tick(tables: Tables, call: Call) -> int | None:
    """Send some events of each replay that is going; returns when to go on."""
    going = False
    for row in tables.resources(KIND, "", "", MOST):
        body = json.loads(row.body)
        if body["State"] in _GOING:
            going |= _go_on(tables, row, body, call)
        elif row.changed_ms <= call.now_ms - KEPT_MS:
            tables.drop_resource(row)
    return call.now_ms if going else None


def _go_on(tables: Tables, row: Resource, body: dict[str, Any], call: Call) -> bool:
    """Send the next events; True while there may be more."""
    begin_ms, end_ms = (round(body[name] * 1000) for name in ("EventStartTime", "EventEndTime"))
    found = tables.archived(body["archive"], body["after"], begin_ms, end_ms, AT_ONCE)
    only = frozenset(body["Destination"].get("FilterArns") or ())
    for each in found:
        event = {**json.loads(each.body), "replay-name": row.name}
        events.publish(tables, names.bus_name(body["Destination"]["Arn"]), event, call, only=only)
        body |= {"after": each.id, "EventLastReplayedTime": each.at_ms / 1000, "State": "RUNNING"}
    if len(found) < AT_ONCE:
        _end(row, body, "COMPLETED", call)
        return False
    row.body = json.dumps(body)
    return True


def _end(row: Resource, body: dict[str, Any], state: str, call: Call) -> None:
    row.body = json.dumps({**body, "State": state, "ReplayEndTime": call.now_ms / 1000})
    row.changed_ms = call.now_ms


def _known(tables: Tables, members: Members) -> Resource:
    row = tables.resource(KIND, members["ReplayName"])
    if row is None:
        raise names.not_found(f"Replay {members['ReplayName']} does not exist.")
    return row


def _state(row: Resource, call: Call) -> dict[str, Any]:
    return {"ReplayArn": call.arn("events", f"replay/{row.name}"), "State": json.loads(row.body)["State"]}


def _shown(row: Resource) -> dict[str, Any]:
    body = json.loads(row.body)
    facts = ("EventSourceArn", "State", "EventStartTime", "EventEndTime", "EventLastReplayedTime", "ReplayEndTime")
    shown = {name: body[name] for name in facts if name in body}
    return {"ReplayName": row.name, **shown, "ReplayStartTime": row.created_ms / 1000}
