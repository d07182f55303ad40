"""Panes in a grid, with borders between them that the mouse drags and keys move."""

from __future__ import annotations

from typing import Final

from textual import events
from textual.containers import Container

from console.split import Split

AXES: Final = ("columns", "rows")
UNSIZED: Final = 1000


class Panes(Container):
    """The style sheet says how many panes there are in a row and which lines they have; `split` where these stand."""

    def __init__(self, split: Split, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._split = split
        self._arrangement = ""
        self._held: dict[str, int] = {}  # axes that are dragged: how far from the border the mouse has taken it

    def take(self, arrangement: str) -> None:
        """Take an arrangement that the split knows, or "" for a single pane."""
        self._arrangement = arrangement
        self._place()

    def border(self, axis: str) -> int:
        """Where the border on this axis stands, in cells of the first pane; 0 if there is none."""
        return self._split.cells(self._arrangement, axis, self._length(axis))

    def step(self, axis: str, by: int) -> bool:
        """Move a border by cells; False if there is none on this axis."""
        at = self.border(axis)
        if at:
            self._move(axis, at + by)
            self._split.keep()
        return bool(at)

    def on_resize(self) -> None:
        self._place()

    def _length(self, axis: str) -> int:
        """Cells on this axis; before there is a size, many: the proportion holds from the first layout on."""
        return (self.size.width if axis == "columns" else self.size.height) or UNSIZED

    def _move(self, axis: str, cells: int) -> None:
        self._split.move(self._arrangement, axis, self._length(axis), cells)
        self._place()

    def _place(self) -> None:
        for axis in AXES:
            first = self.border(axis)
            fractions = f"{first}fr {self._length(axis) - first}fr" if first else None
            setattr(self.styles, f"grid_{axis}", fractions)

    # -- the mouse

    def _from_border(self, event: events.MouseEvent) -> dict[str, int]:
        """How far the mouse is from each border, by axis."""
        place = event.screen_offset - self.region.offset
        found = {"columns": place.x, "rows": place.y}
        return {axis: at - self.border(axis) for axis, at in found.items() if self.border(axis)}

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """A border is the line of the second pane, and where every pane has a frame that of the first one too."""
        thick = (-1, 0) if self._arrangement == "huge" else (0,)
        self._held = {axis: off for axis, off in self._from_border(event).items() if off in thick}
        if self._held:
            event.stop()
            self.screen.clear_selection()  # Textual has begun to select text here, and would scroll what it passes
            self.capture_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        away = self._from_border(event)
        for axis, off in self._held.items():
            if axis in away and away[axis] != off:
                self._move(axis, self.border(axis) + away[axis] - off)

    def on_mouse_up(self) -> None:
        if self._held:
            self.release_mouse()

    def on_mouse_release(self) -> None:
        """Let go, or taken away by a screen on top."""
        self._held = {}
        self._split.keep()
