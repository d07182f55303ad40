"""Columns of a list: which of them fit into a width, and one line of cells laid out in them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rich.cells import cell_len

from console.looks import Span
from console.text import clip_middle, pad


class Column(NamedTuple):
    """One column.

    `least` cells are needed for it to be shown at all, up to `most` are useful. Columns with a higher `drop` go first
    when the width is short; those with 0 always stay.
    """

    title: str
    least: int
    most: int = 0
    drop: int = 0
    right: bool = False
    words: bool = False  # what is too long loses whole words, without a sign: `22 Nov 18:13` becomes `22 Nov`
    middle: bool = False  # what is too long loses its middle, not its end


class Fitted(NamedTuple):
    """A column that is shown: which of the row's cells it has, and its width."""

    cell: int
    width: int
    title: str
    right: bool
    words: bool
    middle: bool


def gap(width: int) -> int:
    """Cells between two columns."""
    return 2 if width >= 110 else 1


def fit(columns: Sequence[Column], width: int, needs: Sequence[int] = ()) -> list[Fitted]:
    """The columns that fit into `width`, each at least `least` wide; what is left over goes to those that want more.

    `needs` are the cells that the widest text of each column takes. A column that may grow gets no more than that, so
    that what short names leave free goes to texts that would be cut.
    """
    columns = [_trimmed(each, need) for each, need in zip(columns, needs, strict=True)] if needs else columns
    kept = list(range(len(columns)))
    while _needed(columns, kept, gap(width)) > width:
        droppable = [i for i in kept if columns[i].drop]
        if not droppable:
            break
        kept.remove(max(droppable, key=lambda i: (columns[i].drop, i)))
    widths = {i: columns[i].least for i in kept}
    spare = width - _needed(columns, kept, gap(width))
    hungry = [i for i in kept if columns[i].most > widths[i]]
    while spare > 0 and hungry:
        share = max(1, spare // len(hungry))
        for i in list(hungry):
            more = min(share, columns[i].most - widths[i], spare)
            widths[i] += more
            spare -= more
            if widths[i] >= columns[i].most:
                hungry.remove(i)
    return [Fitted(i, widths[i], columns[i].title, columns[i].right, columns[i].words, columns[i].middle) for i in kept]


def _trimmed(column: Column, need: int) -> Column:
    need = max(need, cell_len(column.title))
    if not column.most:
        return column
    return column._replace(least=min(column.least, need), most=min(column.most, need))


def _needed(columns: Sequence[Column], kept: Sequence[int], between: int) -> int:
    return sum(columns[i].least for i in kept) + between * max(0, len(kept) - 1)


def heading(fitted: Sequence[Fitted], between: int = 1) -> list[Span]:
    """The line of titles."""
    return _line([(f, Span(f.title)) for f in fitted], between)


def line(cells: Sequence[Span], fitted: Sequence[Fitted], between: int = 1) -> list[Span]:
    """One row laid out in the columns that are shown; with fewer cells than columns the last one has the rest."""
    here = [f for f in fitted if f.cell < len(cells)]
    rest = sum(f.width + between for f in fitted[len(here) :])
    if rest and here:
        here[-1] = here[-1]._replace(width=here[-1].width + rest, right=False, words=False)
    return _line([(f, cells[f.cell]) for f in here], between)


def _line(pairs: Sequence[tuple[Fitted, Span]], between: int) -> list[Span]:
    spans: list[Span] = []
    for column, cell in pairs:
        if spans:
            spans.append(Span(" " * between))
        text = _whole_words(cell.text, column.width) if column.words else cell.text
        text = clip_middle(text, column.width) if column.middle else text
        spans.append(Span(pad(text, column.width, column.right), cell.tone))
    return spans


def _whole_words(text: str, width: int) -> str:
    while len(text) > width and " " in text:
        text = text.rpartition(" ")[0]
    return text
