from __future__ import annotations

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowd.asl import positions
from flowd.asl.diagnostics import Diagnostic
from flowd.asl.nodes import Node
from flowd.asl.positions import MAX_CHARACTERS, Document, load, locate, read_json
from flowd.asl.validate import validate
from flowd.asl.yamltext import compose

TEXT = """{
  "StartAt": "a/b[0]",
  "States": {
    "a/b[0]": {"Type": "Choice",
      "Choices": [
        {"Variable": "$.x", "IsNull": true, "Next": "Z"},
        {"Not": {"Variable": "$.x",
          "IsNull": 1}, "Next": "Z"}
      ]},
    "a": {"Type": "Pass", "b[0]": 1, "End": true}
  }
}
"""
YAML = """\
# a comment
StartAt: A
States:
  A:
    Type: Wait
    Timestamp: 2016-03-14T01:59:00Z
    Next: B
  B: &b
    Type: Pass
    Result: {on: yes, count: 010, hex: 0x10, "1": ~, x: 1.5}
    End: true
"""


@pytest.mark.parametrize(
    ("location", "place"),
    [
        ("/", (1, 1)),
        (None, (1, 1)),
        ("/StartAt", (2, 3)),
        ("/States", (3, 3)),
        ("/States/a/b[0]", (4, 5)),
        ("/States/a/b[0]/Choices[1]/Not/IsNull", (8, 11)),
        ("/States/a/b[0]/Choices[0]", (6, 9)),
        ("/States/a/Type", (10, 11)),
        ("/States/a/b[0]/Choices[7]/Next", (5, 7)),  # the nearest that exists
        ("/States/nowhere/Type", (3, 3)),
    ],
)
def test_a_location_becomes_line_and_column(location: str | None, place: tuple[int, int]) -> None:
    assert locate(TEXT, location) == place


def test_yaml_is_located_like_json() -> None:
    assert locate(YAML, "/States/B/Result/count", yaml=True) == (10, 23)
    assert locate(YAML, "/States/A/Next", yaml=True) == (7, 5)
    assert locate("[\n  1,\n  [2, 3]]", "[1][1]", yaml=True) == (3, 7)


def test_yaml_becomes_the_json_that_its_author_reads_in_it() -> None:
    found = load(YAML, yaml=True)
    assert isinstance(found, Document)
    assert json.loads(found.json) == {
        "StartAt": "A",
        "States": {
            "A": {"Type": "Wait", "Timestamp": "2016-03-14T01:59:00Z", "Next": "B"},
            "B": {"Type": "Pass", "Result": {"on": "yes", "count": 10, "hex": 16, "1": None, "x": 1.5}, "End": True},
        },
    }


