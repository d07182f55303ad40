from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from console.pages import KEEP, PAGE, KeysetSource
from tests.console.fake import FakeDaemon


class Many:
    """A daemon with a hundred thousand executions, made as they are asked for."""

    def __init__(self, amount: int) -> None:
        self.amount, self.asked = amount, 0

    async def fetch(self, before: int | None, limit: int, skip: int) -> dict[str, Any]:
        self.asked += 1
        top = (self.amount if before is None else min(self.amount, before - 1)) - skip
        rows: list[dict[str, Any]] = [
            {"id": number, "status": "RUNNING"} for number in range(top, max(0, top - limit), -1)
        ]
        return {"executions": rows, **({"next": rows[-1]["id"]} if rows and rows[-1]["id"] > 1 else {})}


async def walk(source: KeysetSource, first: int, last: int) -> None:
    while (page := source.lacks(first, last)) is not None:
        await source.step(page)


async def test_only_the_pages_in_view_are_read() -> None:
    many = Many(100_000)
    source = KeysetSource(many.fetch, 100_000)
    await walk(source, 0, 40)
    row = source.row(40)
    assert (source.total, source.top, many.asked) == (100_000, 100_000, 1)
    assert row is not None and row["id"] == 99_960 and source.row(PAGE) is None


async def test_the_end_is_one_jump_away() -> None:
    many = Many(100_000)
    source = KeysetSource(many.fetch, 100_000)
    await walk(source, 0, 40)
    await walk(source, 99_990, 99_999)
    row = source.row(source.total - 1)
    assert row is not None and row["id"] == 1 and source.total == 100_000 and many.asked == 2
    await walk(source, 50_010, 50_020)
    assert (source.row(50_010) or {})["id"] == 49_990


async def test_few_pages_stay_in_memory() -> None:
    source = KeysetSource(Many(100_000).fetch, 100_000)
    for place in range(0, 100_000, PAGE):
        await walk(source, place, place)
    assert len(list(source.held())) == KEEP * PAGE


@pytest.mark.parametrize(("expected", "there"), [(99_000, 100_000), (101_000, 100_000), (900, 0)])
async def test_a_list_that_is_longer_or_shorter_than_was_thought_ends_where_it_ends(expected: int, there: int) -> None:
    source = KeysetSource(Many(there).fetch, expected)
    await source.step(0)
    while source.lacks(max(0, source.total - 10), source.total - 1) is not None:
        await walk(source, max(0, source.total - 10), source.total - 1)
    assert source.total == there
    assert there == 0 or (source.row(source.total - 1) or {})["id"] == 1


async def test_what_begins_later_does_not_push_rows_down() -> None:
    many = Many(1000)
    source = KeysetSource(many.fetch, 1000)
    await walk(source, 0, 10)
    many.amount = 1007
    await source.again(0, 10, {"1000": "FAILED"})
    row = source.row(0)
    assert row is not None and row["id"] == 1000


async def test_a_row_that_left_the_filter_keeps_its_place_with_its_new_status() -> None:
    daemon = FakeDaemon()
    source = KeysetSource(partial(daemon.executions, "status:running"), 127)
    await walk(source, 0, 10)
    first, second = source.row(0), source.row(1)
    assert first is not None and second is not None
    daemon.rows[0] = daemon.rows[0] | {"status": "SUCCEEDED"}
    await source.again(0, 10, {str(first["id"]): "SUCCEEDED"})
    renewed = source.row(0)
    assert renewed is not None and renewed["gone"] and renewed["status"] == "SUCCEEDED"
    assert source.row(1) == second


async def test_an_empty_list_is_empty() -> None:
    source = KeysetSource(Many(0).fetch, 0)
    await source.step(0)
    assert source.total == 0 and source.lacks(0, 0) is None


async def test_a_row_out_of_view_that_changed_is_read_again_when_it_is_seen() -> None:
    daemon = FakeDaemon()
    source = KeysetSource(partial(daemon.executions, ""), 1000)
    await walk(source, 0, 2 * PAGE)
    place = PAGE + 50
    old = source.row(place)
    assert old is not None
    daemon.rows[place] = daemon.rows[place] | {"status": "ABORTED", "name": "now different"}
    await source.again(0, 10, {str(old["id"]): "ABORTED"})
    assert source.row(place) == old
    assert source.lacks(0, 10) is None and source.lacks(place, place + 10) == 1
    await walk(source, place, place + 10)
    assert (source.row(place) or {})["name"] == "now different"
    assert source.lacks(place, place + 10) is None


async def test_a_row_that_left_the_filter_unseen_is_marked_though_nobody_knows_its_status() -> None:
    daemon = FakeDaemon()
    source = KeysetSource(partial(daemon.executions, "status:running"), 127)
    await walk(source, 0, 10)
    daemon.rows[0] = daemon.rows[0] | {"status": "SUCCEEDED"}
    await source.again(0, 10, {str(row["id"]): "" for row in source.held()})
    assert (source.row(0) or {})["gone"] and (source.row(0) or {})["status"] == ""
    assert "gone" not in (source.row(1) or {})
    await source.again(0, 10, {str((source.row(0) or {})["id"]): "SUCCEEDED"})
    await source.again(0, 10, {str(row["id"]): "" for row in source.held()})
    assert (source.row(0) or {})["status"] == "SUCCEEDED"  # a doubt takes nothing back that was told


class Slow(Many):
    """One whose executions are looked for in pieces of a few rows, some of them empty."""

    async def fetch(self, before: int | None, limit: int, skip: int) -> dict[str, Any]:
        self.asked += 1
        top = self.amount if before is None else before - 1
        low = max(1, top - 99)
        rows: list[dict[str, Any]] = [{"id": i, "status": "FAILED"} for i in range(top, low - 1, -1) if i % 40 == 0]
        if len(rows) > limit or (len(rows) == limit and low > 1):
            return {"executions": rows[:limit], "next": rows[limit - 1]["id"]}
        if low == 1:
            return {"executions": rows}
        return {"executions": rows, "next": low, "searched": 1 - (low - 1) / self.amount}


async def test_rows_that_are_looked_for_come_in_pieces_until_the_page_is_full() -> None:
    slow = Slow(20_000)
    source = KeysetSource(slow.fetch)
    await source.step(0)
    assert (source.total, source.going, round(source.searched, 3), source.lacks(0, 0)) == (4, True, 0.005, 0)
    seen = []
    while source.lacks(0, 10) is not None:
        await source.step(0)
        seen.append(source.total)
    assert seen == sorted(seen) and not source.going and source.lacks(0, PAGE - 1) is None
    await walk(source, 0, source.total - 1)
    while (last := source.total) and source.lacks(0, last - 1) is not None:
        await walk(source, 0, last - 1)
    assert source.ended and source.total == 500
    assert [(source.row(i) or {})["id"] for i in (0, 199, 200, 499)] == [20_000, 12_040, 12_000, 40]


async def test_a_search_that_finds_nothing_ends_with_an_empty_list() -> None:
    source = KeysetSource(Slow(39).fetch)
    await source.step(0)
    assert source.ended and source.total == 0
