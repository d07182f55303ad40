"""How the daemon is: one page of facts, its problems in words, and the queues with who waits in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.widget import Widget

from console import rows
from console.actions import bindings
from console.client import Item
from console.looks import Span
from console.pages import ListSource
from console.screens.shell import Shell
from console.text import clean, count_of, pad
from console.widgets.panel import Panel
from console.widgets.table import VirtualTable


class HealthScreen(Shell):
    NAME = "health"
    BINDINGS = bindings("health")
    KINDS: ClassVar[frozenset[str]] = frozenset({"execution", "prompt", "file", "machine", "schedule"})

    def __init__(self) -> None:
        super().__init__()
        self.health: Item = {}
        self.queues: list[Item] = []

    def body(self) -> Iterable[Widget]:
        yield Panel(id="facts")
        yield VirtualTable(rows.QUEUES, self.host.now, id="table")

    def opened(self) -> None:
        self.query_one(VirtualTable).focus()

    def facts(self) -> Sequence[Span]:
        problems = self.health.get("problems")
        if problems is None:
            return ()
        return [Span(f"✗ {count_of(len(problems), 'problem')}", "bad")] if problems else [Span("✓ well", "ok")]

    async def load(self) -> None:
        self.health = await self.host.daemon.health()
        self.queues = await self.host.daemon.queues()
        now = self.host.now()
        lines = [[Span(pad(label, 12), "dim"), *spans] for label, spans in rows.health_lines(self.health, now)]
        problems = [[Span("✗ ", "bad"), Span(clean(problem))] for problem in self.health["problems"]]
        self.query_one(Panel).show_lines([*lines, *([[]] if problems else []), *problems])
        table = self.query_one(VirtualTable)
        table.empty = "no queues: no machine names an activity"
        table.show_rows(ListSource(self.queues))
