"""Rules: a pattern on a bus, a schedule, or both; switched on or off."""

from __future__ import annotations

import json
from typing import Any

from flowd.services.events import names, own, patterns, scheduled
from flowd.services.events.tables import Rule, Tables
from flowd.services.ports import Call, Members

_OFF, _ON = "DISABLED", "ENABLED"


def put_rule(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    """Make a rule or change the one of that name; its tags stay as they were made."""
    names.check_rule_name(members["Name"])
    bus = names.known_bus(tables, members.get("EventBusName"))
    pattern, schedule = members.get("EventPattern") or "", members.get("ScheduleExpression") or ""
    if not (pattern or schedule):
        raise names.invalid("Parameter(s) EventPattern or ScheduleExpression must be specified.")
    if pattern:
        patterns.compiled(pattern)
    if schedule:
        scheduled.check(schedule, bus)
    facts = {
        "pattern": pattern,
        "schedule": schedule,
        "enabled": members.get("State", _ON) != _OFF,
        "description": members.get("Description") or "",
        "role": members.get("RoleArn") or "",
    }
    rule = tables.rule(bus, members["Name"])
    if rule is None:
        tags = json.dumps({tag["Key"]: tag["Value"] for tag in members.get("Tags", ())})
        rule = tables.add_rule(bus=bus, name=members["Name"], owner="api", tags=tags, **facts)
    else:
        _refuse_owned(rule, "change")
        for name, value in facts.items():
            setattr(rule, name, value)
    scheduled.arm(rule, call)
    call.wake.append(own.RULES_CHANGED)
    return {"RuleArn": names.rule_arn(call, rule)}


def delete_rule(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    bus = names.known_bus(tables, members.get("EventBusName"))
    rule = tables.rule(bus, members["Name"])
    if rule is None:
        return {}  # as on AWS
    _refuse_owned(rule, "delete")
    if tables.targets(rule):
        raise names.invalid("Rule can't be deleted since it has targets.")
    tables.drop_rule(rule)
    return {}


def describe_rule(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    return _shown(call, names.known_rule(tables, members)) | {"CreatedBy": call.account}


def enable_rule(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    return _switch(tables, members, call, on=True)


def disable_rule(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    return _switch(tables, members, call, on=False)


def _switch(tables: Tables, members: Members, call: Call, *, on: bool) -> dict[str, Any]:
    rule = names.known_rule(tables, members)
    rule.enabled = on
    scheduled.arm(rule, call)
    call.wake.append(own.RULES_CHANGED)
    return {}


def list_rules(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    bus = names.known_bus(tables, members.get("EventBusName"))
    after, limit = names.page(members)
    found, token = names.paged(tables.rules(bus, members.get("NamePrefix") or "", after, limit + 1), limit)
    return {"Rules": [_shown(call, rule) for rule in found], **token}


def list_rule_names_by_target(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    bus = names.known_bus(tables, members.get("EventBusName"))
    after, limit = names.page(members)
    found = [rule for rule in tables.rules_to(bus, members["TargetArn"]) if rule.name > after]
    shown, token = names.paged(found, limit)
    return {"RuleNames": [rule.name for rule in shown], **token}


def _shown(call: Call, rule: Rule) -> dict[str, Any]:
    found = {
        "Name": rule.name,
        "Arn": names.rule_arn(call, rule),
        "EventPattern": rule.pattern or None,
        "ScheduleExpression": rule.schedule or None,
        "State": _ON if rule.enabled else _OFF,
        "Description": rule.description or None,
        "RoleArn": rule.role or None,
        "EventBusName": rule.bus,
    }
    return {name: value for name, value in found.items() if value is not None}


def _refuse_owned(rule: Rule, verb: str) -> None:
    if rule.owner != "api":
        raise names.invalid(f"Cannot {verb} rule {rule.name}: it belongs to {rule.owner}; change it there.")
