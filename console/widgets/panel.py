"""A small fixed panel of lines, as high as its text, without a cursor."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len, chop_cells
from textual.geometry import Size
from textual.strip import Strip

from console.looks import Span
from console.widgets.paint import Painted

LONGEST_LABEL = 12  # cells


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
            if need > width > 1:
                *full, word = chop_cells(word, width)
                lines[-1:] = [*([Span(piece, tone)] for piece in full), []]
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


def hung(line: Sequence[Span], width: int) -> list[list[Span]]:
    """A line folded; what follows on a label (`next    `) stays in its column."""
    first = line[0].text if line and line[0].tone == "dim" else ""
    indent = len(first) if first.endswith("  ") and len(first) <= LONGEST_LABEL else 0
    if not indent or width < 3 * indent:
        return folded(line, width)
    top, *more = folded(line[1:], width - indent)
    return [[line[0], *top], *([Span(" " * indent), *part] for part in more)]


class Panel(Painted):
    """Lines of spans, folded to the width."""

    DEFAULT_CSS = "Panel { height: auto; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: list[list[Span]] = []
        self._parts: tuple[int, list[list[Span]]] = (-1, [])

    def show_lines(self, lines: Sequence[Sequence[Span]]) -> None:
        self._lines, self._parts = [list(line) for line in lines], (-1, [])
        self.display = bool(lines)
        self.refresh(layout=True)

    def _folded(self, width: int) -> list[list[Span]]:
        if self._parts[0] != width:
            self._parts = (width, [part for line in self._lines for part in hung(line, width)])
        return self._parts[1]

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return max(1, len(self._folded(width)))

    def render_line(self, y: int) -> Strip:
        width, base = self.content_size.width, self.rich_style
        lines = self._folded(width)
        spans = lines[y] if y < len(lines) else []
        return Strip(self.paint(spans, base)).crop_extend(0, width, base)
