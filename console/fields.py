"""From a JSON Schema to the fields of a form, and from what was typed back to an answer. Pure.

What has no field of its own (maps, tuples, unions) is edited as JSON text. Whether an answer fits its schema is told by
`console.complaints`, which needs a library that nothing else of the console does.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from console.jsonlines import explain
from console.text import clean

Path = tuple[str, ...]
RADIO_AT_MOST = 4


class Missing:
    """The type of MISSING: no answer was given."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING = Missing()


@dataclass(frozen=True, slots=True)
class Field:
    """One entry of a form.

    `kind`: section (a title over nested fields), text, secret, long, number, integer, boolean, radio, select, many,
    json.
    """

    path: Path
    kind: str
    label: str
    required: bool = False
    hint: str = ""
    options: tuple[Any, ...] = ()
    default: Any = MISSING
    placeholder: str = ""

    @property
    def depth(self) -> int:
        return max(0, len(self.path) - 1)


def fields_of(schema: Any) -> list[Field]:
    """The fields of an answer's schema, in its own order; one JSON field if the answer is not a plain object."""
    top = _resolve(schema, schema)
    if isinstance(top.get("properties"), dict) and top["properties"]:
        return list(_object(top, (), schema))
    return [_field((), top, schema, clean(top.get("title") or "answer"), True)]


def _object(schema: dict[str, Any], path: Path, root: Any) -> list[Field]:
    required = schema.get("required")
    required = required if isinstance(required, list) else []
    found: list[Field] = []
    for name, raw in schema["properties"].items():
        member, here = _resolve(raw, root), (*path, name)
        title = clean(member.get("title") or name)
        nested = isinstance(member.get("properties"), dict) and member["properties"] and len(here) < 6
        if nested and member.get("type", "object") == "object":
            found.append(Field(here, "section", title, name in required, clean(member.get("description") or "")))
            found += _object(member, here, root)
        else:
            found.append(_field(here, member, root, title, name in required))
    return found


def _field(path: Path, schema: dict[str, Any], root: Any, label: str, required: bool) -> Field:
    kind, options = _kind(schema, root)
    return Field(
        path, kind, label, required, clean(schema.get("description") or ""), options,
        schema.get("default", MISSING), _placeholder(schema, kind),
    )  # fmt: skip


def _kind(schema: dict[str, Any], root: Any) -> tuple[str, tuple[Any, ...]]:
    options = schema.get("enum")
    if isinstance(options, list) and options:
        return ("radio" if len(options) <= RADIO_AT_MOST else "select"), tuple(options)
    if isinstance(schema.get("oneOf"), list) and all(isinstance(o, dict) and "const" in o for o in schema["oneOf"]):
        values = tuple(option["const"] for option in schema["oneOf"])
        return ("radio" if len(values) <= RADIO_AT_MOST else "select"), values
    kind = schema.get("type")
    if kind in ("number", "integer", "boolean"):
        return str(kind), ()
    if kind == "string":
        if schema.get("format") == "password" or schema.get("writeOnly"):
            return "secret", ()
        long = schema.get("format") in ("textarea", "multiline") or schema.get("maxLength", 0) > 200
        return ("long" if long else "text"), ()
    items = _resolve(schema.get("items", {}), root)
    if kind == "array" and isinstance(items.get("enum"), list) and items["enum"]:
        return "many", tuple(items["enum"])
    return "json", ()


def _placeholder(schema: dict[str, Any], kind: str) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if kind in ("number", "integer") and (low is not None or high is not None):
        return f"{'' if low is None else low}…{'' if high is None else high}"
    if isinstance(schema.get("examples"), list) and schema["examples"]:
        return clean(schema["examples"][0])
    return clean(schema.get("format") or ("JSON" if kind == "json" else ""))


def _resolve(schema: Any, root: Any) -> dict[str, Any]:
    """The schema with local `$ref`s followed; anything that is no object counts as the empty schema."""
    for _ in range(20):
        if not isinstance(schema, dict):
            return {}
        target = schema.get("$ref")
        if not isinstance(target, str) or not target.startswith("#"):
            return schema
        found = root
        for part in target[1:].strip("/").split("/"):
            key = part.replace("~1", "/").replace("~0", "~")
            found = found.get(key) if isinstance(found, dict) else root if not key else None
        schema = found
    return {}


def read(field: Field, raw: Any) -> Any:
    """The value of what was typed or picked; MISSING if nothing was. ValueError says what is wrong."""
    if raw is None or raw is MISSING or (isinstance(raw, str) and raw.strip() == "" and field.kind != "long"):
        return MISSING
    if field.kind == "long":
        return raw or MISSING
    if field.kind == "integer":
        if not re.fullmatch(r"[+-]?\d+", raw.strip()):
            raise ValueError("a whole number is needed")
        return int(raw)
    if field.kind == "number":
        return _number(raw)
    if field.kind == "json":
        try:
            return json.loads(raw)
        except ValueError as error:
            raise ValueError(f"not JSON: {explain(error)}") from error
    return list(raw) if field.kind == "many" else raw


def _number(raw: str) -> int | float:
    try:
        value = json.loads(raw.strip().removeprefix("+"))
    except ValueError:
        value = None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError("a number is needed")
    return value


def collect(fields: list[Field], raws: dict[Path, Any]) -> tuple[Any, dict[Path, str]]:
    """The answer made of all fields, and what could not be read, by field. A required section is never absent."""
    answer: Any = {}
    wrong: dict[Path, str] = {}
    for field in fields:
        if field.kind == "section":
            if field.required:
                _set(answer, field.path, {})
            continue
        try:
            value = read(field, raws.get(field.path))
        except ValueError as error:
            wrong[field.path] = str(error)
            continue
        if value is MISSING:
            continue
        if not field.path:
            return value, wrong
        _set(answer, field.path, value)
    return answer, wrong


def _set(answer: dict[str, Any], path: Path, value: Any) -> None:
    for part in path[:-1]:
        answer = answer.setdefault(part, {})
    answer[path[-1]] = value


def nearest(path: Path, known: list[Path]) -> Path:
    """The field a complaint belongs to: itself, or the closest one above; () for the form as a whole."""
    while path and path not in known:
        path = path[:-1]
    return path


def path_of(text: str) -> Path:
    """The path in a daemon's complaint: a JSON pointer (`/amount`), or `$.amount`, `amount.currency`, `items[0]`."""
    if text.startswith("/"):
        return tuple(part.replace("~1", "/").replace("~0", "~") for part in text[1:].split("/"))
    return tuple(part for part in re.split(r"[./\[\]'\"]", text.removeprefix("$")) if part)
