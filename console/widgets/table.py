"""The table of every list: rows from a `Source`, columns that fit, a cursor that stays on its row when rows change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import zip_longest

from rich.cells import cell_len
from textual.geometry import Region
from textual.strip import Strip

from console.client import Item
from console.columns import Fitted, fit, gap, heading, line
from console.jobs import job
from console.looks import Span
from console.pages import KeysetSource, ListSource, Source
from console.rows import Now, Sheet
from console.text import number, took
from console.widgets.paint import LineView

PATIENCE_S = 0.25


class VirtualTable(LineView):
    """A table over any number of rows."""

    DEFAULT_CSS = "VirtualTable { height: 1fr; scrollbar-size-vertical: 1; overflow-x: hidden; }"
    head = 1

    def __init__(self, sheet: Sheet, now: Callable[[], Now], *, empty: str = "", id: str | None = None) -> None:
        super().__init__(id=id)
        self.sheet, self._now, self.empty = sheet, now, empty
        self.source: Source = ListSource()
        self._fitted: tuple[int, list[Fitted]] = (-1, [])
        self._needs: list[int] = []  # cells of the widest text of each column, of all rows seen since the list began
        self._measured = (-1, -1)  # the rows they were last taken from
        self._walking = False
        self._left: int | None = None  # the row a jump began at, while the rows it leads to are read
        self.marked: set[str] = set()
        self._marked_at: int | None = None  # where a mark was set last
        self.everything = False  # all that match are marked, also those that are not here

    def mark(self) -> None:
        """Mark the row under the cursor, or unmark it, and go on to the next."""
        item = self.item
        if item is not None:
            self.everything = False
            self.marked ^= {self.sheet.key(item)}
            self._marked_at = self.cursor
            self.refresh(Region(0, self.cursor - self.scroll_offset.y + self.head, self.size.width, 1))
            self.action_move(1)

    def mark_range(self) -> None:
        """Mark the rows from the one that was marked last to the cursor, as far as they are here."""
        start = self.cursor if self._marked_at is None else self._marked_at
        rows = map(self.source.row, range(min(start, self.cursor), max(start, self.cursor) + 1))
        self.everything = False
        self.marked |= {self.sheet.key(item) for item in rows if item is not None}
        self._marked_at = self.cursor
        self.refresh()

    def mark_all(self) -> None:
        """Mark every row that is here; if they are, unmark them."""
        every = {self.sheet.key(item) for item in (self.source.row(i) for i in range(self.length())) if item}
        self.marked = set() if every <= self.marked else every
        self.refresh()

    def show_sheet(self, sheet: Sheet) -> None:
        """Other columns, for rows of another kind that are about to be shown."""
        if sheet is not self.sheet:
            self.sheet, self._fitted, self._needs = sheet, (-1, []), []
            self.refresh()

    def show_rows(self, source: Source, keep: bool = True) -> None:
        """Show other rows; with `keep` the cursor follows the row it was on, if that is still there."""
        wanted = self._key(self.item) if keep else ""
        self.source, self._marked_at = source, None
        place = self.cursor if keep else 0
        if wanted and isinstance(source, ListSource):
            place = next((i for i, item in enumerate(source.items) if self.sheet.key(item) == wanted), place)
        self.relayout()
        self.cursor = max(0, min(place, self.length() - 1))
        if not keep:
            self._needs = []
            self.scroll_to(y=0, animate=False, force=True)
        self._measure()
        self.refresh()

    def _key(self, item: Item | None) -> str:
        return self.sheet.key(item) if item is not None else ""

    @property
    def item(self) -> Item | None:
        """The row under the cursor, if it is here."""
        return self.source.row(self.cursor)

    @property
    def in_view(self) -> tuple[int, int]:
        """First and last row on the screen."""
        top = self.scroll_offset.y
        return top, max(top, min(self.length(), top + self.page_height()) - 1)

    def watch_cursor(self, old: int, new: int) -> None:
        """A jump to rows that are not here waits a moment for them: to paint blanks first would double what is sent."""
        source = self.source
        if not isinstance(source, KeysetSource) or source.lacks(*self._view_of(new)) is None:
            left, self._left = self._left, None
            super().watch_cursor(old if left is None else left, new)
        elif self._left is None:
            self._left = old
            self.set_timer(PATIENCE_S, self._land)
            self._walk()

    def _land(self) -> None:
        """The rows are here, or it has taken too long: show where the cursor is."""
        left, self._left = self._left, None
        if left is not None:
            super().watch_cursor(left, self.cursor)

    def _view_of(self, index: int) -> tuple[int, int]:
        """First and last row on the screen once this row is in view."""
        height, top = self.page_height(), self.scroll_offset.y
        first = index if index < top else max(top, index - height + 1)
        return first, first + height - 1

    def length(self) -> int:
        return self.source.total

    def heading(self, width: int) -> Sequence[Span]:
        return heading(self._columns(width), gap(width))

    def spans(self, index: int, width: int) -> Sequence[Span]:
        item = self.source.row(index)
        if isinstance(self.source, KeysetSource) and self._lacks(self.source) is not None:
            self._walk()
        if item is None:
            going = isinstance(self.source, KeysetSource) and self.source.going
            return [Span("  … is looked for" if going else f"  … {number(index + 1)}", "faint")]
        cells = self.sheet.cells(item, self._now())
        if self.everything or (self.marked and self.sheet.key(item) in self.marked):
            cells[0] = Span("●", "accent")
        return line(cells, self._columns(width), gap(width))

    def _columns(self, width: int) -> list[Fitted]:
        if self._fitted[0] != width:
            self._fitted = (width, fit(self.sheet.columns, width, self._needs))
        return self._fitted[1]

    def _measure(self) -> bool:
        """Take the needs of the columns from the rows in view; True if one has grown. None shrinks: they would jump."""
        self._measured = first, last = self.in_view
        before, now = self._needs, self._now()
        rows = [item for index in range(first, last + 1) if (item := self.source.row(index)) is not None]
        widths = [list(before), *(self._widths(self.sheet.cells(item, now)) for item in rows)]
        self._needs = [max(column) for column in zip_longest(*widths, fillvalue=0)]
        if self._needs != before:
            self._fitted = (-1, [])
        return self._needs != before

    def _widths(self, cells: Sequence[Span]) -> list[int]:
        """What a row's cells take; the last one of a row that has fewer than there are columns has all that is left."""
        rest = len(self.sheet.columns) - len(cells)
        return [cell_len(cell.text) for cell in (cells[:-1] if rest else cells)] + [0] * (rest and rest + 1)

    def refresh_changed(self) -> None:
        self._measure()
        super().refresh_changed()

    def render_lines(self, crop: Region) -> list[Strip]:
        if self._measured != self.in_view and self._measure():
            self._styles_cache.clear()
            if crop.height < self.size.height:
                self.refresh()  # also the lines that are not painted now
        return super().render_lines(crop)

    def _walk(self) -> None:
        """Read what the screen lacks, then the screen above and below it."""
        if not self._walking and isinstance(self.source, KeysetSource):
            self._walking = True
            self.run_worker(job(self._steps, self.source), group="walk", exit_on_error=False)

    def _lacks(self, source: KeysetSource) -> int | None:
        """The page to read next: what is in view first, then what a page key would bring into view."""
        first, last = self._view_of(self.cursor) if self._left is not None else self.in_view
        page, height = source.lacks(first, last), self.page_height()
        return source.lacks(max(0, first - height), last + height) if page is None else page

    async def _steps(self, source: KeysetSource) -> None:
        try:
            while self.source is source and (page := self._lacks(source)) is not None:
                total = source.total
                await source.step(page)
                if source.total != total:
                    self.relayout()
                if self._left is not None and source.lacks(*self._view_of(self.cursor)) is None:
                    self._land()
                elif page in source.pages(*self.in_view):
                    self.refresh_changed()
        finally:
            self._walking = False

    def refresh_running(self) -> None:
        """Repaint only the rows whose length of time reads differently than a second ago."""
        first, last = self.in_view
        now = self._now().at
        for index in range(first, last + 1):
            item = self.source.row(index)
            if item is None or item.get("status") != "RUNNING":
                continue
            if took(now - item["startDate"]) != took(now - 1 - item["startDate"]):
                self.refresh(Region(0, index - first + self.head, self.size.width, 1))
