"""The colours of the themes, by the numbers: all text can be read, and the colour-blind can tell the tones apart."""

from __future__ import annotations

import itertools
import math

import pytest
from textual.color import Color
from textual.theme import Theme

from console.themes import THEMES

OURS = [theme for theme in THEMES if not theme.ansi]  # of the sixteen colours nobody knows what they are
LEAST = 4.5  # WCAG 2.2, 1.4.3, level AA
#: Machado, Oliveira and Fernandes, 2009: what is left of linear RGB without one kind of cones.
BLIND = {
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.01182, 0.04294, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.3039)),
}
SEEN = {"none": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)), **BLIND}
APART = 15.0  # CIE76; some 2 are just noticed side by side


def linear(code: str) -> tuple[float, float, float]:
    def channel(value: int) -> float:
        share = value / 255
        return share / 12.92 if share <= 0.04045 else float(((share + 0.055) / 1.055) ** 2.4)

    found = Color.parse(code)
    return channel(found.r), channel(found.g), channel(found.b)


def luminance(code: str) -> float:
    red, green, blue = linear(code)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def lab(seen: tuple[float, ...]) -> tuple[float, float, float]:
    red, green, blue = seen
    scaled = (
        (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.95047,
        0.2126 * red + 0.7152 * green + 0.0722 * blue,
        (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.08883,
    )
    x, y, z = (part ** (1 / 3) if part > 0.008856 else 7.787 * part + 16 / 116 for part in scaled)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def seen_as(code: str, eyes: str) -> tuple[float, float, float]:
    parts = (sum(share * value for share, value in zip(row, linear(code), strict=True)) for row in SEEN[eyes])
    return lab(tuple(min(1.0, max(0.0, part)) for part in parts))


def texts(theme: Theme) -> dict[str, str]:
    named = ("foreground", "primary", "secondary", "accent", "success", "warning", "error")
    return {name: str(getattr(theme, name)) for name in named} | {
        name: str(theme.variables[name]) for name in ("dim", "faint")
    }


@pytest.mark.parametrize("theme", OURS, ids=lambda theme: theme.name)
def test_every_tone_of_a_theme_can_be_read_on_every_background(theme: Theme) -> None:
    grounds = {name: str(getattr(theme, name)) for name in ("background", "surface", "panel")}
    grounds["cursor-line"] = str(theme.variables["cursor-line"])
    hard = {
        (text, ground): round(contrast(code, behind), 2)
        for text, code in texts(theme).items()
        for ground, behind in grounds.items()
        if contrast(code, behind) < LEAST
    }
    assert not hard
    assert contrast(str(theme.background), str(theme.primary)) >= LEAST  # a hit of a search, and the tab that is shown


@pytest.mark.parametrize("theme", OURS, ids=lambda theme: theme.name)
def test_what_matters_less_is_fainter_in_three_steps(theme: Theme) -> None:
    ground = str(theme.background)
    steps = [contrast(code, ground) for code in (texts(theme)[name] for name in ("foreground", "dim", "faint"))]
    assert steps[0] > 1.25 * steps[1] > 1.25 * 1.25 * steps[2]


@pytest.mark.parametrize("eyes", SEEN)
def test_the_colour_blind_can_tell_the_tones_of_statuses_apart(eyes: str) -> None:
    theme = next(theme for theme in OURS if theme.name == "flowd-colorblind")
    tones = texts(theme)
    statuses = {
        name: seen_as(tones[name], eyes) for name in ("primary", "success", "error", "warning", "accent", "dim")
    }
    near = {
        (one, other): round(math.dist(statuses[one], statuses[other]), 1)
        for one, other in itertools.combinations(statuses, 2)
        if math.dist(statuses[one], statuses[other]) < APART
    }
    assert not near
