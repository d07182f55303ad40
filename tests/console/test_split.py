from __future__ import annotations

from pathlib import Path

import pytest

from console.split import LEAST, Split


def test_the_chosen_split_is_there_again_and_others_stay_as_they_were(tmp_path: Path) -> None:
    folder = tmp_path / "not there yet"
    split = Split(folder)
    split.move("beside", "columns", 120, 40)
    split.keep()
    again = Split(folder)
    assert again.cells("beside", "columns", 120) == 40
    assert again.cells("huge", "columns", 160) == 72


def test_a_larger_terminal_keeps_the_proportion_and_a_smaller_one_the_least_of_a_pane(tmp_path: Path) -> None:
    split = Split(tmp_path)
    split.move("beside", "columns", 160, 120)
    assert split.cells("beside", "columns", 240) == 180
    assert split.cells("beside", "columns", 80) == 80 - LEAST["columns"]
    assert split.cells("beside", "columns", 160) == 120


@pytest.mark.parametrize("cells", [-7, 0, 500])
def test_no_pane_is_moved_away(tmp_path: Path, cells: int) -> None:
    split = Split(tmp_path)
    split.move("huge", "rows", 44, cells)
    assert split.cells("huge", "rows", 44) in (LEAST["rows"], 44 - LEAST["rows"])


def test_an_arrangement_without_a_border_has_none(tmp_path: Path) -> None:
    assert Split(tmp_path).cells("beside", "rows", 40) == 0
    assert Split(tmp_path).cells("", "columns", 40) == 0


@pytest.mark.parametrize(
    "text", ["", "[1]", "{", '{"huge-rows": "0.5"}', '{"huge-rows": 7.5}', '{"huge-rows": null}', '{"huge-rows": NaN}']
)
def test_a_file_of_shares_that_is_none_is_passed_over(tmp_path: Path, text: str) -> None:
    (tmp_path / "panes.json").write_text(text)
    assert Split(tmp_path).cells("huge", "rows", 40) == 24
