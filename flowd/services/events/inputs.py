"""What a target gets of an event: the whole, a constant, a part of it, or a template that is filled in.

Pure text and values. Paths are EventBridge's JSON paths: members by name, elements by number.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from flowd.services.ports import ServiceError

_STEP: Final = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\[['\"]([^'\"]+)['\"]\]")
_PLACE: Final = re.compile(r"<([A-Za-z0-9_.-]+)>")
_MISSING: Final = object()
MOST_PATHS: Final = 100


def dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def check(target: Mapping[str, Any]) -> None:
    """Raise ValidationException for an input that cannot be made."""
    given = [name for name in ("Input", "InputPath", "InputTransformer") if target.get(name) is not None]
    if len(given) > 1:
        raise _invalid(f"Only one of Input, InputPath, or InputTransformer must be provided for target {target['Id']}.")
    if target.get("InputPath"):
        _steps(target["InputPath"])
    transformer = target.get("InputTransformer")
    if transformer is None:
        return
    paths = transformer.get("InputPathsMap") or {}
    if len(paths) > MOST_PATHS:
        raise _invalid(f"InputPathsMap has {MOST_PATHS} members at most.")
    for path in paths.values():
        _steps(path)
    for name in _PLACE.findall(transformer["InputTemplate"]):
        if name not in paths and not name.startswith("aws.events."):
            where = f"InputTemplate for target {target['Id']}"
            raise _invalid(f"{where} contains placeholder {name} which is not in InputPathsMap.")


def text_for(target: Mapping[str, Any], event: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    """The body for a target. `facts` are the `aws.events.*` of this rule and moment."""
    if target.get("Input") is not None:
        return str(target["Input"])
    if target.get("InputPath"):
        found = select(event, target["InputPath"])
        return "{}" if found is _MISSING else dumps(found)
    if target.get("InputTransformer"):
        return _filled(target["InputTransformer"], event, facts)
    return dumps(event)


def select(event: Any, path: str) -> Any:
    """The value at a path, or a mark that there is none."""
    found = event
    for step in _steps(path):
        if isinstance(step, int):
            if not isinstance(found, list) or step >= len(found):
                return _MISSING
            found = found[step]
        else:
            if not isinstance(found, dict) or step not in found:
                return _MISSING
            found = found[step]
    return found


def part_of(event: Any, path: str) -> Any:
    """The value at a path; an empty text where there is none."""
    found = select(event, path)
    return "" if found is _MISSING else found


def _steps(path: str) -> list[str | int]:
    steps: list[str | int] = []
    at = 1
    while path.startswith("$") and at < len(path):
        match = _STEP.match(path, at)
        if match is None:
            break
        steps.append(int(match[2]) if match[2] is not None else match[1] or match[3])
        at = match.end()
    if not path.startswith("$") or at != len(path):
        raise _invalid(f"Invalid JSON path: {path}")
    return steps


def _filled(transformer: Mapping[str, Any], event: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    """Within quotes a value stands as text, outside as JSON; what an event does not have is an empty text."""
    values = {name: select(event, path) for name, path in (transformer.get("InputPathsMap") or {}).items()}
    values = {name: "" if value is _MISSING else value for name, value in values.items()} | dict(facts)
    values["aws.events.event"] = {name: value for name, value in event.items() if name != "detail"}
    values["aws.events.event.json"] = dict(event)
    template = str(transformer["InputTemplate"])
    parts: list[str] = []
    at, quoted = 0, False
    for match in _PLACE.finditer(template):
        before = template[at : match.start()]
        quoted ^= len(re.findall(r'(?<!\\)"', before)) % 2 == 1
        parts.append(before)
        parts.append(_inserted(values[match[1]], quoted) if match[1] in values else match[0])
        at = match.end()
    return "".join([*parts, template[at:]])


def _inserted(value: Any, quoted: bool) -> str:
    if not quoted:
        return dumps(value)
    return dumps(value)[1:-1] if isinstance(value, str) else dumps(value).replace('"', '\\"')


def _invalid(reason: str) -> ServiceError:
    return ServiceError("ValidationException", reason)
