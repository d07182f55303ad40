"""What lists that are all here have in common: they are read whole, filtered and sorted on the spot, and can be marked.

A screen says how its rows look (`SHEET`), how they are read (`fetch`), and what stands under the list (`lines`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.widget import Widget
from textual.widgets import Input

from console.client import Item
from console.looks import Span
from console.messages import Opened
from console.pages import ListSource
from console.rows import Now, Sheet
from console.screens.shell import Shell
from console.text import clean, count_of
from console.widgets.bars import Facts
from console.widgets.panel import Panel
from console.widgets.table import VirtualTable


def holds(item: Item, sheet: Sheet, now: Now, text: str) -> bool:
    """Whether every word stands somewhere in the row; one with `!` before it must not."""
    shown = " ".join(span.text for span in sheet.cells(item, now)).lower()
    for word in text.lower().split():
        unwanted = len(word) > 1 and word[0] == "!"
        if (word[1:] if unwanted else word) in shown if unwanted else word not in shown:
            return False
    return True


def order_of(text: str) -> tuple[int, float, str]:
    """Numbers by size and before words; words without regard to case."""
    try:
        return (0, float(text.replace(",", "").split(" ")[0]), "")
    except ValueError:
        return (1, 0.0, text.lower())


class ListScreen(Shell):
    """A table, a panel about the row under the cursor, a line for the filter."""

    SHEET: ClassVar[Sheet]
    EMPTY: ClassVar[str] = "nothing here"

    def __init__(self) -> None:
        super().__init__()
        self.items: list[Item] = []
        self.text = ""
        self.sorted_by = -1  # a column, or the order they come in
        self.reversed = False

    def body(self) -> Iterable[Widget]:
        yield Facts(id="line")
        yield VirtualTable(self.SHEET, self.host.now, id="table")
        yield Panel(id="inspect")
        yield Input(id="filter", compact=True, placeholder="words; !word leaves out")

    async def fetch(self) -> list[Item]:
        """The rows, as the daemon has them now."""
        raise NotImplementedError

    def lines(self, item: Item) -> list[list[Span]]:
        """What stands under the list about one row."""
        return []

    @property
    def table(self) -> VirtualTable:
        return self.query_one("#table", VirtualTable)

    def opened(self) -> None:
        self._tell()
        self.table.focus()

    def item(self) -> Item | None:
        return self.table.item if self.ready else None

    async def load(self) -> None:
        self.items = await self.fetch()
        self.show_items()

    def show_items(self) -> None:
        """Filter, sort and show what was read."""
        now = self.host.now()
        shown = [item for item in self.items if holds(item, self.SHEET, now, self.text)]
        if self.sorted_by >= 0:
            shown.sort(key=lambda item: order_of(self.SHEET.cells(item, now)[self.sorted_by].text))
        if self.reversed:
            shown.reverse()
        self.table.empty = "nothing matches the filter" if self.text else self.EMPTY
        self.table.show_rows(ListSource(shown))
        self._tell()
        self.on_moved()

    def _tell(self) -> None:
        parts: list[Span] = []
        if self.text:
            parts += [Span("/ ", "key"), Span(clean(self.text)), Span(f"   {self.table.length()} match   ", "dim")]
        if self.sorted_by >= 0:
            title = self.SHEET.columns[self.sorted_by].title
            parts += [Span(f"by {title} {'▼' if self.reversed else '▲'}   ", "dim")]
        if self.table.marked:
            parts += [
                Span(f"● {count_of(len(self.table.marked), 'row')} marked", "accent"),
                Span("   esc unmarks", "dim"),
            ]
        self.query_one("#line", Facts).say(*parts)

    def on_moved(self) -> None:
        item = self.item()
        self.query_one("#inspect", Panel).show_lines(self.lines(item) if item is not None else [])

    def on_opened(self, event: Opened) -> None:
        event.stop()
        self.call_later(self.action_do, "open")

    # -- verbs of all lists

    def do_filter(self) -> None:
        box = self.query_one("#filter", Input)
        box.add_class("-open")
        box.focus()

    def take_words(self, words: str, view: bool) -> None:
        self.query_one("#filter", Input).value = self.text = words
        self.show_items()  # at once: keys that follow are for the rows that match

    def on_input_changed(self, event: Input.Changed) -> None:
        self.text = event.value.strip()
        self.show_items()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.input.remove_class("-open")
        self.table.focus()

    def do_sort(self) -> None:
        titled = [place for place, column in enumerate(self.SHEET.columns) if column.title]
        later = [place for place in titled if place > self.sorted_by]
        self.sorted_by = later[0] if later else -1
        self.show_items()

    def do_reverse(self) -> None:
        self.reversed = not self.reversed
        self.show_items()

    def do_mark(self) -> None:
        self.table.mark()
        self._tell()

    def do_mark_range(self) -> None:
        self.table.mark_range()
        self._tell()

    def do_mark_all(self) -> None:
        self.table.mark_all()
        self._tell()

    def chosen(self) -> list[Item]:
        """The marked rows, else the one under the cursor."""
        marked = [item for item in self.items if self.SHEET.key(item) in self.table.marked]
        item = self.item()
        return marked or ([item] if item is not None else [])

    def unmark(self) -> None:
        self.table.marked.clear()
        self.table.refresh()
        self._tell()

    def do_back(self) -> None:
        box = self.query_one("#filter", Input)
        if box.has_class("-open"):
            box.remove_class("-open")
            self.table.focus()
        elif self.table.marked:
            self.unmark()
        elif self.text:
            box.value = ""
        else:
            super().do_back()
