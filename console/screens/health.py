"""How the daemon is: one page of facts, its problems in words, and the queues with who waits in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.widget import Widget

from console import list_rows, rows
from console.actions import bindings
from console.client import Item
from console.looks import Span
from console.pages import ListSource
from console.screens.shell import Shell
from console.text import clean, count_of, number, pad, sparkline, took
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
        yield VirtualTable(list_rows.QUEUES, self.host.now, id="table")

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
        lines += self._pulse(await self.host.daemon.ask("GetMetrics"))
        problems = [[Span("✗ ", "bad"), Span(clean(problem))] for problem in self.health["problems"]]
        self.query_one(Panel).show_lines([*lines, *([[]] if problems else []), *problems])
        table = self.query_one(VirtualTable)
        table.empty = "no queues: no machine names an activity"
        table.show_rows(ListSource(self.queues))

    def _pulse(self, metrics: Item) -> list[list[Span]]:
        """The last hour in sparklines: what began, what failed; how long things took; the oldest task that waits."""
        minutes, width = metrics["minutes"], min(60, max(20, self.size.width - 40))
        lines = []
        for label, member, tone in (("started", "started", "run"), ("failed", "failed", "bad")):
            values = [minute[member] for minute in minutes]
            told = f"  {number(sum(values))} in {len(values)} min, now {values[-1]}" if values else ""
            line = sparkline(values, width)
            lines.append([Span(pad(label, 12), "dim"), Span(line, tone), Span(told, "dim")])
        spent = [Span("nothing has ended", "dim")]
        if "p95Seconds" in metrics:
            spent = [Span(took(metrics["medianSeconds"])), Span(f"  95 % within {took(metrics['p95Seconds'])}", "dim")]
        lines.append([Span(pad("took", 12), "dim"), *spent])
        oldest = metrics.get("queueOldestAt")
        if oldest:
            lines.append(
                [Span(pad("queues", 12), "dim"), Span(f"the oldest task waits {took(self.host.now().at - oldest)}")]
            )
        others = self.host.presence.attached
        if others:
            told = ", ".join(f"{clean(each['who'])} ({clean(each.get('looksAt', '–'))})" for each in others)
            lines.append([Span(pad("attached", 12), "dim"), Span(told)])
        return lines
