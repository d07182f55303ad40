"""What tasks printed: any number of lines, followed to the end, wrapped or not, searched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.actions import SkipAction
from textual.binding import Binding, BindingType

from console.looks import Span
from console.widgets.jsonview import marked, panned
from console.widgets.paint import LineView
from console.widgets.panel import folded


class LogView(LineView):
    """Lines of text and tone. While it follows, the cursor stays on the last line."""

    DEFAULT_CSS = "LogView { height: 1fr; scrollbar-size-vertical: 1; overflow-x: hidden; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "hit(1)", show=False),
        Binding("N", "hit(-1)", show=False),
        Binding("left,h", "pan(-8)", show=False),
        Binding("right,l", "pan(8)", show=False),
    ]

    def __init__(self, *, id: str | None = None, empty: str = "") -> None:
        super().__init__(id=id)
        self.empty = empty
        self.follow = True
        self.wrap = False
        self._lines: list[tuple[str, str]] = []
        self._shown: list[list[Span]] = []
        self._from: list[int] = []  # the line that each shown line is of
        self._left = 0
        self._wanted = ""

    def show_lines(self, lines: Sequence[tuple[str, str]]) -> None:
        """Show lines; the texts must be clean."""
        self._lines = list(lines)
        self._reflow()

    def _reflow(self) -> None:
        width = max(10, self.size.width - 2)
        self._shown, self._from = [], []
        for number, (text, tone) in enumerate(self._lines):
            parts = folded([Span(text, tone)], width) if self.wrap and len(text) > width else [[Span(text, tone)]]
            self._shown += parts
            self._from += [number] * len(parts)
        self.relayout()
        if self.follow:
            self.action_bottom()

    def on_resize(self) -> None:
        self._reflow()

    def length(self) -> int:
        return len(self._shown)

    def spans(self, index: int, width: int) -> Sequence[Span]:
        return panned(marked(self._shown[index], self._wanted), self._left)

    def toggle_wrap(self) -> bool:
        self.wrap, self._left = not self.wrap, 0
        self._reflow()
        return self.wrap

    def toggle_follow(self) -> bool:
        self.follow = not self.follow
        if self.follow:
            self.action_bottom()
        return self.follow

    def action_move(self, by: int) -> None:
        super().action_move(by)
        self.follow = self.cursor == self.length() - 1

    def action_top(self) -> None:
        self.follow = False
        super().action_top()

    def search(self, wanted: str) -> int:
        """Mark every line with the text and go to the first one; how many there are."""
        self._wanted = wanted
        found = self._hits()
        if found:
            self.follow = False
            self.cursor = next((i for i in found if i >= self.cursor), found[0])
        self.refresh()
        return len(found)

    def _hits(self) -> list[int]:
        low = self._wanted.lower()
        lines = {number for number, (text, _) in enumerate(self._lines) if low and low in text.lower()}
        return [i for i, number in enumerate(self._from) if number in lines]

    def action_hit(self, by: int) -> None:
        found = self._hits()
        if not found:
            raise SkipAction  # without a search the keys belong to the screen
        ahead = [i for i in found if (i > self.cursor if by > 0 else i < self.cursor)]
        self.cursor = (ahead[0] if by > 0 else ahead[-1]) if ahead else found[0 if by > 0 else -1]

    def action_pan(self, by: int) -> None:
        self._left = max(0, self._left + by) if not self.wrap else 0
        self.refresh()
