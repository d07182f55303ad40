"""The table of any length: what a jump sends, and what is painted again when rows are read anew."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.strip import Strip

from console.columns import Column
from console.looks import Span
from console.pages import KeysetSource, ListSource
from console.rows import Now, Sheet
from console.widgets import table
from console.widgets.paint import PAINTS
from console.widgets.table import VirtualTable
from tests.console.test_pages import Many

SHEET = Sheet((Column("", 1), Column("id", 8)), lambda item, now: [Span("·"), Span(str(item["id"]))], lambda i: str(i))


class Slow(Many):
    """Its pages come when `go` is set."""

    def __init__(self, amount: int) -> None:
        super().__init__(amount)
        self.go = asyncio.Event()
        self.go.set()
        self.names: dict[int, str] = {}

    async def fetch(self, before: int | None, limit: int, skip: int) -> dict[str, Any]:
        await self.go.wait()
        found = await super().fetch(before, limit, skip)
        for row in found["executions"]:
            row["shown"] = self.names.get(row["id"], "")
        return found


class Counted(VirtualTable):
    """Counts the lines it renders."""

    lines = 0

    def render_line(self, y: int) -> Strip:
        self.lines += 1
        return super().render_line(y)


class Alone(App[None]):
    COMPONENT_CLASSES = PAINTS

    def compose(self) -> ComposeResult:
        yield Counted(SHEET, lambda: Now(0))


LONG = Sheet(
    (Column("id", 4, 30), Column("why", 4, 30)), lambda item, now: [Span(item["id"]), Span(item["why"])],
    lambda item: str(item["id"]),
)  # fmt: skip


async def shown(pilot: Pilot[None]) -> str:
    await pilot.pause()
    return "\n".join(strip.text for strip in pilot.app.screen._compositor.render_strips())


async def filled(pilot: Pilot[None], many: Slow) -> Counted:
    view = pilot.app.query_one(Counted)
    source = KeysetSource(many.fetch, many.amount)
    await source.step(0)
    view.show_rows(source)
    view.focus()
    while source.lacks(0, 40) is not None:
        await pilot.pause()
    await pilot.pause()
    return view


async def until(pilot: Pilot[None], text: str) -> str:
    async with asyncio.timeout(10):
        while text not in await shown(pilot):
            await asyncio.sleep(0.005)
    return await shown(pilot)


async def test_a_jump_paints_once_its_rows_are_here_and_not_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "PATIENCE_S", 60.0)
    many = Slow(100_000)
    async with Alone().run_test(size=(40, 20)) as pilot:
        view = await filled(pilot, many)
        many.go.clear()
        await pilot.press("G")
        assert "100000" in await shown(pilot) and view.cursor == 99_999
        await pilot.press("k", "k")  # moves on from where the jump leads to
        view.lines = 0
        many.go.set()
        screen = await until(pilot, " 3")
        assert "▌· 3" in screen and "…" not in screen
        assert view.lines <= 25  # the whole view, once


async def test_a_jump_whose_rows_do_not_come_shows_where_they_will_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "PATIENCE_S", 0.01)
    many = Slow(100_000)
    async with Alone().run_test(size=(40, 20)) as pilot:
        await filled(pilot, many)
        many.go.clear()
        await pilot.press("G")
        await until(pilot, "▌  … 100,000")
        many.go.set()
        assert "…" not in await until(pilot, "▌· 1")


async def test_rows_that_are_read_again_and_are_the_same_are_not_painted_again() -> None:
    many = Slow(500)
    async with Alone().run_test(size=(40, 20)) as pilot:
        view = await filled(pilot, many)
        assert isinstance(view.source, KeysetSource)
        view.lines = 0
        await view.source.again(*view.in_view, {str(i): "" for i in range(400, 501)})
        view.refresh_changed()
        await pilot.pause()
        assert view.lines == 0
        view.source._pages[0][3] = {"id": "other"}
        view.refresh_changed()
        await until(pilot, "other")
        assert view.lines == 1


async def test_columns_grow_with_what_is_in_view_and_never_shrink_under_the_reader() -> None:
    class Long(Alone):
        def compose(self) -> ComposeResult:
            yield VirtualTable(LONG, lambda: Now(0))

    rows = [{"id": f"row-{n}" + "x" * (20 if n == 30 else 0), "why": "because"} for n in range(60)]
    async with Long().run_test(size=(40, 11)) as pilot:
        found = pilot.app.query_one(VirtualTable)
        found.focus()
        found.show_rows(ListSource(rows))
        assert " row-9 because" in await shown(pilot)
        await pilot.press(*["pagedown"] * 4)
        assert "row-36" + " " * 21 + "because" in await shown(pilot)
        await pilot.press("home")
        assert "row-0 " + " " * 21 + "because" in await shown(pilot)
        found.show_rows(ListSource(rows[:3]), keep=False)
        assert " row-2 because" in await shown(pilot)
        found.show_rows(ListSource(rows[30:33]))
        of_three = (*LONG.columns, Column("n", 2))
        found.show_sheet(Sheet(of_three, lambda item, now: [*LONG.cells(item, now), Span("7")], LONG.key))
        found.show_rows(ListSource(rows[:3]))
        assert " row-2 because 7" in await shown(pilot)
