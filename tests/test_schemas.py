"""JSON Schema over values that were made to keep a validator busy."""

from __future__ import annotations

import time
from functools import reduce
from typing import Any, Final

import jsonschema
import pytest

from flowd import patterns, schemas
from flowd.schemas import TooLong, bounded, faults

BUSY = "(?:x|xx)+[^x]"
#: Lists of different things, at all depths.
UNIQUE: Final[Any] = {"uniqueItems": True, "items": {"$ref": "#"}}


def nested(value: Any) -> Any:
    return reduce(lambda inner, _: [inner], range(20), value)


def told(schema: Any, value: Any, kind: Any = jsonschema.Draft202012Validator) -> list[str]:
    return [fault.message for fault in faults(bounded(kind)(schema), value)]


@pytest.mark.parametrize("kind", [jsonschema.Draft4Validator, jsonschema.Draft202012Validator])
def test_keywords_with_patterns_and_unique_items_mean_what_they_mean(kind: Any) -> None:
    assert told({"pattern": "b+"}, "abc", kind) == []
    assert told({"pattern": "^b"}, "abc", kind) == ["'abc' does not match '^b'"]
    closed = {"properties": {"a": {}}, "patternProperties": {"^x": {"type": "string"}}, "additionalProperties": False}
    assert told(closed, {"a": 1, "xy": "s"}, kind) == []
    assert told(closed, {"xy": 1}, kind) == ["1 is not of type 'string'"]
    assert told(closed, {"b": 1}, kind) == ["Additional properties are not allowed ('b' was unexpected)"]
    assert told({"additionalProperties": {"type": "string"}}, {"b": 1}, kind) == ["1 is not of type 'string'"]
    unique = {"uniqueItems": True}
    assert told(unique, [1, True, "1", {"a": 1}, {"a": 2}, None, False, 0], kind) == []
    for twice in ([1, 1.0], [{"a": 1, "b": [2]}, {"b": [2.0], "a": 1}], [None, "x", None]):
        assert told(unique, twice, kind) == [f"{twice!r} has non-unique elements"]


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"pattern": BUSY}, "x" * 60),
        ({"items": {"pattern": BUSY}}, ["x" * 60] * 10),
        ({"patternProperties": {BUSY: False}}, {"x" * 60: 1}),
        ({"additionalProperties": False, "patternProperties": {BUSY: {}}}, {"x" * 60: 1}),
        ({"items": {"type": "integer"}}, [1] * 2_000),
        (UNIQUE, nested(list(range(300)))),
        (UNIQUE, nested(["x" * 30_000])),
        (UNIQUE, nested([{"x" * 30_000: 1}])),
    ],
)
def test_a_check_that_would_take_for_ever_is_given_up(schema: Any, value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schemas, "KEYWORDS", 1_000)
    monkeypatch.setattr(patterns, "SECONDS", 0.05)
    begun = time.monotonic()
    with pytest.raises(TooLong):
        told(schema, value)
    assert time.monotonic() - begun < 10


def test_a_long_list_of_different_things_is_compared_once() -> None:
    many = [{"n": number} if number % 2 else number for number in range(20_000)]
    assert told({"uniqueItems": True}, many) == []


def test_a_pattern_that_is_none_is_the_schemas_fault() -> None:
    with pytest.raises(ValueError, match="is no regular expression"):
        told({"pattern": "("}, "x")
