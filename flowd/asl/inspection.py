"""A look into one state while it runs: what its data became at each stage, and how it failed.

Whoever wants one hands it to the Draft; the data flow fills it in passing. It also carries what stands in for the
Context object. Nothing is decided by what is noted here.
"""

from __future__ import annotations

from typing import Any

from flowd.asl.faults import Failure


class Inspection:
    """`stages` by the names of AWS's InspectionData (`afterInputPath`, ...): Payloads and numbers.

    `failures` with the state that had them, first to last: two when a catcher failed itself, more when they climbed.
    """

    __slots__ = ("context", "failures", "stages")

    def __init__(self, context: dict[str, Any] | None = None) -> None:
        self.context = context
        self.stages: dict[str, Any] = {}
        self.failures: list[tuple[str, Failure]] = []

    def note(self, stage: str, value: Any) -> None:
        self.stages[stage] = value
