"""Many at once: the dialog that says how many, asks why, and for what destroys wants a word typed."""

from __future__ import annotations

from collections.abc import Sequence

from console.client import Item
from console.looks import Span, status
from console.screens.dialogs import Fill, Send
from console.text import left_alone, number, unbroken

#: What the verbs of a batch are called when one is asked about them; those that destroy want their word typed.
WORDS = {"redrive": "redrive", "stop": "stop", "retry-now": "retry now"}
DESTROYS = frozenset({"stop"})


class Reasoned(Fill):
    """Lines that say what will happen, a reason, further entries; `typed` is a word that has to be typed."""

    def __init__(
        self,
        title: str,
        verb: str,
        send: Send,
        lines: Sequence[Sequence[Span]],
        entries: Sequence[tuple[str, str]] = (),
        typed: str = "",
    ) -> None:
        self._word = typed
        asked = [("reason", ""), *entries, *([("confirm", "")] if typed else [])]
        confirm = [[Span("to confirm, type the word "), Span(typed, "key")]] if typed else []
        told, hints = [*lines, *confirm], {"confirm": typed}
        super().__init__(title, verb, send, entries=asked, lines=told, needs="reason", hints=hints)

    def action_send(self) -> None:
        if self._word and self.entries()["reason"] and self.entries()["confirm"] != self._word:
            self.complain(f"to do this to so many, type the word {self._word}")
        else:
            super().action_send()


def preview_lines(verb: str, preview: Item) -> list[list[Span]]:
    """`60,014 match: ✗ 60,000 FAILED …`, and for how many of them it is."""
    counts: list[Span] = []
    for name, amount in preview["counts"].items():
        look = status(name)
        counts += [Span(unbroken(f"{look.glyph} {number(amount)} {look.word}"), look.tone), Span("  ")]
    left = preview["matches"] - preview["applies"]
    told = f"{WORDS[verb]} is for {number(preview['applies'])} of them"
    return [
        [Span(f"{number(preview['matches'])} match:  ", "dim"), *counts],
        [Span(told, "bold"), Span(f"; {left_alone(left)}" if left else "", "dim")],
        [Span("the daemon does it, also when this console is gone; :batch follows and cancels", "dim")],
    ]
