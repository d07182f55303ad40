"""The last gate before the terminal: whatever a widget painted, none that drives, hides or reorders gets through.

Our own widgets paint text that `console.text.clean` has seen. Textual's (fields, editors, notices) show what they hold,
and that may be a draft, a default or an input with a C1 control or a bidi override in it: the field keeps the data as
it is, the screen shows it without.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual.app import App
from textual.color import Color
from textual.filter import LineFilter
from textual.notifications import SeverityLevel

from console.text import HARMLESS, clean

LONGEST_NOTICE = 600  # characters; a notice never covers the screen


class Harmless(LineFilter):
    """Takes such characters out of a line, which stays as wide as it was laid out."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [each if each.control or (each.text.isascii() and each.text.isprintable()) else _harmless(each)
                for each in segments]  # fmt: skip


def _harmless(segment: Segment) -> Segment:
    text = segment.text.translate(HARMLESS)
    if text == segment.text:
        return segment
    return Segment(set_cell_size(text, cell_len(segment.text)), segment.style)


#: One for all: a line remembers what a filter made of it, by the filter; by a new one all lines are looked at again.
_LINES = Harmless()


class Plain(App[int]):
    """An app whose lines are harmless and whose notices are plain text, whatever they quote."""

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [_LINES, *super().get_line_filters()]

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        lines = [clean(line, LONGEST_NOTICE) for line in message[:LONGEST_NOTICE].split("\n")]
        super().notify("\n".join(lines), title=clean(title, 80), severity=severity, timeout=timeout, markup=False)
