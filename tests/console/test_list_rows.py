from __future__ import annotations

import pytest

from console.filterwords import complete
from console.list_rows import bar
from console.screens.listing import order_of
from console.text import sparkline
from console.whereabouts import Trail


def test_a_bar_is_full_when_all_is_done_or_failed() -> None:
    assert bar(0, 0, 10, 4) == "    "
    assert bar(4, 1, 10, 4) == "██  "
    assert bar(9, 1, 10, 4) == "████" == bar(20, 0, 10, 4)
    assert bar(0, 0, 0, 4) == "    "


def test_a_sparkline_sums_neighbours_and_only_nothing_is_blank() -> None:
    assert sparkline([0, 1, 8], 3) == " ▁█"
    assert sparkline([1, 1, 1, 1, 4], 3) == "▂▄█"
    assert sparkline([], 5) == sparkline([1], 0) == ""
    assert len(sparkline(list(range(61)), 60)) <= 60


@pytest.mark.parametrize(
    ("line", "whole"),
    [
        ("sta", "status:"), ("x status:f", "x status:failed"), ("status:failed,run", "status:failed,running"),
        ("waiting:", "waiting:prompt"), ("status:failed", None), ("4711", None), ("", None), ("a ", None),
        ("error:Card", None),
    ],
)  # fmt: skip
def test_the_last_word_of_a_filter_is_completed(line: str, whole: str | None) -> None:
    assert complete(line) == whole


def test_numbers_sort_by_size_and_before_words() -> None:
    assert sorted(["b", "10", "9", "1,000 of 2", "A"], key=order_of) == ["9", "10", "1,000 of 2", "A", "b"]


def test_a_trail_goes_back_forward_and_to_the_last() -> None:
    trail = Trail("a")
    assert trail.step(-1) is None and trail.last() is None
    trail.visit("b")
    trail.visit("b")
    trail.visit("c")
    assert [trail.step(-1), trail.step(-1), trail.step(-1), trail.step(1)] == ["b", "a", None, "b"]
    trail.visit("d")
    assert trail.step(1) is None and trail.last() == "b"
