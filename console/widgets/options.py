"""Picking from a few: radio buttons and ticks on one line where they fit, each with a sign that needs no colour."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, ClassVar

from rich.cells import cell_len
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.reactive import reactive
from textual.strip import Strip

from console.fields import MISSING, Path
from console.looks import Span
from console.messages import Edited
from console.text import clean
from console.widgets.paint import Painted


def label_of(value: Any) -> str:
    """How an option is written: strings as they are, `yes` and `no`, anything else as JSON."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return clean(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), 200)


def wrapped(labels: Sequence[str], width: int) -> list[list[int]]:
    """Which options stand on which line; each takes its label, four cells for the sign and two between."""
    lines: list[list[int]] = []
    used = width + 1
    for index, label in enumerate(labels):
        need = cell_len(label) + 6
        if used + need > width + 2:
            lines.append([])
            used = 0
        lines[-1].append(index)
        used += need
    return lines


class Options(Painted, can_focus=True):
    """One of several (`many=False`), or any of them."""

    DEFAULT_CSS = "Options { height: auto; width: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "move(-1)", show=False),
        Binding("right,l", "move(1)", show=False),
        Binding("space,enter", "pick", show=False),
    ]
    at: reactive[int] = reactive(0)

    def __init__(self, path: Path, options: Sequence[Any], picked: Any, *, many: bool = False) -> None:
        super().__init__()
        self.path, self.options, self.many = path, tuple(options), many
        self._labels = [label_of(option) for option in options]
        chosen = picked if many and isinstance(picked, (list, tuple)) else [] if picked is MISSING else [picked]
        self.picked = {index for index, option in enumerate(self.options) if _same_any(option, chosen)}
        self.set_reactive(Options.at, min(self.picked, default=0))

    @property
    def value(self) -> Any:
        """The option, or the tuple of options; MISSING if none was ever picked."""
        if self.many:
            return tuple(self.options[index] for index in sorted(self.picked))
        return self.options[min(self.picked)] if self.picked else MISSING

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(wrapped(self._labels, width))

    def render_line(self, y: int) -> Strip:
        width, base = self.size.width, self.rich_style
        lines = wrapped(self._labels, width)
        spans: list[Span] = []
        for index in lines[y] if y < len(lines) else []:
            on = index in self.picked
            sign = ("[✓] " if on else "[ ] ") if self.many else "(●) " if on else "( ) "
            here = self.has_focus and index == self.at
            spans.append(Span(sign + self._labels[index], "hit" if here else "bold" if on else "dim"))
            spans.append(Span("  "))
        return Strip(self.paint(spans, base)).crop_extend(0, width, base)

    def action_move(self, by: int) -> None:
        self.at = (self.at + by) % len(self.options)
        if not self.many:
            self._pick({self.at})

    def action_pick(self) -> None:
        self._pick(self.picked ^ {self.at} if self.many else {self.at})

    def _pick(self, picked: set[int]) -> None:
        self.picked = picked
        self.refresh()
        self.post_message(Edited(self.path))

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        x = 0
        lines = wrapped(self._labels, self.size.width)
        for index in lines[event.y] if event.y < len(lines) else []:
            width = cell_len(self._labels[index]) + 4
            if x <= event.x < x + width:
                self.at = index
                self.action_pick()
            x += width + 2


def _same_any(option: Any, chosen: Sequence[Any]) -> bool:
    """True and 1 are different answers, though Python calls them equal."""
    return any(option == value and isinstance(option, bool) == isinstance(value, bool) for value in chosen)
