"""Archives: the events of a bus are kept as they come, for so many days or for ever, to be sent again by a replay."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from flowd.services.events import names, patterns
from flowd.services.events.tables import Resource, Tables
from flowd.services.ports import Call, Members

KIND: Final = "archive"
MOST: Final = 100  # archives of one box (quotas)
LOOK_MS: Final = 3_600_000  # how often what is too old is thrown away
_DAY_MS: Final = 86_400_000
_NAME: Final = re.compile(r"[.\-_A-Za-z0-9]{1,48}")


def create_archive(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    name = members["ArchiveName"]
    if not _NAME.fullmatch(name):
        raise names.constraint("archiveName", name, r"[\.\-_A-Za-z0-9]+")
    if tables.resource(KIND, name) is not None:
        raise names.exists(f"Archive {name} already exists.")
    names.known_bus(tables, members["EventSourceArn"])
    body = {"EventSourceArn": members["EventSourceArn"], "RetentionDays": 0, **_facts(members)}
    row = tables.add_resource(
        kind=KIND, name=name, body=json.dumps(body), created_ms=call.now_ms, changed_ms=call.now_ms
    )
    call.due_ms.append(call.now_ms + LOOK_MS)
    call.wake.append(names.RULES_CHANGED)
    return _short(row, call)


def update_archive(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    row = known(tables, members)
    row.body = json.dumps({**json.loads(row.body), **_facts(members)})
    row.changed_ms = call.now_ms
    call.wake.append(names.RULES_CHANGED)
    return _short(row, call)


def delete_archive(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    row = known(tables, members)
    tables.drop_archived(row.name)
    tables.drop_resource(row)
    call.wake.append(names.RULES_CHANGED)
    return {}


def describe_archive(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    row = known(tables, members)
    body = json.loads(row.body)
    facts = {name: body[name] for name in ("Description", "EventPattern") if name in body}
    return {**_shown(tables, row), **facts, "ArchiveArn": arn_of(row.name, call)}


def list_archives(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    names.check_one_filter("ListArchives", members)
    after, limit = names.page(members)
    found = tables.resources(KIND, members.get("NamePrefix") or "", after, limit + 1)
    shown, token = names.paged(found, limit)
    every = [_shown(tables, row) for row in shown]
    source, state = members.get("EventSourceArn"), members.get("State")
    wanted = [each for each in every if source in (None, each["EventSourceArn"]) and state in (None, each["State"])]
    return {"Archives": wanted, **token}


def keep(tables: Tables, bus: str, event: Mapping[str, Any], call: Call) -> None:
    """Keep an event in the archives of its bus that want it. One that is replayed is there already."""
    if "replay-name" in event:
        return
    for row in tables.resources(KIND, "", "", MOST):
        if _wants(row, bus, event):
            tables.add_archived(row.name, call.now_ms, json.dumps(dict(event), ensure_ascii=False))


def patterns_of(tables: Tables, bus: str) -> list[str | None]:
    """What the archives of a bus want; None is everything."""
    bodies = [json.loads(row.body) for row in tables.resources(KIND, "", "", MOST)]
    return [body.get("EventPattern") for body in bodies if names.bus_name(body["EventSourceArn"]) == bus]


def tick(tables: Tables, call: Call) -> int | None:
    """Throw away what is too old; returns when to look again."""
    found = tables.resources(KIND, "", "", MOST)
    for row in found:
        days = json.loads(row.body)["RetentionDays"]
        if days:
            tables.drop_archived(row.name, call.now_ms - days * _DAY_MS)
    return call.now_ms + LOOK_MS if found else None


def known(tables: Tables, members: Members) -> Resource:
    row = tables.resource(KIND, members["ArchiveName"])
    if row is None:
        raise names.not_found(f"Archive {members['ArchiveName']} does not exist.")
    return row


def arn_of(name: str, call: Call) -> str:
    return call.arn("events", f"archive/{name}")


def _wants(row: Resource, bus: str, event: Mapping[str, Any]) -> bool:
    body = json.loads(row.body)
    if names.bus_name(body["EventSourceArn"]) != bus:
        return False
    return not body.get("EventPattern") or patterns.compiled(body["EventPattern"])(event)


def _facts(members: Members) -> dict[str, Any]:
    if members.get("EventPattern"):
        patterns.compiled(members["EventPattern"])
    if members.get("KmsKeyIdentifier"):
        raise names.invalid("Archives with a key of one's own are not built in flowd.")
    given = ("Description", "EventPattern", "RetentionDays")
    return {name: members[name] for name in given if members.get(name) is not None}


def _short(row: Resource, call: Call) -> dict[str, Any]:
    return {"ArchiveArn": arn_of(row.name, call), "State": "ENABLED", "CreationTime": row.created_ms / 1000}


def _shown(tables: Tables, row: Resource) -> dict[str, Any]:
    body = json.loads(row.body)
    count, size = tables.archived_size(row.name)
    return {
        "ArchiveName": row.name,
        "EventSourceArn": body["EventSourceArn"],
        "State": "ENABLED",
        "RetentionDays": body["RetentionDays"],
        "SizeBytes": size,
        "EventCount": count,
        "CreationTime": row.created_ms / 1000,
    }
