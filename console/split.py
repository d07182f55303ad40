"""Where the borders between panes stand: the share of the left or the upper pane, by arrangement. Knows no widget.

A share stays what it was chosen to be: a terminal that is small for a while makes a pane narrower, not the wish.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from console import preferences

#: The borders there are, by arrangement and axis, and the shares they begin with.
USUAL: Final = {"beside-columns": 0.6, "below-rows": 0.6, "huge-columns": 0.45, "huge-rows": 0.6}
#: Cells that every pane keeps.
LEAST: Final = {"columns": 30, "rows": 5}


#: A share that was made from cells gives the same cells again.
TINY: Final = 1e-6


class Split:
    """The borders of one user, in every execution; the folder keeps them for the next console."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._shares = USUAL | preferences.chosen_split(folder, USUAL.keys())

    def cells(self, arrangement: str, axis: str, size: int) -> int:
        """Cells of the first pane, out of `size`; 0 if the arrangement has no border on that axis."""
        share = self._shares.get(f"{arrangement}-{axis}")
        return 0 if share is None else _within(int(share * size + TINY), axis, size)

    def move(self, arrangement: str, axis: str, size: int, cells: int) -> None:
        """Give the first pane so many cells of `size`, or as many as the other one leaves it."""
        self._shares[f"{arrangement}-{axis}"] = _within(cells, axis, size) / max(1, size)

    def keep(self) -> None:
        preferences.keep_split(self._folder, self._shares)


def _within(cells: int, axis: str, size: int) -> int:
    least = min(LEAST[axis], size // 2)
    return max(least, min(size - least, cells))
