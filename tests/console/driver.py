"""What a story does with the console: wait until something is so, press keys, read the screen as text."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input, TextArea

from console.app import FlowdApp

S = TypeVar("S", bound=Screen[Any])
DEADLINE_S = 10.0


class Expected(KeyError):
    """A fault that a test makes on purpose; any other that the console meets fails its test."""


def quiet(app: FlowdApp) -> FlowdApp:
    """No animation and no blinking cursor, whatever the environment was when Textual was imported."""
    app.animation_level = "none"
    Input.cursor_blink._default = False
    TextArea.cursor_blink._default = False
    return app


async def until(pilot: Pilot[int], so: Callable[[], Any], what: str = "") -> None:
    """Wait until the condition holds; a condition about widgets that are not there yet does not hold."""
    end = asyncio.get_running_loop().time() + DEADLINE_S
    while True:
        await pilot.pause()
        try:
            if so():
                return
        except (LookupError, AttributeError):
            pass
        if asyncio.get_running_loop().time() > end:
            raise AssertionError(f"never: {what or so}\n{screen_text(pilot)}")
        await asyncio.sleep(0.005)


def screen_text(pilot: Pilot[int]) -> str:
    """What stands on the screen, line by line."""
    width, height = pilot.app.size
    screen = pilot.app.screen
    lines = [strip.text for strip in screen._compositor.render_strips()]
    return "\n".join(line[:width].rstrip() for line in lines[:height])


async def sees(pilot: Pilot[int], *texts: str) -> str:
    """Wait until all of the texts stand on the screen; the screen."""
    await until(pilot, lambda: all(text in screen_text(pilot) for text in texts), f"sees {texts}")
    return screen_text(pilot)


async def sees_no(pilot: Pilot[int], text: str) -> str:
    await until(pilot, lambda: text not in screen_text(pilot), f"sees no {text}")
    return screen_text(pilot)


async def goes_to(pilot: Pilot[int], word: str) -> None:
    """Type a `:` command."""
    await pilot.press("colon", *word, "enter")


def notices(pilot: Pilot[int]) -> str:
    """The texts of all notices."""
    return "\n".join(notice.message for notice in pilot.app._notifications)
