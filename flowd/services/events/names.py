"""Names and ARNs of EventBridge, the errors about them, and pages of lists."""

from __future__ import annotations

import base64
import re
from typing import Any, Final

from flowd.services.events.tables import Bus, Rule, Tables
from flowd.services.ports import Call, Members, ServiceError

DEFAULT: Final = "default"
PAGE: Final = 100
#: What is woken when a rule or an archive of some bus has changed.
RULES_CHANGED: Final = "events:rules"
_NAME: Final = re.compile(r"[/.\-_A-Za-z0-9]{1,256}")
_RULE: Final = re.compile(r"[.\-_A-Za-z0-9]{1,64}")


def bus_name(given: str | None) -> str:
    """The name of a bus that is given by name, by ARN or not at all."""
    if not given:
        return DEFAULT
    return given.rpartition("event-bus/")[2] if given.startswith("arn:") else given


def known_bus(tables: Tables, given: str | None) -> str:
    """The name of a bus that there is."""
    name = bus_name(given)
    if name != DEFAULT and tables.bus(name) is None:
        raise not_found(f"Event bus {name} does not exist.")
    return name


def bus_arn(call: Call, name: str) -> str:
    return call.arn("events", f"event-bus/{name}")


def rule_arn(call: Call, rule: Rule) -> str:
    return call.arn("events", f"rule/{rule.name}" if rule.bus == DEFAULT else f"rule/{rule.bus}/{rule.name}")


def known_rule(tables: Tables, members: Members, member: str = "Name") -> Rule:
    """The rule that a request names."""
    bus = known_bus(tables, members.get("EventBusName"))
    rule = tables.rule(bus, members[member])
    if rule is None:
        raise not_found(f"Rule {members[member]} does not exist on EventBus {bus}.")
    return rule


def check_bus_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise constraint("name", name, r"[/\.\-_A-Za-z0-9]+")
    if name == DEFAULT or "/" in name:
        said = "default is AWS's own" if name == DEFAULT else "Event bus name must not contain '/'."
        raise invalid(said)


def check_rule_name(name: str) -> None:
    if not _RULE.fullmatch(name):
        raise constraint("name", name, r"[\.\-_A-Za-z0-9]+")


def page(members: Members) -> tuple[str, int]:
    """After which name a list goes on, and how many it may show."""
    token = members.get("NextToken") or ""
    try:
        after = base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except ValueError:
        raise invalid(f"NextToken is none of ours: {token[:100]}") from None
    return after, int(members.get("Limit", PAGE))


def check_one_filter(operation: str, members: Members) -> None:
    """ "Filter parameters are exclusive" (API reference, ListArchives and ListReplays)."""
    if sum(members.get(name) is not None for name in ("State", "EventSourceArn", "NamePrefix")) > 1:
        said = "Use either : State, EventSourceArn, or NamePrefix."
        raise invalid(f"At most one filter is allowed for {operation}. {said}")


def paged(found: Any, limit: int) -> tuple[list[Any], dict[str, str]]:
    """The rows of a page, of which one more was asked for, and the token of the next."""
    shown = list(found[:limit])
    if len(found) <= limit:
        return shown, {}
    return shown, {"NextToken": base64.urlsafe_b64encode(shown[-1].name.encode()).decode()}


def bus_row(tables: Tables, name: str) -> Bus | None:
    return None if name == DEFAULT else tables.bus(name)


def not_found(message: str) -> ServiceError:
    return ServiceError("ResourceNotFoundException", message)


def invalid(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)


def exists(message: str) -> ServiceError:
    return ServiceError("ResourceAlreadyExistsException", message)


def constraint(member: str, value: str, pattern: str) -> ServiceError:
    return invalid(
        f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: "
        f"Member must satisfy regular expression pattern: {pattern}"
    )
