"""The colours of the console: a dark and a light theme, one of high contrast, one that the colour-blind can tell apart,
and one of the terminal's own sixteen colours. Beside `flowd.tcss` the only place that knows a colour.
"""

from __future__ import annotations

from textual.theme import BUILTIN_THEMES, Theme

#: What Textual's own themes lack.
DARK = {"dim": "#8a93a1", "faint": "#586070", "line": "#39404d", "cursor-line": "#2a3342"}
LIGHT = {"dim": "#5b6574", "faint": "#8b95a2", "line": "#c0c6d0", "cursor-line": "#d5dded"}
#: On a light terminal white cannot be read, and on a dark one black is no cursor: that is reversed instead.
SIXTEEN = {
    "dim": "ansi_default", "faint": "ansi_bright_black", "line": "ansi_bright_black", "cursor-line": "ansi_default",
}  # fmt: skip

DEFAULT, OF_SIXTEEN = "flowd", "flowd-16"


def default(color_system: str | None) -> str:
    """The theme of a user who has chosen none, on a terminal with the colours that Rich found it has."""
    return OF_SIXTEEN if color_system == "standard" else DEFAULT


THEMES: tuple[Theme, ...] = (
    Theme(
        name=DEFAULT, primary="#7cafe0", secondary="#8fb8c9", accent="#c8a2d8", success="#8fbf88", warning="#dcb26a",
        error="#e27d7d", foreground="#d3d7de", background="#14171c", surface="#1a1e25", panel="#212631", dark=True,
        variables=DARK,
    ),
    Theme(
        name="flowd-light", primary="#1f5fa8", secondary="#2c6e80", accent="#7d3f98", success="#2f7d32",
        warning="#8f5c00", error="#b3261e", foreground="#1f242c", background="#fbfbfa", surface="#f2f2f0",
        panel="#e6e7e9", dark=False, variables=LIGHT,
    ),
    Theme(
        name="flowd-contrast", primary="#66b3ff", secondary="#7fffff", accent="#ff9dff", success="#5cff5c",
        warning="#ffd83d", error="#ff6b6b", foreground="#ffffff", background="#000000", surface="#000000",
        panel="#1c1c1c", dark=True,
        variables={"dim": "#d0d0d0", "faint": "#a0a0a0", "line": "#b0b0b0", "cursor-line": "#003a75"},
    ),
    # Blue and orange instead of green and red, after Okabe and Ito; told apart with every kind of colour blindness.
    Theme(
        name="flowd-colorblind", primary="#cc79a7", secondary="#8fb8c9", accent="#f0e442", success="#56b4e9",
        warning="#e6b800", error="#e8772e", foreground="#d7dade", background="#14171c", surface="#1a1e25",
        panel="#212631", dark=True, variables=DARK,
    ),
    Theme(
        name=OF_SIXTEEN, ansi=True, primary="ansi_bright_blue", secondary="ansi_cyan", accent="ansi_magenta",
        success="ansi_green", warning="ansi_yellow", error="ansi_bright_red", foreground="ansi_default",
        background="ansi_default", surface="ansi_default", panel="ansi_default", boost="ansi_default", dark=True,
        variables={**BUILTIN_THEMES["ansi-dark"].variables, **SIXTEEN},
    ),
)  # fmt: skip
