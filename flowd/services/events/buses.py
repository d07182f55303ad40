"""Event buses: made, described, listed, deleted."""

from __future__ import annotations

import json
from typing import Any, Final

from flowd.services.events import names
from flowd.services.events.tables import Bus, Tables
from flowd.services.ports import Call, Members

FOREVER: Final = -1


def create_event_bus(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    name = members["Name"]
    names.check_bus_name(name)
    if tables.bus(name) is not None:
        raise names.exists(f"Event bus {name} already exists.")
    if members.get("EventSourceName"):
        raise names.invalid("Partner event sources are not built in flowd")
    tags = json.dumps({tag["Key"]: tag["Value"] for tag in members.get("Tags", ())})
    tables.add_bus(
        name=name,
        description=members.get("Description") or "",
        tags=tags,
        created_ms=call.now_ms,
        changed_ms=call.now_ms,
    )
    answer = {"EventBusArn": names.bus_arn(call, name)}
    return answer | ({"Description": members["Description"]} if members.get("Description") else {})


def delete_event_bus(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    name = names.bus_name(members["Name"])
    if name == names.DEFAULT:
        raise names.invalid("Cannot delete event bus default.")
    bus = tables.bus(name)
    if bus is None:
        return {}  # as on AWS
    if tables.rules(name, "", "", 1):
        raise names.invalid("Cannot delete EventBus since it still has rules.")
    tables.drop_bus(bus)
    return {}


def update_event_bus(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    name = names.known_bus(tables, members.get("Name"))
    bus = tables.bus(name)
    if bus is not None and members.get("Description") is not None:
        bus.description, bus.changed_ms = members["Description"], call.now_ms
    return _shown(call, name, bus)


def describe_event_bus(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    name = names.known_bus(tables, members.get("Name"))
    return _shown(call, name, names.bus_row(tables, name))


def list_event_buses(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    after, limit = names.page(members)
    prefix = members.get("NamePrefix") or ""
    found: list[Any] = list(tables.buses(prefix, after, limit + 1))
    shown, token = names.paged(found, limit)
    first = [_shown(call, names.DEFAULT, None)] if not after and names.DEFAULT.startswith(prefix) else []
    return {"EventBuses": first + [_shown(call, bus.name, bus) for bus in shown], **token}


def _shown(call: Call, name: str, bus: Bus | None) -> dict[str, Any]:
    found: dict[str, Any] = {"Name": name, "Arn": names.bus_arn(call, name)}
    if bus is not None:
        found |= {"CreationTime": bus.created_ms / 1000, "LastModifiedTime": bus.changed_ms / 1000}
        if bus.description:
            found["Description"] = bus.description
    return found
