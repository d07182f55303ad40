"""How a template wants a function's asynchronous invocations tried, and who is told: EventInvokeConfig, dead letters.

Sources: SAM specification, EventInvokeConfiguration and DeadLetterQueue; CloudFormation reference,
AWS::Lambda::EventInvokeConfig.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from flowd.functions import AsyncSettings, FunctionSpec
from flowd.names import split_arn
from flowd.sam.intrinsics import Unresolvable
from flowd.sam.project import UNSUPPORTED
from flowd.sam.resources import Template

EVENT_INVOKE_CONFIG: Final = "AWS::Lambda::EventInvokeConfig"
#: Properties of a function that are read here.
PROPERTIES: Final = ("DeadLetterConfig", "DeadLetterQueue", "EventInvokeConfig")
_TOLD: Final = ("sqs", "sns", "lambda", "events")
_LETTERS: Final = ("sqs", "sns")


class Wrong(Exception):
    """A property cannot be taken."""

    def __init__(self, property_name: str, message: str) -> None:
        super().__init__(message)
        self.property = property_name


def settings_of(template: Template, properties: dict[str, Any]) -> AsyncSettings:
    """Those of one function. Raises Wrong, Unresolvable."""
    given = template.resolver.value({name: properties[name] for name in PROPERTIES if name in properties})
    settings = _read(given.get("EventInvokeConfig") or {}, "EventInvokeConfig")
    for name in ("DeadLetterConfig", "DeadLetterQueue"):
        if given.get(name):
            settings = msgspec.structs.replace(settings, dead_letter=_arn(given[name], "TargetArn", name, _LETTERS))
    return settings


def with_configs(template: Template, logical_ids: Iterable[str], functions: list[FunctionSpec]) -> list[FunctionSpec]:
    """The functions with what resources of their own say of them."""
    named = {function.name: function for function in functions}
    for logical_id in logical_ids:
        place = ("Resources", logical_id, "Properties")
        try:
            given = template.resolver.value(dict(template.properties(logical_id)))
            name = str(given.get("FunctionName") or "")
            arn = split_arn(name)
            function = named.get((arn.rest if arn else name).partition(":")[0])
            if function is None:
                raise Wrong("FunctionName", f"there is no function {name} in this template")
            dead_letter = function.asynchronous.dead_letter
            settings = msgspec.structs.replace(_read(given, "DestinationConfig"), dead_letter=dead_letter)
        except Wrong as wrong:
            template.refuse(logical_id, str(wrong), *place, wrong.property)
        except Unresolvable as problem:
            template.refuse(logical_id, problem.message, *place, code=UNSUPPORTED)
        else:
            named[function.name] = msgspec.structs.replace(function, asynchronous=settings)
    return [named[function.name] for function in functions]


def _read(given: Any, name: str) -> AsyncSettings:
    if not isinstance(given, dict):
        raise Wrong(name, f"{name} must be a mapping")
    destinations = given.get("DestinationConfig") or {}
    if not isinstance(destinations, dict):
        raise Wrong(name, "DestinationConfig must be a mapping")
    return AsyncSettings(
        retries=_whole(given, "MaximumRetryAttempts", 2, 0, 2, name),
        age_s=_whole(given, "MaximumEventAgeInSeconds", 21_600, 60, 21_600, name),
        on_success=_told(destinations, "OnSuccess", name),
        on_failure=_told(destinations, "OnFailure", name),
    )


def _told(destinations: dict[str, Any], member: str, name: str) -> str:
    return _arn(destinations[member], "Destination", f"{member} of {name}", _TOLD) if destinations.get(member) else ""


def _arn(given: Any, member: str, name: str, kinds: tuple[str, ...]) -> str:
    text = given.get(member) if isinstance(given, dict) else None
    if not isinstance(text, str) or not text:
        raise Wrong(name.rpartition(" ")[2], f"{name} needs a {member}; none is made for it")
    arn = split_arn(text)
    if arn is None or arn.service not in kinds:
        raise Wrong(name.rpartition(" ")[2], f"{name} can tell {', '.join(kinds)}, not {text}")
    return text


def _whole(given: dict[str, Any], member: str, default: int, least: int, most: int, name: str) -> int:
    value = given.get(member, default)
    text = str(value)
    if isinstance(value, bool) or not text.isdecimal() or not least <= int(text) <= most:
        raise Wrong(name, f"{member} is {text}; it must be a whole number from {least} to {most}")
    return int(text)
