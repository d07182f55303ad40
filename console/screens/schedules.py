"""The schedules: what comes next, what the last run came to, and the policies for runs that overlap or were missed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from textual.widget import Widget

from console import rows
from console.actions import bindings
from console.client import Item
from console.looks import SCHEDULE, Span, status
from console.messages import Opened
from console.pages import ListSource
from console.screens.bulk import Reasoned
from console.screens.dialogs import Ask, Fill
from console.screens.shell import Shell
from console.text import ago, clean, count_of, local
from console.typed_times import moment_of
from console.widgets.panel import Panel
from console.widgets.table import VirtualTable

EMPTY = "no schedules\n\na SAM template or an EventBridge Scheduler expression beside a machine makes one"


def schedule_lines(item: Item, now: rows.Now) -> list[list[Span]]:
    """Under the list: the next runs, the last one, the policies, the input."""
    on = item["state"] == "ENABLED"
    upcoming = [local(at, now.zone).strftime("%a\u00a0%d\u00a0%b\u00a0%H:%M") for at in item.get("next") or []]
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
    if item.get("pausedBy"):
        lines.append([Span("paused  ", "dim"), Span(f"by {clean(item['pausedBy'])}", "late")])
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

    def chosen(self) -> list[Item]:
        """The marked ones, else the one under the cursor."""
        item = self.item()
        marked = [each for each in self.items if str(each["name"]) in self.table.marked]
        return marked or ([item] if item is not None else [])

    def do_mark(self) -> None:
        self.table.mark()

    def do_mark_range(self) -> None:
        self.table.mark_range()

    def do_mark_all(self) -> None:
        self.table.mark_all()

    def do_back(self) -> None:
        if self.table.marked:
            self.table.marked.clear()
            self.table.refresh()
        else:
            super().do_back()

    async def do_pause(self) -> None:
        """Pause or resume: what the first of the chosen needs is done to all of them."""
        chosen = self.chosen()
        verb = "Pause" if chosen[0]["state"] == "ENABLED" else "Resume"
        if len(chosen) == 1:
            done = await self.host.daemon.schedule(verb, chosen[0]["name"])
            self.say(f"{clean(chosen[0]['name'])} is {SCHEDULE[done['state']].word}")
        else:
            await self._all(verb, names=[each["name"] for each in chosen])
        self.table.marked.clear()
        self.reload()

    async def do_pause_all(self) -> None:
        """Maintenance: all of them, or all go on."""
        going = sum(item["state"] == "ENABLED" for item in self.items)
        verb, amount = ("Pause", going) if going else ("Resume", len(self.items))
        lines = [[Span(f"{count_of(amount, 'schedule')}; what is due meanwhile counts as missed", "dim")]]
        if await self.app.push_screen_wait(Ask(f"{verb} all schedules?", lines, verb.lower())):
            await self._all(verb)
            self.reload()

    async def _all(self, verb: str, **members: Any) -> None:
        names = (await self.host.daemon.ask(f"{verb}Schedules", **members))["names"]
        word = "paused" if verb == "Pause" else "on again"
        self.say(f"{count_of(len(names), 'schedule')} {word}")

    async def do_backfill(self) -> None:
        """Runs of the past: from when until when, then what that would be, then a reason."""
        item, ask, now = self.item() or {}, self.host.daemon.ask, self.host.now()
        members: Item = {"name": item["name"]}
        fires: list[float] = []

        async def preview(text: str, entries: dict[str, str]) -> None:
            members["since"] = moment_of(entries["since"], now.at, now.zone)
            if entries["until"]:
                members["until"] = moment_of(entries["until"], now.at, now.zone)
            fires[:] = (await ask("BackfillSchedule", dryRun=True, **members))["times"]

        async def send(text: str, entries: dict[str, str]) -> None:
            started = (await ask("BackfillSchedule", **members, reason=entries["reason"]))["started"]
            self.say(f"{count_of(len(started), 'run')} started, {len(fires) - len(started)} had run already")

        title = f"Backfill {clean(item['name'])}: start the runs of a time that has passed"
        told = [[Span("dates like 2026-01-31 or 2026-01-31T12:00, in this terminal's zone", "dim")]]
        hints = {"since": "needed", "until": "now"}
        entries = (("since", ""), ("until", ""))
        span = Fill(title, "preview", preview, entries=entries, lines=told, hints=hints)
        if not await self.app.push_screen_wait(span):
            return
        if not fires:
            self.say("no run would have been in that time")
            return
        shown = [local(at, now.zone).strftime("%a %d %b %Y %H:%M") for at in (*fires[:3], *fires[-2:])]
        lines = [
            [Span(f"{count_of(len(fires), 'run')}: ", "bold"), Span(" · ".join(dict.fromkeys(shown)), "dim")],
            [Span("one that has run already is left alone", "dim")],
        ]
        if await self.app.push_screen_wait(Reasoned(f"Start {count_of(len(fires), 'run')}?", "start", send, lines)):
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
