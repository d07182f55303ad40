"""The outline of one execution: a tree of states at the left, what happened, and bars of time at the right."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from console.looks import Span
from console.outline import Row, plain, render, ruler
from console.rows import Now
from console.widgets.paint import LineView


class OutlineView(LineView):
    """Rows of `console.outline`, painted."""

    DEFAULT_CSS = "OutlineView { height: 1fr; scrollbar-size-vertical: 1; overflow-x: hidden; }"

    def __init__(self, now: Callable[[], Now], *, id: str | None = None, empty: str = "", timed: bool = True) -> None:
        super().__init__(id=id)
        self.head = int(timed)
        self._now, self.empty = now, empty
        self.rows: list[Row] = []
        self.over = (0.0, 1.0)

    def show_rows(self, rows: list[Row], over: tuple[float, float]) -> None:
        self.rows, self.over = rows, over
        self.relayout()

    @property
    def row(self) -> Row | None:
        return self.rows[self.cursor] if self.cursor < len(self.rows) else None

    def length(self) -> int:
        return len(self.rows)

    def heading(self, width: int) -> Sequence[Span]:
        return [] if not self.rows else ruler(self.over, width, self._now().zone)

    def spans(self, index: int, width: int) -> Sequence[Span]:
        if not self.head:
            return plain(self.rows[index], width)
        return render(self.rows[index], self.over, width, self._now().at)
