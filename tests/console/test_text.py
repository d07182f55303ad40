from __future__ import annotations

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest
from rich.cells import cell_len

from console import text
from console.looks import FILE, SCHEDULE, STATE_TYPE, STATUS, VISIT, WAITING
from tests.console.stories import NOW


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain", "plain"),
        ("two\nlines\tand a tab", "two lines and a tab"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;a title\x07after", "after"),
        ("\x1b]52;c;c3RlYWw=\x1b\\after", "after"),
        ("bell\x07 null\x00 c1\x9b", "bell null c1"),
        ("over\u202eride", "override"),
        ("[red]markup[/red]", "[red]markup[/red]"),
        ("heart\ufe0f", "heart"),
        (7, "7"),
    ],
)
def test_nothing_from_outside_can_drive_the_terminal(raw: object, shown: str) -> None:
    assert text.clean(raw) == shown


def test_text_is_cut_and_filled_by_cells_not_by_characters() -> None:
    assert text.pad("日本語の名前", 7) == "日本語…"
    assert cell_len(text.pad("日本語の名前", 8)) == 8
    assert text.pad("ab", 4, right=True) == "  ab"
    assert text.clip("abcdef", 4) == "abc…"
    assert text.clip("abc", 0) == ""


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-1, "0ms"), (0.0204, "20ms"), (0.9794, "979ms"), (4.81, "4.8s"), (59.99, "59.9s"), (223, "3m43s"),
        (7509, "2h05m"), (273_700, "3d04h"), (20_000_000, "231d"),
    ],
)  # fmt: skip
def test_lengths_of_time_take_at_most_six_cells(seconds: float, shown: str) -> None:
    assert text.took(seconds) == shown
    assert len(shown) <= 6


@pytest.mark.parametrize(
    ("at", "width", "shown"),
    [(NOW - 60, 8, "19:13:09"), (NOW - 90_000, 12, "22 Nov 18:14"), (NOW - 90_000, 8, "22 Nov"), (0, 12, "1970-01-01")],
)
def test_dates_show_what_matters_from_here(at: float, width: int, shown: str) -> None:
    assert text.moment(at, NOW, UTC, width) == shown


def test_dates_stand_in_the_zone_that_was_asked_for() -> None:
    assert text.clock(NOW, ZoneInfo("Europe/Zurich")) == "20:14:09.000"
    assert text.stamp(NOW, UTC) == "2026-11-23 19:14:09.000"


def test_points_in_time_are_told_from_now() -> None:
    assert text.ago(NOW - 1740, NOW) == "29m ago"
    assert text.until(NOW + 720, NOW) == "in 12m"
    assert text.until(NOW - 4000, NOW) == "1h late"


@pytest.mark.parametrize(("amount", "shown"), [(820, "820 B"), (1234, "1.2 KB"), (352_000_000, "352 MB")])
def test_a_size_has_a_unit_that_fits(amount: int, shown: str) -> None:
    assert text.size(amount) == shown


def test_every_glyph_is_one_cell_wide_and_has_a_word_beside_it() -> None:
    for look in (*STATUS.values(), *WAITING.values(), *FILE.values(), *SCHEDULE.values()):
        assert cell_len(look.glyph) == 1
        assert look.word
    for glyph in (*STATE_TYPE.values(), *(look.glyph for look in VISIT.values())):
        assert cell_len(glyph) == 1
        assert glyph in "ƒ◆‖▤◷·✓✗▶■↺↯→▼●▣"


def test_a_name_too_long_loses_its_middle_because_names_differ_at_the_end() -> None:
    assert text.clip_middle("sync-often-20261124T000900", 18) == "sync-ofte…4T000900"
    assert text.clip_middle("日本語の注文番号一二三四", 16) == "日本語…一二三四"
    assert text.clip_middle("short", 18) == "short"
    assert text.clip_middle("a-name-without-room", 6) == "a-nam…"


def test_one_is_left_alone_and_many_are() -> None:
    assert [text.left_alone(amount) for amount in (1, 1200)] == ["1 is left alone", "1,200 are left alone"]
