"""Items put together into batches."""

from __future__ import annotations

from typing import Any

import pytest

from flowd.asl.batches import batches
from flowd.payload import Payload


def made(items: list[Any], most_items: int = 0, most_bytes: int = 0, given: Any = None) -> list[Any]:
    batch_input = None if given is None else Payload.of(given)
    return [each.value for each in batches([Payload.of(item) for item in items], most_items, most_bytes, batch_input)]


@pytest.mark.parametrize(
    ("most_items", "sizes"),
    [(0, [5]), (1, [1, 1, 1, 1, 1]), (2, [2, 2, 1]), (5, [5]), (9, [5])],
)
def test_a_batch_has_no_more_items_than_allowed(most_items: int, sizes: list[int]) -> None:
    assert [len(batch["Items"]) for batch in made([1, 2, 3, 4, 5], most_items)] == sizes


def test_the_bytes_of_the_whole_input_count() -> None:
    whole = len('{"Items":["é","b"],"BatchInput":1}'.encode())
    assert made(["é", "b", "c"], 0, whole, 1) == [
        {"Items": ["é", "b"], "BatchInput": 1},
        {"Items": ["c"], "BatchInput": 1},
    ]
    assert [len(batch["Items"]) for batch in made(["é", "b", "c"], 0, whole - 1, 1)] == [1, 2]


def test_an_item_that_is_too_large_goes_alone() -> None:
    assert made(["a" * 50, "b"], 0, 20) == [{"Items": ["a" * 50]}, {"Items": ["b"]}]


def test_no_items_are_no_batch() -> None:
    assert made([], 3) == []
