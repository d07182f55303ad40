"""The colours of the console: a dark and a light theme, one of high contrast, one that the colour-blind can tell apart,
and one of the terminal's own sixteen colours. Beside `flowd.tcss` the only place that knows a colour.
"""

from __future__ import annotations

from textual.theme import BUILTIN_THEMES, Theme

#: What Textual's own themes lack. Every tone can be read on every background, the cursor's too: 4.5 to 1 (WCAG AA).
DARK = {"dim": "#b3bac4", "faint": "#959fac", "line": "#39404d", "cursor-line": "#2a3342"}
LIGHT = {"dim": "#444d5a", "faint": "#59626f", "line": "#c0c6d0", "cursor-line": "#d5dded"}
#: On a light terminal white cannot be read, bright black on some dark ones, and on those black is no cursor: what is
#: faint is the terminal's own faint instead, and the cursor is reversed.
SIXTEEN = {
    "dim": "ansi_default", "faint": "ansi_default", "line": "ansi_bright_black", "cursor-line": "ansi_default",
}  # fmt: skip

DEFAULT, OF_SIXTEEN = "flowd", "flowd-16"


def default(color_system: str | None) -> str:
    """The theme of a user who has chosen none, on a terminal with the colours that Rich found it has."""
    return OF_SIXTEEN if color_system == "standard" else DEFAULT


THEMES: tuple[Theme, ...] = (
    Theme(
        name=DEFAULT, primary="#7cafe0", secondary="#8fb8c9", accent="#c8a2d8", success="#8fbf88", warning="#dcb26a",
        error="#e88383", foreground="#e2e5ea", background="#14171c", surface="#1a1e25", panel="#212631", dark=True,
        variables=DARK,
    ),
    Theme(
        name="flowd-light", primary="#1f5fa8", secondary="#1f6274", accent="#7d3f98", success="#256a29",
        warning="#7f5100", error="#b3261e", foreground="#1f242c", background="#fbfbfa", surface="#f2f2f0",
        panel="#e6e7e9", dark=False, variables=LIGHT,
    ),
    Theme(
        name="flowd-contrast", primary="#66b3ff", secondary="#7fffff", accent="#ff9dff", success="#5cff5c",
        warning="#ffd83d", error="#ff8080", foreground="#ffffff", background="#000000", surface="#000000",
        panel="#1c1c1c", dark=True,
        variables={"dim": "#d0d0d0", "faint": "#b0b0b0", "line": "#b0b0b0", "cursor-line": "#003a75"},
    ),
    # Blue and orange instead of green and red; the six tones of a status are told apart with every kind of colour
    # blindness (tests/console/test_themes.py works it out).
    Theme(
        name="flowd-colorblind", primary="#c79d6c", secondary="#8fb8c9", accent="#5ef1a4", success="#56b4e9",
        warning="#e3dc57", error="#f08040", foreground="#e2e5ea", background="#14171c", surface="#1a1e25",
        panel="#212631", dark=True, variables=DARK,
    ),
    Theme(
        name=OF_SIXTEEN, ansi=True, primary="ansi_bright_blue", secondary="ansi_cyan", accent="ansi_magenta",
        success="ansi_green", warning="ansi_yellow", error="ansi_bright_red", foreground="ansi_default",
        background="ansi_default", surface="ansi_default", panel="ansi_default", boost="ansi_default", dark=True,
        variables={**BUILTIN_THEMES["ansi-dark"].variables, **SIXTEEN},
    ),
)  # fmt: skip
