from __future__ import annotations

from typing import Any

import pytest

from console import fields
from console.fields import MISSING, Field
from tests.console.fake import REFUND


def kinds(schema: Any) -> list[tuple[str, str]]:
    return [(".".join(field.path), field.kind) for field in fields.fields_of(schema)]


def test_every_kind_of_schema_has_its_kind_of_field() -> None:
    assert kinds(REFUND) == [
        ("decision", "radio"),
        ("amount", "number"),
        ("retries", "integer"),
        ("reason", "text"),
        ("country", "select"),
        ("notify", "boolean"),
        ("channels", "many"),
        ("approver", "section"),
        ("approver.email", "text"),
    ]
    assert kinds({"type": "object", "properties": {"m": {"type": "object"}, "l": {"type": "array"}, "u": {}}}) == [
        ("m", "json"), ("l", "json"), ("u", "json"),
    ]  # fmt: skip
    assert kinds({"type": "string", "format": "password"}) == [("", "secret")]
    assert kinds({"type": "string", "maxLength": 500}) == [("", "long")]
    assert kinds({"oneOf": [{"const": 1}, {"const": 2}]}) == [("", "radio")]


def test_local_references_are_followed_and_circles_end() -> None:
    schema = {"properties": {"a": {"$ref": "#/$defs/n"}}, "$defs": {"n": {"type": "integer", "title": "N"}}}
    assert [(field.label, field.kind) for field in fields.fields_of(schema)] == [("N", "integer")]
    assert kinds({"properties": {"a": {"$ref": "#/properties/a"}}}) == [("a", "json")]


@pytest.mark.parametrize("schema", [None, True, [], {"properties": {"a": 3}}, {"type": ["string", "null"]}])
def test_schemas_that_make_no_sense_still_give_a_form(schema: Any) -> None:
    assert [kind for _, kind in kinds(schema)] == ["json"]


@pytest.mark.parametrize(
    ("kind", "raw", "value"),
    [
        ("text", "a", "a"),
        ("text", "  ", MISSING),
        ("integer", " 12 ", 12),
        ("integer", "123456789012345678901234567890", 123456789012345678901234567890),
        ("number", "1.50", 1.5),
        ("number", "7", 7),
        ("boolean", False, False),
        ("json", '{"a": [1]}', {"a": [1]}),
        ("json", "", MISSING),
        ("many", ("mail",), ["mail"]),
        ("many", (), []),
    ],
)
def test_what_is_typed_becomes_a_value(kind: str, raw: Any, value: Any) -> None:
    read = fields.read(Field(("x",), kind, "x"), raw)
    assert read == value and type(read) is type(value)


@pytest.mark.parametrize(
    ("kind", "raw", "told"),
    [
        ("integer", "1.5", "a whole number is needed"),
        ("number", "abc", "a number is needed"),
        ("number", "true", "a number is needed"),
        ("json", "{", "not JSON: line 1, column 2"),
    ],
)
def test_what_cannot_be_read_is_told(kind: str, raw: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        fields.read(Field(("x",), kind, "x"), raw)


@pytest.mark.parametrize("text", ["$.a.b", "/a/b", "a.b", "a[b]", "$['a']['b']"])
def test_the_daemons_paths_are_understood(text: str) -> None:
    assert fields.path_of(text) == ("a", "b")


def test_a_pointer_keeps_dots_and_slashes_in_names() -> None:
    assert fields.path_of("/a.b/c~1d/0") == ("a.b", "c/d", "0")