def test_a_yaml_text_is_read_once_for_its_value_and_all_its_places(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def counted(text: str) -> Node:
        read.append(text)
        return compose(text)

    monkeypatch.setattr(positions, "compose", counted)
    found = load(YAML, yaml=True)
    assert isinstance(found, Document)
    assert found.place("/States/B/Result/count") == (10, 23)
    assert found.place("/States/A/Next") == (7, 5)
    assert len(read) == 1


def test_json_is_kept_verbatim() -> None:
    text = '{ "StartAt" : "A",\t"n": 1.0 }'
    found = load(text)
    assert isinstance(found, Document)
    assert found.json == text


@pytest.mark.parametrize(
    ("text", "words", "place"),
    [
        ('{\n  "a": 1,\n}', "A comma may not stand before '}'", (3, 1)),
        ('{"a": [1, ]}', "A comma may not stand before ']'", (1, 11)),
        ('{"a": 1 "b": 2}', "Expected ',' or '}'", (1, 9)),
        ('{"a" 1}', "Expected ':' after the name \"a\"", (1, 6)),
        ("{a: 1}", "Expected a name in double quotes", (1, 2)),
        ("{'a': 1}", "Expected a name in double quotes", (1, 2)),
        ("{\"a\": 'x'}", "strings have double quotes", (1, 7)),
        ('{"a": True}', "write true", (1, 7)),
        ('{"a": NaN}', "NaN is no JSON value", (1, 7)),
        ('{"a": -Infinity}', "-Infinity is no JSON value", (1, 7)),
        ('{"a": 1', "but the text ends", (1, 8)),
        ('{"a":', "Expected a value, but the text ends", (1, 6)),
        ('{"a": "x', "no closing quote", (1, 7)),
        ('{"a": "x\ny"}', "written as escapes", (1, 9)),
        ('{"a": 1} x', "Nothing may follow", (1, 10)),
        ('{"a": 1, "b": 2,\n "a": 3}', "'a' appears more than once", (2, 2)),
        ('{"a": "\\ud800"}', "half a character", (1, 7)),
        ('{"a": "\ud800"}', "half a character", (1, 8)),
        ("\ufeff{}", "byte order mark", (1, 1)),
        ('{"a": 01}', "Expected ',' or '}'", (1, 8)),
    ],
)
def test_broken_json_is_told_with_its_place(text: str, words: str, place: tuple[int, int]) -> None:
    found = load(text)
    assert isinstance(found, Diagnostic)
    assert words in found.message
    assert (found.line, found.column) == place
    assert found.code == "INVALID_JSON_DESCRIPTION"
    assert found.location == f"[line: {place[0]}, column: {place[1]}]"
    if not text.startswith("\ufeff") and "\ud800" not in text:
        assert locate(text, "/States/X") == place


def test_a_state_that_stands_twice_has_its_own_code() -> None:
    text = '{"StartAt": "A", "States": {"A": {"Type": "Pass"},\n"A": {"Type": "Fail"}}}'
    (found,) = validate(text)
    assert (found.code, found.line, found.column) == ("DUPLICATE_STATE_NAME", 2, 1)
    again = load("StartAt: A\nStates:\n  A: {Type: Fail}\n  A: {Type: Fail}\n", yaml=True)
    assert isinstance(again, Diagnostic)
    assert (again.code, again.line, again.column) == ("DUPLICATE_STATE_NAME", 4, 3)


@pytest.mark.parametrize("text", ["[" * 1000 + "]" * 1000, '{"a":' * 1000 + "1" + "}" * 1000, "[" * 500_000])
def test_deep_nesting_is_refused(text: str) -> None:
    _, (found,) = read_json(text)
    assert found.code == "TOO_DEEPLY_NESTED"


def test_a_text_of_more_than_a_mebibyte_is_refused() -> None:
    _, (found,) = read_json('"' + "x" * MAX_CHARACTERS + '"')
    assert "1,048,576 are allowed" in found.message


@pytest.mark.parametrize("text", ["1e999", "1" * 5000, '{"a":1,"a":' + "1" * 5000 + "}"])
def test_numbers_that_nothing_can_hold_are_refused(text: str) -> None:
    _, problems = read_json(text)
    assert len(problems) == 1


def test_a_large_text_is_read_in_bounded_time() -> None:
    worst = ['"' + '\\"' * 500_000, "[" + '"a",' * 250_000 + "]", '{"a": "' + "{[" * 400_000, "\n" * 1_000_000 + "x"]
    begun = time.process_time()
    for text in worst:
        validate(text)
        locate(text, "/States/A")
    assert time.process_time() - begun < 20


@pytest.mark.parametrize("number", ["1e400", "-1e309", "1" * 4_301, "1e999999999"])
def test_a_number_that_nothing_can_hold_is_told_with_its_place(number: str) -> None:
    (found,) = validate(f'{{"a": 1,\n  "b": [{number}]}}')
    assert (found.code, found.line, found.column) == ("INVALID_JSON_DESCRIPTION", 2, 9)
    assert found.message.startswith(f"The number {number[:20]}")


def test_the_longest_numbers_are_read() -> None:
    text = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": 10**4_299, "End": True}}})
    assert validate(text) == []


@pytest.mark.parametrize(
    ("text", "words", "line"),
    [
        ("a: [1\nb: 2", "YAML", 2),
        ("a: !Sub x", "tag", 1),
        ("a: .nan", "'.nan' is no JSON value", 1),
        ("a: &x\n  b: *x", "may not contain itself", 1),
        ("? [1, 2]\n: x", "A name must be text", 1),
        ("", "empty", 1),
        ("a: 1\n---\nb: 2", "YAML", 2),
        ("a: 1\na: 2", "more than once", 2),
        ("a:\n\t- x", "YAML", 2),
        ("[" * 400 + "]" * 400, "deep", 1),
    ],
)
def test_broken_yaml_is_told_with_its_place(text: str, words: str, line: int) -> None:
    found = load(text, yaml=True)
    assert isinstance(found, Diagnostic)
    assert words in found.message
    assert found.line == line
    assert locate(text, "/States/A", yaml=True)[0] == line


def test_anchors_cannot_make_a_small_text_large() -> None:
    text = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
    text += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9))
    found = load(text, yaml=True)
    assert isinstance(found, Diagnostic)
    assert "more than 200,000 values" in found.message


def test_merge_keys_are_followed_and_own_members_win() -> None:
    found = load("base: &b {x: 1, y: 2}\nthing:\n  <<: *b\n  y: 3\n", yaml=True)
    assert isinstance(found, Document)
    assert json.loads(found.json)["thing"] == {"x": 1, "y": 3}


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="{}[]\":,\\ntrue0.5e-/\ud800 é'&*!|>#?", max_size=60), st.booleans(), st.text(max_size=20))
def test_no_text_makes_locate_or_load_fail(text: str, yaml: bool, location: str) -> None:
    line, column = locate(text, location, yaml)
    assert line >= 1
    assert column >= 1
    load(text, yaml)
