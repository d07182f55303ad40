"""One open Map Run as the engine holds it: what it is, how many children may still be started, whether too many failed.

It starts nothing and reads nothing; that is for `mapruns`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from flowd.decisions import MapRunPlan
from flowd.engine.mapruns.items import Inputs
from flowd.store import mapruns, schema

AT_ONCE = 1000  # children of one run that may be open together, whatever MaxConcurrency says (AWS: 10,000)
_FAILED = ("FAILED", "TIMED_OUT", "ABORTED")


class RunFailed(Exception):
    """The run ends with a States.* error."""

    def __init__(self, error: str, cause: str) -> None:
        super().__init__(error)
        self.error = error
        self.cause = cause


@dataclass(eq=False)
class Run:
    """One open Map Run. `tally` counts a child from the moment it is handed over."""

    row: schema.MapRun
    plan: MapRunPlan
    tally: mapruns.Tally
    parent_definition: int = 0
    trigger: str = ""  # of the children
    waiting: bool = False  # for children to end
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    over: bool = False  # its state has gone on without it
    closed: set[int] = field(default_factory=set)  # children that have ended and are not counted yet
    gaps: list[tuple[int, int]] = field(default_factory=list)  # items that no child has got, see items.uncovered
    inputs: Inputs | None = None
    worker: asyncio.Task[None] | None = None

    @property
    def id(self) -> int:
        return self.row.id or 0

    @property
    def room(self) -> int:
        limit = min(self.row.concurrency or AT_ONCE, AT_ONCE)
        return max(limit - len(self.tally.open_children), 0)

    @property
    def exceeded(self) -> bool:
        """True once more items have failed than the thresholds allow."""
        failed = sum(self.tally.items.get(status, 0) for status in _FAILED)
        count, percentage = self.row.tolerated_count, self.row.tolerated_percentage
        over_count = count is not None and failed > count
        return over_count or (percentage is not None and failed * 100 > percentage * self.row.items)
