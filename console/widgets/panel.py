"""A small fixed panel of lines, as high as its text, without a cursor."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from textual.geometry import Size
from textual.strip import Strip

from console.looks import Span
from console.widgets.paint import Painted


def folded(spans: Sequence[Span], width: int) -> list[list[Span]]:
    """The line cut into lines of at most `width` cells, at blanks where there are any."""
    lines: list[list[Span]] = [[]]
    used = 0
    for text, tone in spans:
        for word in _words(text):
            need = cell_len(word.rstrip())
            if used and used + need > width:
                lines.append([])
                used = 0
                word = word.lstrip()
            while cell_len(word) > width > 0:
                lines[-1].append(Span(word[: width - used] if used < width else "", tone))
                word = word[max(1, width - used) :]
                lines.append([])
                used = 0
            lines[-1].append(Span(word, tone))
            used += cell_len(word)
    return lines


def _words(text: str) -> list[str]:
    """Words with the blanks that follow them."""
    words, start = [], 0
    for place in range(1, len(text)):
        if text[place - 1] == " " and text[place] != " ":
            words.append(text[start:place])
            start = place
    return [*words, text[start:]] if text else []


class Panel(Painted):
    """Lines of spans, folded to the width."""

    DEFAULT_CSS = "Panel { height: auto; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: list[list[Span]] = []

    def show_lines(self, lines: Sequence[Sequence[Span]]) -> None:
        self._lines = [list(line) for line in lines]
        self.display = bool(lines)
        self.refresh(layout=True)

    def _folded(self, width: int) -> list[list[Span]]:
        return [part for line in self._lines for part in folded(line, width)]

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return max(1, len(self._folded(width)))

    def render_line(self, y: int) -> Strip:
        width, base = self.content_size.width, self.rich_style
        lines = self._folded(width)
        spans = lines[y] if y < len(lines) else []
        return Strip(self.paint(spans, base)).crop_extend(0, width, base)
