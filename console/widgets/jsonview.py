"""The viewer for every JSON text: folding, search, copying a value; any size."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, ClassVar

from textual.actions import SkipAction
from textual.binding import Binding, BindingType

from console import jsonlines
from console.looks import Span
from console.text import block
from console.widgets.paint import LineView


class JsonView(LineView):
    """A JSON value as lines; a text that is no JSON as it stands."""

    DEFAULT_CSS = "JsonView { height: 1fr; scrollbar-size-vertical: 1; overflow-x: hidden; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space,z", "fold", show=False),
        Binding("minus", "fold_all(1)", show=False),
        Binding("plus,equals_sign", "fold_all(999)", show=False),
        Binding("n", "hit(1)", show=False),
        Binding("N", "hit(-1)", show=False),
        Binding("left,h", "pan(-8)", show=False),
        Binding("right,l", "pan(8)", show=False),
    ]

    def __init__(self, *, id: str | None = None, empty: str = "nothing here") -> None:
        super().__init__(id=id)
        self.empty = empty
        self._lines: list[jsonlines.JsonLine] = []
        self._shown: list[int] = []
        self._folded: set[int] = set()
        self._wanted = ""
        self._left = 0
        self.hits: list[int] = []
        self._value: Any = None
        self._whole = False  # the lines are those of the value, and nothing else

    def show_text(self, text: str | None) -> None:
        """Show a JSON text, or its plain lines when it is none; None shows the empty message."""
        if text is None:
            self._put([])
            return
        value, wrong = jsonlines.parse(text)
        if wrong:
            self._put([jsonlines.JsonLine(0, None, line, "") for line in block(text)])
        else:
            self.show_value(value)

    def show_lines(self, lines: Sequence[tuple[str, str]]) -> None:
        """Show plain lines, each a text and a tone; the texts must be clean."""
        self._put([jsonlines.JsonLine(0, None, text, tone) for text, tone in lines])

    def show_value(self, value: Any, marks: jsonlines.Marks | None = None) -> None:
        """Show a value; `marks` are signs beside what differs from another one."""
        self._put(jsonlines.flatten(value, marks))
        self._value, self._whole = value, True

    def text_at_cursor(self) -> str:
        """The JSON of the value under the cursor, whole; the line where it is no JSON that is shown."""
        if not self._shown:
            return ""
        here = self._shown[self.cursor]
        if not self._whole:
            return self._lines[here].text
        return json.dumps(jsonlines.value_at(self._value, self._lines, here), indent=2, ensure_ascii=False)

    def go_to(self, line: int) -> None:
        """Bring a line to the cursor and, where there is room, to the top."""
        if not 0 <= line < len(self._lines):
            return
        self._go(line)
        self.scroll_to(y=max(0, self.cursor - 1), animate=False, force=True)
        self.refresh()

    def _put(self, lines: list[jsonlines.JsonLine]) -> None:
        self._whole = False
        if lines == self._lines:
            return
        self._lines, self._folded, self._left, self.cursor = lines, set(), 0, 0
        self.hits = jsonlines.hits(lines, self._wanted)
        self._reflow()

    def _reflow(self) -> None:
        self._shown = jsonlines.visible(self._lines, self._folded)
        self.relayout()

    def length(self) -> int:
        return len(self._shown)

    def spans(self, index: int, width: int) -> Sequence[Span]:
        place = self._shown[index]
        spans = jsonlines.spans(self._lines[place], place in self._folded)
        return panned(marked(spans, self._wanted), self._left)

    def search(self, wanted: str) -> int:
        """Mark every line with the text and go to the first one; how many there are."""
        self._wanted, self.hits = wanted, jsonlines.hits(self._lines, wanted)
        if self.hits:
            self._go(self.hits[0])
        self.refresh()
        return len(self.hits)

    def _go(self, line: int) -> None:
        if line not in self._shown:
            self._folded = jsonlines.around(self._folded, self._lines, line)
            self._reflow()
        self.cursor = self._shown.index(line)

    def action_hit(self, by: int) -> None:
        if not self.hits or not self._shown:
            raise SkipAction  # without a search the keys belong to the screen
        here = self._shown[self.cursor]
        ahead = [hit for hit in self.hits if (hit > here if by > 0 else hit < here)]
        edge = self.hits[0] if by > 0 else self.hits[-1]
        self._go((ahead[0] if by > 0 else ahead[-1]) if ahead else edge)

    def action_fold(self) -> None:
        if self._shown and self._lines[self._shown[self.cursor]].opens:
            self._folded ^= {self._shown[self.cursor]}
            self._reflow()

    def action_fold_all(self, depth: int) -> None:
        self._folded = jsonlines.deeper_than(self._lines, depth)
        self.cursor = 0
        self._reflow()

    def action_pan(self, by: int) -> None:
        self._left = max(0, self._left + by)
        self.refresh()


def marked(spans: Sequence[Span], wanted: str) -> list[Span]:
    """The spans with every occurrence of the text in the tone `hit`."""
    if not wanted:
        return list(spans)
    found: list[Span] = []
    for text, tone in spans:
        rest, low = text, wanted.lower()
        while (at := rest.lower().find(low)) >= 0:
            found += [Span(rest[:at], tone), Span(rest[at : at + len(wanted)], "hit")]
            rest = rest[at + len(wanted) :]
        found.append(Span(rest, tone))
    return found


def panned(spans: Sequence[Span], left: int) -> list[Span]:
    """The spans without their first `left` characters; a `…` stands for what of it was not blank."""
    lost = "".join(span.text for span in spans)[: left + 1].strip() if left else ""
    kept: list[Span] = [Span("…", "dim")] if lost else []
    left += len(kept)
    for text, tone in spans:
        kept.append(Span(text[left:], tone))
        left = max(0, left - len(text))
    return kept
