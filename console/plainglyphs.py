"""Glyphs for terminals and fonts without them: every sign of ours as one ASCII character. Pure.

It works on whole lines as they go to the terminal, so that borders and Textual's own widgets are covered too. Letters
of names and data stay as they are: whoever can type them can see them.
"""

from __future__ import annotations

import locale
from collections.abc import Mapping

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_SIGNS = {
    "▶": ">", "✓": "+", "✗": "x", "◷": "o", "■": "#", "↯": "!", "▣": "?", "ƒ": "f", "↺": "~", "◆": "?", "‖": "=",
    "▤": "#", "·": ".", "→": ">", "▼": "v", "▲": "^", "▌": "|", "▐": "|", "█": "#", "▸": "+", "▾": "-", "›": ">",
    "←": "<", "↑": "^", "↓": "v", "●": "*", "○": "o", "…": "~", "≥": ">", "≤": "<", "×": "x", "—": "-", "–": "-",
    "▏": "|", "▎": "|", "▍": "|", "▋": "#", "▊": "#", "▉": "#", "▔": "-", "▁": "_", "▂": "_", "▃": "-", "▄": "-",
    "▅": "=", "▆": "=", "▇": "#", "▀": "#", "▕": "|", "◉": "*", "☐": "_", "☑": "x",
}  # fmt: skip
_LEVEL, _UPRIGHT = "─━┄┅═╴╶╌", "│┃┆┇║╵╷╎"


def table() -> Mapping[int, str]:
    """What each character becomes: signs by the list, lines by their direction, every other joint as `+`."""
    found = {ord(sign): plain for sign, plain in _SIGNS.items()}
    for code in range(0x2500, 0x2580):
        char = chr(code)
        found.setdefault(code, "-" if char in _LEVEL else "|" if char in _UPRIGHT else "+")
    return found


class PlainGlyphs(LineFilter):
    """Replaces the glyphs of a line."""

    _table = table()

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [Segment(text.translate(self._table), style, control) for text, style, control in segments]


#: One for all: a line remembers what a filter made of it, by the filter.
PLAIN_GLYPHS = PlainGlyphs()


def wanted(given: bool, environment: Mapping[str, str]) -> bool:
    """True if it was asked for, or the terminal's encoding has no such characters."""
    if given or environment.get("FLOWD_ASCII", "") not in ("", "0"):
        return True
    return "utf" not in locale.getpreferredencoding(False).lower()
