"""The first and the last line of every screen: where you are and how things stand; and what you can press."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from textual import events

from console.looks import Span
from console.messages import Badge
from console.text import clip, clip_middle
from console.widgets.paint import OneLine

KNOWN_BY = 18  # cells of a name by which one knows it


def header_line(crumbs: Sequence[str], facts: Sequence[Span], right: Sequence[Span], width: int) -> list[Span]:
    """`flowd › executions   facts        right`. The right part and the first fact stay: the crumb is cut.

    For the other facts it is cut too, as long as enough of it is left to know it by.
    """
    first = cell_len(facts[0].text) + 3 if facts else 0
    end = sum(cell_len(span.text) for span in right) + 1
    if width < 110 and len(crumbs) > 2:
        crumbs = crumbs[1:]
    spans = [Span(" ")]
    for place, crumb in enumerate(crumbs):
        used = sum(cell_len(span.text) for span in spans)
        last = place == len(crumbs) - 1
        room = max(12 if last else 4, width - used - end - 2 - (first if last else 0))
        if last and facts and " " not in crumb:
            for span in facts[1:]:
                room -= cell_len(span.text) if room - cell_len(span.text) >= KNOWN_BY else 0
            text = clip_middle(crumb, room)
        else:
            text = clip(crumb, room)
        spans += [Span(text, "bold" if last else "dim"), Span("" if last else " › ", "faint")]
    used = sum(cell_len(span.text) for span in spans)
    spans.append(Span("   "))
    used += 3
    for span in facts:
        if used + cell_len(span.text) > width - end - 1:
            break
        spans.append(span)
        used += cell_len(span.text)
    return [*spans, Span(" " * (width - used - end)), *right]


class Header(OneLine):
    """Crumbs and facts at the left, the inbox and the line to the daemon at the right."""

    DEFAULT_CSS = "Header { dock: top; background: $panel; }"

    def __init__(self) -> None:
        super().__init__()
        self.crumbs: Sequence[str] = ("flowd",)
        self.facts: Sequence[Span] = ()
        self.right: Sequence[Span] = ()

    def on_click(self, event: events.Click) -> None:
        """The number of what waits leads to it."""
        at = self.size.width - 1 - sum(cell_len(span.text) for span in self.right)
        for span in self.right:
            at, begins = at + cell_len(span.text), at
            if begins <= event.x < at and span.text.startswith("▣"):
                self.post_message(Badge())

    def spans(self, width: int) -> Sequence[Span]:
        return header_line(self.crumbs, self.facts, self.right, width)


def keys_line(keys: Sequence[tuple[str, str, bool]], width: int, kept: int) -> list[Span]:
    """`enter open  x stop`; the last `kept` stay in any case, what else does not fit is left out."""
    spans, used = [Span(" ")], 1
    first, last = keys[: len(keys) - kept], keys[len(keys) - kept :]
    room = width - sum(map(_key_width, last))
    for each in first:
        used += _key_width(each)
        if used > room:
            break
        spans += _key_spans(*each)
    return [*spans, *(span for each in last for span in _key_spans(*each))]


def _key_width(key: tuple[str, str, bool]) -> int:
    return cell_len(key[0]) + cell_len(key[1]) + 3


def _key_spans(key: str, label: str, now: bool) -> list[Span]:
    return [Span(key, "press" if now else "faint"), Span(f" {label}  ", "" if now else "faint")]


class KeyBar(OneLine):
    """The keys of the screen, those first that are used most. What can be done now is bold, all else is faint."""

    DEFAULT_CSS = "KeyBar { dock: bottom; background: $panel; }"

    def __init__(self) -> None:
        super().__init__()
        self.keys: Sequence[tuple[str, str, bool]] = ()
        self.kept = 0

    def spans(self, width: int) -> Sequence[Span]:
        return keys_line(self.keys, width, self.kept)


def tab_spans(key: int, word: str, here: bool) -> list[Span]:
    """One of the numbered tabs above a view; the one that is shown is lit as a whole."""
    return [Span(f" {key} {word} ", "hit")] if here else [Span(f" {key}", "key"), Span(f" {word} ", "dim")]


class Facts(OneLine):
    """One line of facts above or below a list."""

    DEFAULT_CSS = "Facts { padding: 0 1; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._spans: Sequence[Span] = ()

    def say(self, *spans: Span) -> None:
        """Show these spans; none hides the line."""
        self._spans = spans
        self.display = bool(spans)
        self.refresh()

    def spans(self, width: int) -> Sequence[Span]:
        return self._spans
