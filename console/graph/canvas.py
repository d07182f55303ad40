"""Cells with lines that join where they meet, and with who owns each cell. Pure.

Lines are kept as directions, not as characters: whatever crosses or branches gets the right corner by itself.
"""

from __future__ import annotations

from typing import NamedTuple

from rich.cells import cell_len

from console.journal import Path

UP, DOWN, RIGHT, LEFT = 1, 2, 4, 8
#: The character for each set of directions.
JOINTS = " ╵╷│╶╰╭├╴╯╮┤─┴┬┼"

EdgeKey = tuple[Path, Path]


class Owner(NamedTuple):
    """Whose cell it is. `kind`: box, label, status, counts, chips, edge, rule; an edge's cells may have several."""

    kind: str
    path: Path = ()
    edges: tuple[EdgeKey, ...] = ()


class Run(NamedTuple):
    """Neighbouring cells of one owner."""

    x: int
    text: str
    owner: Owner | None


class Canvas:
    """A grid of cells. A wide character takes its cell and leaves the next one empty ("")."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._chars: list[list[str | None]] = [[None] * width for _ in range(height)]
        self._lines: list[list[int]] = [[0] * width for _ in range(height)]
        self._owners: list[list[Owner | None]] = [[None] * width for _ in range(height)]

    def text(self, x: int, y: int, text: str, owner: Owner) -> None:
        """Write a text; what is outside of the grid is lost."""
        for char in text:
            cells = cell_len(char)
            if 0 <= y < self.height and 0 <= x and x + cells <= self.width and cells:
                self._chars[y][x], self._owners[y][x] = char, owner
                for more in range(1, cells):
                    self._chars[y][x + more], self._owners[y][x + more] = "", owner
            x += cells

    def line(self, x: int, y: int, directions: int, key: EdgeKey) -> None:
        """A piece of an edge."""
        self._lines[y][x] |= directions
        known = self._owners[y][x]
        if known is None:
            self._owners[y][x] = Owner("edge", (), (key,))
        elif known.kind == "edge" and key not in known.edges:
            self._owners[y][x] = Owner("edge", (), (*known.edges, key))

    def upright(self, x: int, top: int, bottom: int, key: EdgeKey) -> None:
        """A vertical line through all rows from top to bottom, both included."""
        for y in range(top, bottom + 1):
            self.line(x, y, UP | DOWN, key)

    def level(self, y: int, start: int, end: int, key: EdgeKey) -> None:
        """A horizontal line between two columns; its ends are open to the middle."""
        for x in range(start, end + 1):
            self.line(x, y, (LEFT if x > start else 0) | (RIGHT if x < end else 0), key)

    def directions(self, x: int, y: int) -> int:
        return self._lines[y][x]

    def free(self, x: int, y: int, cells: int) -> bool:
        """True if nothing stands in these cells."""
        return 0 <= x and x + cells <= self.width and not any(self._owners[y][x : x + cells])

    def char(self, x: int, y: int) -> str:
        drawn = self._chars[y][x]
        return drawn if drawn is not None else JOINTS[self._lines[y][x]]

    def owner(self, x: int, y: int) -> Owner | None:
        return self._owners[y][x] if 0 <= x < self.width and 0 <= y < self.height else None

    def runs(self, y: int) -> list[Run]:
        """One row, cut where the owner changes."""
        found: list[Run] = []
        for x in range(self.width):
            owner, char = self._owners[y][x], self.char(x, y)
            if found and found[-1].owner == owner:
                found[-1] = Run(found[-1].x, found[-1].text + char, owner)
            else:
                found.append(Run(x, char, owner))
        return found
