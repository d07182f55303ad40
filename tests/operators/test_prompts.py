"""Does an answer fit its prompt? (Giving answers is tested through the API.)"""

from __future__ import annotations

import json
from typing import Any

import pytest

from flowd.errors import ValidationException
from flowd.operators.prompts import check, path_of


def faults(schema: Any, output: str) -> list[str]:
    try:
        check(output, json.dumps({"Schema": schema}))
    except ValidationException as error:
        return [fault["path"] for fault in error.extras["errors"]]
    return []


def test_faults_carry_their_place_as_a_json_pointer() -> None:
    schema = {"type": "object", "properties": {"a/b": {"type": "array", "items": {"type": "integer"}}}}
    assert faults(schema, '{"a/b": [1, "x", 2, null]}') == ["/a~1b/1", "/a~1b/3"]
    assert faults(schema, '{"a/b": [1]}') == []
    assert faults(schema, "7") == [""]
    assert path_of(["a~b", 0]) == "/a~0b/0"


def test_no_schema_takes_every_answer() -> None:
    check("1", "{}")
    check("1", '{"Schema": "none"}')
    check("1", '{"Schema": true}')


def test_old_drafts_and_own_definitions_work() -> None:
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "definitions": {"n": {"minimum": 3}},
        "$ref": "#/definitions/n",
    }
    assert faults(schema, "2") == [""]
    assert faults(schema, "3") == []


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "nothing"},
        {"$ref": "http://127.0.0.1:9/never-fetched.json"},
        {"$ref": "#/definitions/missing"},
        {"pattern": "("},
        {"$ref": "#"},
    ],
)
def test_a_schema_that_cannot_be_used_says_so_and_fetches_nothing(schema: Any) -> None:
    with pytest.raises(ValidationException, match=r"own Schema cannot be used"):
        check('"x"', json.dumps({"Schema": schema}))
