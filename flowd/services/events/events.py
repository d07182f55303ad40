"""Events: taken, matched against the rules of their bus, sent to the targets. All in one transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from flowd.services.events import archives, names, patterns, targets
from flowd.services.events.tables import Tables
from flowd.services.ports import Call, Delivery, Members, ServiceError

LARGEST: Final = 1_048_576  # of one request (1 MiB since 2026; 256 KiB before)
_REQUIRED: Final = ("Source", "DetailType", "Detail")
HOPS: Final = 10  # a rule that sends to its own bus would go round for ever


def put_events(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    """What is wrong with an entry is told in its place; the others are taken."""
    entries = members["Entries"]
    if sum(_size(entry) for entry in entries) > LARGEST:
        raise names.invalid("Total size of the entries in the request is over the limit.")
    results = [_put(tables, entry, call) for entry in entries]
    return {"FailedEntryCount": sum("ErrorCode" in result for result in results), "Entries": results}


def _put(tables: Tables, entry: Members, call: Call) -> dict[str, Any]:
    for name in _REQUIRED:
        if not entry.get(name):
            return _failed("InvalidArgument", f"Parameter {name} is not valid. Reason: {name} is a required argument.")
    if entry["Source"].startswith("aws.") and call.who != "flowd":
        return _failed("NotAuthorizedForSourceException", "Not authorized for the source.")
    try:
        detail = json.loads(entry["Detail"], parse_constant=_no_constant)
    except (ValueError, RecursionError):
        detail = None
    if not isinstance(detail, dict):
        return _failed("MalformedDetail", "Detail is malformed.")
    event = {
        "version": "0",
        "id": call.new_id(),
        "detail-type": entry["DetailType"],
        "source": entry["Source"],
        "account": call.account,
        "time": _time(entry.get("Time"), call.now_ms),
        "region": call.region,
        "resources": list(entry.get("Resources") or ()),
        "detail": detail,
    }
    sent = len(call.deliveries)
    try:
        publish(tables, names.bus_name(entry.get("EventBusName")), event, call)
    except RecursionError:
        del call.deliveries[sent:]
        return _failed("MalformedDetail", "Detail is malformed: it is nested too deeply.")
    return {"EventId": event["id"]}


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def publish(
    tables: Tables,
    bus: str,
    event: Mapping[str, Any],
    call: Call,
    hops: int = 0,
    only: frozenset[str] = frozenset(),
) -> None:
    """Tell the targets of all rules that the event matches, of `only` these ARNs if there are any. A bus that does not
    exist has no rules (as on AWS)."""
    archives.keep(tables, bus, event, call)
    for rule in tables.enabled_rules(bus):
        if only and names.rule_arn(call, rule) not in only:
            continue
        if not patterns.compiled(rule.pattern)(event):
            continue
        for delivery in targets.deliveries(tables, rule, event, call):
            if ":event-bus/" not in delivery.target:
                call.deliveries.append(delivery)
            elif hops < HOPS:
                call.deliveries.append(replace(delivery, options={"hops": hops + 1}))


def accept(tables: Tables, delivery: Delivery, call: Call) -> None:
    """An event that another bus, a service or the engine sends to a bus. Raises ServiceError."""
    bus = names.bus_name(delivery.target)
    if bus != names.DEFAULT and tables.bus(bus) is None:
        raise names.not_found(f"Event bus {bus} does not exist.")
    try:
        event = json.loads(delivery.body)
    except ValueError:
        event = None
    if not isinstance(event, dict) or "id" not in event or "time" not in event:
        raise ServiceError("MalformedDetail", "A bus takes events only; give this target no Input of its own.")
    publish(tables, bus, event, call, int(delivery.options.get("hops", 0)))


def test_event_pattern(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    match = patterns.compiled(members["EventPattern"])
    try:
        event = json.loads(members["Event"])
    except ValueError:
        event = None
    if not isinstance(event, dict):
        raise names.invalid("Parameter Event is not valid. Reason: it is no JSON object.")
    for name in ("id", "account", "source", "time", "region", "resources", "detail-type"):
        if name not in event:
            raise names.invalid(f"Parameter Event is not valid. Reason: {name} is a required field.")
    try:
        return {"Result": match(event)}
    except RecursionError:
        raise names.invalid("Parameter Event is not valid. Reason: it is nested too deeply.") from None


def _failed(code: str, message: str) -> dict[str, Any]:
    return {"ErrorCode": code, "ErrorMessage": message}


def _time(given: float | None, now_ms: int) -> str:
    """In whole seconds."""
    return f"{datetime.fromtimestamp(int(now_ms / 1000 if given is None else given), UTC):%Y-%m-%dT%H:%M:%SZ}"


def _size(entry: Members) -> int:
    """As the API reference counts: 14 bytes for a time, texts in UTF-8."""
    texts = (entry.get("Source"), entry.get("DetailType"), entry.get("Detail"), *(entry.get("Resources") or ()))
    return sum(len(text.encode("utf-8", "replace")) for text in texts if text) + (14 if entry.get("Time") else 0)
