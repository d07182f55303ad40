"""Glyphs, words and tones of everything the console shows: the only place that chooses them.

A tone is a name (`ok`, `bad`, `dim`, ...) that the style sheet turns into a colour; it never carries meaning alone,
because a glyph or a word always says the same. Every glyph here is one cell wide and not an emoji in any terminal.
"""

from __future__ import annotations

from typing import NamedTuple


class Look(NamedTuple):
    """How one thing is shown."""

    glyph: str
    word: str
    tone: str


class Span(NamedTuple):
    """A run of text in one tone."""

    text: str
    tone: str = ""


#: Tones the style sheet knows; each is a CSS class `tone--NAME`.
TONES = (
    "dim",
    "faint",
    "bold",
    "run",
    "ok",
    "bad",
    "late",
    "stop",
    "wait",
    "accent",
    "key",
    "press",
    "str",
    "num",
    "lit",
    "hit",
)

STATUS: dict[str, Look] = {
    "RUNNING": Look("▶", "RUNNING", "run"),
    "SUCCEEDED": Look("✓", "SUCCEEDED", "ok"),
    "FAILED": Look("✗", "FAILED", "bad"),
    "TIMED_OUT": Look("◷", "TIMED OUT", "late"),
    "ABORTED": Look("■", "ABORTED", "stop"),
}

#: What one visit of a state came to; CAUGHT failed and went on in a Catcher.
VISIT: dict[str, Look] = {**STATUS, "CAUGHT": Look("↯", "CAUGHT", "late"), "": Look("·", "", "faint")}

#: Why an execution stands still.
WAITING: dict[str, Look] = {
    "prompt": Look("▣", "prompt", "wait"),
    "task": Look("ƒ", "task", "dim"),
    "timer": Look("◷", "timer", "dim"),
    "retry": Look("↺", "retry", "late"),
}

STATE_TYPE: dict[str, str] = {
    "Task": "ƒ",
    "Choice": "◆",
    "Parallel": "‖",
    "Map": "▤",
    "Wait": "◷",
    "Pass": "·",
    "Succeed": "✓",
    "Fail": "✗",
}

#: Edges that are told instead of drawn: back to, caught in, far away, to a state that does not exist.
CHIP: dict[str, str] = {"loop": "↺", "catch": "↯", "far": "→", "lost": "✗"}

#: The border of the selected state, so that it shows without colours too.
HEAVY = str.maketrans("╭─╮│╰╯┬┌┄┐┆└┘", "┏━┓┃┗┛┳┏┅┓┇┗┛")

FILE: dict[str, Look] = {
    "loaded": Look("✓", "loaded", "ok"),
    "rejected": Look("✗", "rejected", "bad"),
    "removed": Look("·", "removed", "dim"),
    "ignored": Look("·", "ignored", "dim"),
}

SCHEDULE: dict[str, Look] = {"ENABLED": Look("▶", "on", "ok"), "DISABLED": Look("■", "paused", "late")}

BATCH: dict[str, Look] = {
    "COLLECTING": Look("◷", "collects", "run"),
    "RUNNING": Look("▶", "runs", "run"),
    "DONE": Look("✓", "done", "ok"),
    "CANCELLED": Look("■", "cancelled", "stop"),
}

LEVEL: dict[str, Look] = {
    "INFO": Look("·", "info", "dim"),
    "WARNING": Look("!", "warning", "late"),
    "ERROR": Look("✗", "error", "bad"),
    "CRITICAL": Look("✗", "critical", "bad"),
}

UNKNOWN = Look("·", "", "dim")


def status(value: str) -> Look:
    """The look of an execution's status; one we do not know is shown by its own word."""
    return STATUS.get(value) or Look("·", value.replace("_", " "), "dim")


def joined(spans: list[Span]) -> str:
    """The plain text of a line."""
    return "".join(span.text for span in spans)
