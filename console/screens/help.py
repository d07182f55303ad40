"""The help: every action of the screen it was opened from, made from the table, with the reason why not now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from console import actions
from console.actions import Action
from console.looks import Span
from console.reasons import Situation
from console.screens.dialogs import Dialog, Lines
from console.text import clip, pad
from console.widgets.panel import folded

MOVING = (
    ("j k ↑ ↓", "move", "page keys by screens, g G to the ends"),
    ("space z", "fold", "in JSON: one, or all with - +; h l sideways"),
    ("tab", "next part", "to the next part of the screen"),
    ("ctrl+z", "suspend", "to the shell; fg comes back"),
    ("ctrl+p", "palette", "every action by name, and the themes"),
)


def help_lines(screen: str, now: Situation, width: int) -> list[list[Span]]:
    """The page: actions of the screen, actions everywhere, moving about."""
    own = actions.TABLE.get(screen, ())
    lines: list[list[Span]] = []
    if own:
        lines += [[Span(screen, "bold")], *(line for action in own for line in _lines(action, now, width)), []]
    lines += [[Span("everywhere", "bold")]]
    lines += [line for action in actions.EVERYWHERE for line in _lines(action, now, width)]
    lines += [
        [Span(pad(keys, 10), "key"), Span(pad(label, 15)), Span(clip(told, width - 25), "dim")]
        for keys, label, told in MOVING
    ]
    return lines


def _lines(action: Action, now: Situation, width: int) -> list[list[Span]]:
    keys = " ".join(dict.fromkeys(actions.key_name(key) for key in action.keys.split(",")))
    why = action.why(now)
    told = Span(f"not now: {why}", "late") if why else Span(action.help, "dim")
    first, *more = folded([told], max(16, width - 26))
    title = [Span(pad(keys, 11), "faint" if why else "press"), Span(pad(action.label, 15), "dim" if why else "")]
    return [[*title, *first], *([Span(" " * 26), *line] for line in more)]


class HelpScreen(Dialog[None]):
    """The page in a box."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("question_mark,f1,q,enter", "cancel", show=False)]

    def __init__(self, screen: str, now: Situation, width: int) -> None:
        super().__init__(f"keys · {screen}", [("↓ ↑", "read on"), ("esc", "close")])
        self._lines: Sequence[Sequence[Span]] = help_lines(screen, now, min(90, width * 96 // 100) - 8)

    def content(self) -> ComposeResult:
        yield Lines(self._lines, spare=6)
