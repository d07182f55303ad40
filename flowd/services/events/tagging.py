"""Tags of buses and rules."""

from __future__ import annotations

import json
from typing import Any

from flowd.services.events import names
from flowd.services.events.tables import Bus, Rule, Tables
from flowd.services.ports import Call, Members


def tag_resource(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    found = _resource(tables, members["ResourceARN"])
    found.tags = json.dumps(json.loads(found.tags) | {tag["Key"]: tag["Value"] for tag in members["Tags"]})
    return {}


def untag_resource(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    found = _resource(tables, members["ResourceARN"])
    left = {key: value for key, value in json.loads(found.tags).items() if key not in members["TagKeys"]}
    found.tags = json.dumps(left)
    return {}


def list_tags_for_resource(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    tags = json.loads(_resource(tables, members["ResourceARN"]).tags)
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}


def _resource(tables: Tables, arn: str) -> Bus | Rule:
    kind, _, rest = arn.rpartition(":")[2].partition("/")
    found: Bus | Rule | None = None
    if kind == "event-bus":
        found = tables.bus(rest)
    elif kind == "rule":
        bus, _, name = rest.rpartition("/")
        found = tables.rule(bus or names.DEFAULT, name)
    if found is None:
        raise names.not_found(f"{arn} does not exist, or has no tags.")
    return found
