"""A line for typed words whose rest is shown in grey. Must not know what the words mean."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import Input


class TypedLine(Input):
    """`tab` takes the word in grey as `→` does; it never leaves the line, where the next letters would be verbs."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("tab", "complete", show=False)]

    def action_complete(self) -> None:
        self.cursor_position = len(self.value)
        self.action_cursor_right()
