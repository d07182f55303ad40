"""The schedules: what comes next, what the last run came to, and the policies for runs that overlap or were missed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.widget import Widget

from console import rows
from console.actions import bindings
from console.client import Item
from console.looks import SCHEDULE, Span, status
from console.messages import Opened
from console.pages import ListSource
from console.screens.dialogs import Ask
from console.screens.shell import Shell
from console.text import ago, clean, count_of, local
from console.widgets.panel import Panel
from console.widgets.table import VirtualTable

EMPTY = "no schedules\n\na SAM template or an EventBridge Scheduler expression beside a machine makes one"


def schedule_lines(item: Item, now: rows.Now) -> list[list[Span]]:
    """Under the list: the next runs, the last one, the policies, the input."""
    on = item["state"] == "ENABLED"
    upcoming = [local(at, now.zone).strftime("%a %d %b %H:%M") for at in item.get("next") or []]
    lines = [
        [Span("starts  ", "dim"), Span(clean(item["stateMachineName"])), Span(f"  {clean(item['source'])}", "dim")]
    ]
    lines += [[Span("next    ", "dim"), Span(" · ".join(upcoming) if on and upcoming else SCHEDULE["DISABLED"].word)]]
    last = item.get("last")
    if last:
        look = status(last.get("status") or "")
        note = f"  {clean(last['note'])}" if last.get("note") else ""
        lines.append(
            [
                Span("last    ", "dim"),
                Span(f"{look.glyph} {look.word} ", look.tone),
                Span(ago(last["at"], now.at) + note),
            ]
        )
    policies = f"runs that overlap: {clean(item['overlap'])} · missed while down: {clean(item['missed'])}"
    lines.append([Span("policy  ", "dim"), Span(policies)])
    lines.append([Span("input   ", "dim"), Span(clean(item.get("input") or "{}", 400), "dim")])
    return lines


class SchedulesScreen(Shell):
    NAME = "schedules"
    BINDINGS = bindings("schedules")
    KINDS: ClassVar[frozenset[str]] = frozenset({"schedule", "execution", "file"})

    def __init__(self) -> None:
        super().__init__()
        self.items: list[Item] = []

    def body(self) -> Iterable[Widget]:
        yield VirtualTable(rows.SCHEDULES, self.host.now, id="table")
        yield Panel(id="inspect")

    @property
    def table(self) -> VirtualTable:
        return self.query_one(VirtualTable)

    def opened(self) -> None:
        self.table.focus()

    def facts(self) -> Sequence[Span]:
        if not self.loaded:
            return ()
        paused = sum(item["state"] != "ENABLED" for item in self.items)
        told = [Span(count_of(len(self.items), "schedule"))]
        return [*told, Span(f" · ■ {paused} paused", "late")] if paused else told

    def item(self) -> Item | None:
        return self.table.item if self.ready else None

    async def load(self) -> None:
        self.items = sorted(await self.host.daemon.schedules(), key=lambda item: str(item["name"]).lower())
        self.table.empty = EMPTY
        self.table.show_rows(ListSource(self.items))
        self.on_moved()

    def on_moved(self) -> None:
        item = self.item()
        self.query_one(Panel).show_lines(schedule_lines(item, self.host.now()) if item is not None else [])

    async def do_pause(self) -> None:
        item = self.item() or {}
        verb = "Pause" if item["state"] == "ENABLED" else "Resume"
        done = await self.host.daemon.schedule(verb, item["name"])
        self.say(f"{clean(item['name'])} is {SCHEDULE[done['state']].word}")
        self.reload()

    async def do_run(self) -> None:
        item = self.item() or {}
        lines = [
            [Span(f"starts {clean(item['stateMachineName'])} once with", "dim")],
            [Span(clean(item.get("input") or "{}"))],
        ]
        if await self.app.push_screen_wait(Ask(f"Run {clean(item['name'])} now?", lines, "run it")):
            done = await self.host.daemon.schedule("Run", item["name"])
            self.say(f"started {clean((done.get('executionArn') or item['name']).rpartition(':')[2])}")
            self.reload()

    def do_open(self) -> None:
        last = (self.item() or {}).get("last") or {}
        if last.get("executionArn"):
            arn = last["executionArn"]
            self.host.show_execution(arn, arn.rpartition(":")[2])
        else:
            self.say("it has not run yet")

    def on_opened(self, event: Opened) -> None:
        event.stop()
        self.do_open()
