"""Datasets read piece by piece: the same items whatever the pieces, and a cause that says what is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowd.asl.datasets import BadDataset, csv_items, json_items, jsonl_items

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


def pieces(text: str, size: int) -> Iterator[str]:
    return iter([text[start : start + size] for start in range(0, len(text), size)])


@given(st.lists(VALUES, max_size=6), st.integers(1, 40), st.sampled_from([None, 1]))
def test_an_array_in_pieces_is_the_same_array(items: list[Any], size: int, indent: int | None) -> None:
    text = json.dumps(items, ensure_ascii=False, indent=indent)
    assert list(json_items(pieces(text, size))) == items


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_a_pointer_finds_the_array(size: int) -> None:
    text = json.dumps({"skip": [1, {"a": 2}], "a/b": {"~c": [[], ["x", "y"]]}, "after": 1})
    assert list(json_items(pieces(text, size), "/a~1b/~0c/1")) == ["x", "y"]


@pytest.mark.parametrize(
    ("text", "pointer", "cause"),
    [
        ('{"Hello": "world"}', "", "Attempting to map over non-iterable node."),
        ("", "", "Attempting to map over non-iterable node."),
        ("[1, 2", "", "at character 7: ',' or ']' is missing"),
        ("[1,", "", "at character 4: the text ends"),
        ("[1, {", "", "at character 6: the text ends"),
        ("[1,]", "", "at character 4: an entry is missing"),
        ("[1 2]", "", "at character 4: ',' or ']' is missing"),
        ("[1, x]", "", "at character 5: Expecting value"),
        ("[" * 100_000, "", "nested too deeply"),
        ("[NaN]", "", "NaN is no JSON number"),
        ("[1] 2", "", "goes on after its items"),
        ('{"a": []}', "/b", "points to nothing"),
        ("[[]]", "/1", "points to nothing"),
        ("[[]]", "b", "must be a JSON Pointer"),
    ],
)
def test_what_is_no_array_of_json_says_so(text: str, pointer: str, cause: str) -> None:
    with pytest.raises(BadDataset, match=cause):
        list(json_items(pieces(text, 3), pointer))


def test_no_more_than_an_item_and_a_piece_is_read_ahead() -> None:
    read = 0

    def endless() -> Iterator[str]:
        nonlocal read
        yield "["
        while True:
            read += 1
            yield '{"n": 1}, '

    items = json_items(endless())
    assert [next(items) for _ in range(100)] == [{"n": 1}] * 100
    assert read < 110


FIRST_ROW = {"CSVHeaderLocation": "FIRST_ROW"}


def rows(text: str, **config: Any) -> list[dict[str, str]]:
    return list(csv_items(text.splitlines(keepends=True), config or FIRST_ROW))


def test_csv_becomes_items_as_recorded_of_aws() -> None:
    # All values are texts, missing cells are empty, cells beyond the headers are dropped, empty lines are no rows.
    assert rows("H1,\nValue4,Value5,Value6\n,,,\n\n   \n") == [
        {"": "Value5", "H1": "Value4"},
        {"": "", "H1": ""},
        {"": "", "H1": "   "},
    ]
    typed = rows("0,True,{}\nValue4,Value5,Value6\n")
    assert json.dumps(typed) == '[{"0": "Value4", "{}": "Value6", "True": "Value5"}]', "in a hash table's order"
    given_headers = {"CSVHeaderLocation": "GIVEN", "CSVHeaders": ["a", "b"]}
    assert rows("1,2,3\n", **given_headers) == [{"a": "1", "b": "2"}]
    assert rows("1\t2\n", **given_headers, CSVDelimiter="TAB") == [{"a": "1", "b": "2"}]
    assert rows('h\n"two\nlines"\n') == [{"h": "two\nlines"}]
    assert rows("") == []


@pytest.mark.parametrize(
    ("config", "cause"),
    [
        ({"CSVHeaderLocation": "GIVEN", "CSVHeaders": ["H1", "H1"]}, "CSV headers cannot contain duplicates."),
        ({"CSVHeaderLocation": "GIVEN"}, "together with CSVHeaders"),
        ({"InputType": "CSV"}, "needs CSVHeaderLocation"),
        ({**FIRST_ROW, "CSVDelimiter": "DOT"}, "CSVDelimiter must be one of"),
    ],
)
def test_csv_that_cannot_be_read_says_why(config: dict[str, Any], cause: str) -> None:
    with pytest.raises(BadDataset, match=cause):
        rows("a,a\n1,2\n", **config)


def test_a_line_of_json_is_an_item_and_a_bad_one_is_named() -> None:
    assert list(jsonl_items(['{"a": 1}\n', "\n", "2"])) == [{"a": 1}, 2]
    with pytest.raises(BadDataset, match="Line 2 is not JSON"):
        list(jsonl_items(["1\n", "{\n"]))
