"""Messages between the app, its screens and its widgets."""

from __future__ import annotations

from textual.message import Message

from console.client import Item
from console.fields import Path


class News(Message, bubble=False):
    """Something changed at the daemon; `stale` means: believe nothing you know."""

    def __init__(self, changes: list[Item], stale: bool) -> None:
        super().__init__()
        self.changes, self.stale = changes, stale

    def kinds(self) -> set[str]:
        return {change["kind"] for change in self.changes}


class Selected(Message):
    """The cursor of a table stands on another row."""


class Chosen(Message):
    """A state was selected in one of the views of an execution."""

    def __init__(self, state: tuple[str, ...]) -> None:
        super().__init__()
        self.state = state


class Opened(Message):
    """A row was chosen with the mouse."""


class Edited(Message):
    """A control of a form has a new value."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path


class Badge(Message):
    """What waits for a person was clicked, in the header."""
