"""What AWS says about a request that breaks its service model: every broken constraint, in AWS's own words.

For Step Functions and SWF it is the slow path: it runs only when the fast decoders of the API have refused a request.
It works on a plain value and the service model, and knows no operation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from flowd.errors import SerializationException, ValidationException

SHOWN = 4096  # characters of an offending value that are echoed
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "boolean": (bool,),
    "timestamp": (int, float),
    "list": (list,),
    "structure": (dict,),
    "map": (dict,),
    "blob": (bytes,),
}
_FOUND: dict[type, str] = {
    str: "STRING_VALUE",
    bool: "BOOLEAN_VALUE",
    int: "NUMBER_VALUE",
    float: "NUMBER_VALUE",
    list: "START_ARRAY",
    dict: "START_OBJECT",
}
_WANTED = {"string": "String", "integer": "Integer", "long": "Long", "float": "Float", "boolean": "Boolean"}


def explain(shape: StructureShape, value: Mapping[str, Any]) -> ValidationException | None:
    """All broken constraints of a request as one ValidationException, or None if there are none.

    Raises SerializationException at the first value of a wrong JSON type, as the service does.
    """
    found = told(_structure(shape, value, "", strict=True))
    return ValidationException(found) if found else None


def broken(shape: StructureShape, value: Mapping[str, Any]) -> str:
    """The same for services that name members in camel case; "" if nothing is broken.

    Types have been read by now, or are a template's; patterns are left to the services, which take names of any region
    and account.
    """
    return told(_structure(shape, value, "", strict=False))


def told(constraints: Iterable[str]) -> str:
    """Broken constraints as the message of one error."""
    found = list(constraints)
    many = "error" if len(found) == 1 else "errors"
    return f"{len(found)} validation {many} detected: {'; '.join(found)}" if found else ""


def _place(path: str, name: str, strict: bool) -> str:
    said = name if strict else name.lower() if name.isupper() else name[:1].lower() + name[1:]
    return f"{path}.{said}" if path else said


def _structure(shape: StructureShape, value: Mapping[str, Any], path: str, *, strict: bool) -> Iterable[str]:
    required = set(shape.required_members)
    for name, member in shape.members.items():
        place = _place(path, name, strict)
        inner = value.get(name)
        if inner is not None:
            yield from _check(member, inner, place, strict=strict)
        elif name in required:
            yield f"Value null at '{place}' failed to satisfy constraint: Member must not be null"


def _check(shape: Shape, value: Any, place: str, *, strict: bool) -> Iterable[str]:
    kind = shape.type_name
    if strict:
        _check_type(kind, value, place)
    elif not isinstance(value, _TYPES[kind]):
        return
    if isinstance(shape, StructureShape):
        yield from _structure(shape, value, place, strict=strict)
    elif isinstance(shape, ListShape):
        yield from _limits(shape, value, len(value), "length", place)
        for index, member in enumerate(value, 1):
            if member is None:
                yield f"Value null at '{place}.{index}.member' failed to satisfy constraint: Member must not be null"
            else:
                yield from _check(shape.member, member, f"{place}.{index}.member", strict=strict)
    elif isinstance(shape, MapShape):
        for key, member in value.items():
            yield from _check(shape.value, member, f"{place}.{key}", strict=strict)
    elif kind == "string":
        yield from _limits(shape, value, len(value), "length", place)
        yield from _text(shape, value, place, strict=strict)
    elif kind in ("integer", "long", "float", "double"):
        yield from _limits(shape, value, value, "value", place)


def _check_type(kind: str, value: Any, place: str) -> None:
    if isinstance(value, _TYPES[kind]) and not (isinstance(value, bool) and kind != "boolean"):
        return
    found = _FOUND.get(type(value), "NULL_VALUE")
    raise SerializationException(f"{found} can not be converted to {_WANTED.get(kind, kind)} at '{place}'")


def _limits(shape: Shape, value: Any, measure: float, what: str, place: str) -> Iterable[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and measure < least:
        yield f"{_at(shape, value, place)}: Member must have {what} greater than or equal to {least}"
    if most is not None and measure > most:
        yield f"{_at(shape, value, place)}: Member must have {what} less than or equal to {most}"


def _text(shape: Shape, value: str, place: str, *, strict: bool) -> Iterable[str]:
    pattern = shape.metadata.get("pattern") if strict else None
    if pattern and not re.search(python_pattern(pattern), value):
        yield f"{_at(shape, value, place)}: Member must satisfy regular expression pattern: {pattern}"
    allowed = shape.metadata.get("enum")
    if allowed and value not in allowed:
        listed = ", ".join(as_a_java_set(allowed))
        yield f"{_at(shape, value, place)}: Member must satisfy enum value set: [{listed}]"


def _at(shape: Shape, value: Any, place: str) -> str:
    """A sensitive value is not echoed."""
    shown = "" if shape.metadata.get("sensitive") else f" '{_as_java(shape, value)[:SHOWN]}'"
    return f"Value{shown} at '{place}' failed to satisfy constraint"


def _as_java(shape: Shape, value: Any) -> str:
    """How the service writes a value: `[Item(arn=..., weight=50)]` (recorded for routing configurations)."""
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        members = (f"{name}={_as_java(inner, value.get(name))}" for name, inner in shape.members.items())
        return f"{shape.name}({', '.join(members)})"
    if isinstance(shape, ListShape) and isinstance(value, list):
        return f"[{', '.join(_as_java(shape.member, member) for member in value)}]"
    return "null" if value is None else str(value)


def python_pattern(pattern: str) -> str:
    """A pattern of the model (Java's dialect, matched against the whole text) in Python's dialect."""
    return rf"\A(?:{pattern.replace(chr(92) + 'p{ASCII}', '[' + chr(92) + 'x00-' + chr(92) + 'x7f]')})\Z"


def as_a_java_set(values: Iterable[str]) -> list[str]:
    """The order in which the service lists an enum: that of a hash table of 32 buckets over Java's String.hashCode.

    Worked out from recorded answers of two services; both enums come out in their recorded order.
    """
    return sorted(reversed(list(values)), key=lambda text: _java_hash(text) % 32)


def _java_hash(text: str) -> int:
    code = 0
    for character in text:
        code = (31 * code + ord(character)) & 0xFFFFFFFF
    return code
