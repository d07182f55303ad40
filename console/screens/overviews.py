"""Lists about the whole daemon: dead letters, deploys, queues with their workers, the audit, the daemon's log."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import ClassVar

from console import list_rows
from console.actions import bindings
from console.client import Item, RemoteError, Unreachable
from console.jobs import job
from console.looks import Span
from console.rows import Sheet
from console.screens.bulk import Reasoned, preview_lines
from console.screens.executions import ExecutionsScreen
from console.screens.listing import ListScreen
from console.screens.machines import diagnostic_lines
from console.screens.restoring import put_back
from console.screens.textdiff import show_versions
from console.text import ago, clean, count_of, moment, number

LOG_WAIT_S = 25


class DeadScreen(ListScreen):
    """Why things fail: executions that ended badly, by machine, state and error."""

    NAME = "dead"
    BINDINGS = bindings("dead")
    KINDS: ClassVar[frozenset[str]] = frozenset({"execution", "batch"})
    SHEET: ClassVar[Sheet] = list_rows.DEAD
    EMPTY = "nothing has failed"

    async def fetch(self) -> list[Item]:
        return list((await self.host.daemon.ask("ListDeadLetters"))["groups"])

    def facts(self) -> Sequence[Span]:
        total = sum(item["count"] for item in self.items)
        return [Span(f"✗ {number(total)} in {count_of(len(self.items), 'group')}", "bad")] if total else []

    def lines(self, item: Item) -> list[list[Span]]:
        now = self.host.now()
        span = f"between {moment(item['firstAt'], *now)} and {moment(item['lastAt'], *now)}"
        return [
            [Span(f"{number(item['count'])} failed {span}", "dim")],
            [Span("/ ", "key"), Span(clean(item["filter"]))],
        ]

    def do_open(self) -> None:
        item = self.item()
        if item is not None:
            self.app.push_screen(ExecutionsScreen(item["filter"]))

    async def do_redrive(self) -> None:
        item = self.item() or {}
        members = {"verb": "redrive", "filter": item["filter"]}
        preview = await self.host.daemon.ask("StartBatch", **members, dryRun=True)

        async def send(text: str, entries: dict[str, str]) -> None:
            await self.host.daemon.ask("StartBatch", **members, reason=entries["reason"])

        place = clean(item.get("state") or "–")
        title = f"Redrive all that ended with {clean(item.get('error') or 'no error')} in {place}"
        lines = preview_lines("redrive", preview)
        if await self.app.push_screen_wait(Reasoned(title, "redrive", send, lines)):
            self.host.go("batches")


class DeploysScreen(ListScreen):
    """What was deployed: refused files first, then every published version."""

    NAME = "deploys"
    BINDINGS = bindings("deploys")
    KINDS: ClassVar[frozenset[str]] = frozenset({"machine", "file"})
    SHEET: ClassVar[Sheet] = list_rows.DEPLOYS
    EMPTY = "no version is published\n\nput NAME.asl.json into the workflows folder"

    def __init__(self, machine: str = "") -> None:
        """With a machine: only what was published of it."""
        super().__init__()
        self.machine = machine

    def crumbs(self) -> Sequence[str]:
        return ("flowd", "machines", clean(self.machine), "versions") if self.machine else super().crumbs()

    async def fetch(self) -> list[Item]:
        deploys = (await self.host.daemon.ask("ListDeploys", limit=500))["deploys"]
        if self.machine:
            return [each for each in deploys if each["stateMachineName"] == self.machine]
        refused = [file for file in await self.host.daemon.files() if file["status"] == "rejected"]
        return [*refused, *deploys]

    def facts(self) -> Sequence[Span]:
        refused = sum("diagnostics" in item for item in self.items)
        return [Span(f"✗ {count_of(refused, 'file')} refused", "bad")] if refused else []

    def lines(self, item: Item) -> list[list[Span]]:
        if "diagnostics" in item:
            return diagnostic_lines(item)
        source = clean(item.get("source") or item["owner"])
        force = "in force" if item["current"] else "not in force"
        told = f"  {force}, published {ago(item['at'], self.host.now().at)} from {source}"
        return [[Span(f"{clean(item['stateMachineName'])} v{item['version']}", "bold"), Span(told, "dim")]]

    def do_open(self) -> None:
        self.do_compare()

    def do_compare(self) -> None:
        """Two marked versions, or this one with the one before."""
        chosen = [item for item in self.chosen() if "version" in item]
        if len(chosen) == 1:
            chosen += self._before(chosen[0])
        if len(chosen) != 2:
            self.say("mark two versions with space, or stand on one that has a version before it")
            return
        old, new = sorted(chosen, key=lambda item: float(item["at"]))
        self.work(show_versions(self, old, new))

    async def do_restore(self) -> None:
        await put_back(self, self.item() or {})
        self.reload()

    def _before(self, item: Item) -> list[Item]:
        """The version before this one, which the list has below it."""
        same = [each for each in self.items if each.get("stateMachineName") == item["stateMachineName"]]
        older = [each for each in same if each.get("version", 1 << 30) < item["version"]]
        return [max(older, key=lambda each: int(each["version"]))] if older else []

    def do_copy(self) -> None:
        item = self.item() or {}
        self.host.copy_text(str(item.get("stateMachineVersionArn") or item.get("path")), "the version's ARN")


class QueuesScreen(ListScreen):
    """Activities and SWF task lists: what waits in them, since when, and who works on it."""

    NAME = "queues"
    BINDINGS = bindings("queues")
    KINDS: ClassVar[frozenset[str]] = frozenset({"execution", "prompt", "machine"})
    SHEET: ClassVar[Sheet] = list_rows.QUEUES
    EMPTY = "no queues: no machine names an activity"

    async def fetch(self) -> list[Item]:
        """Those that nobody takes from stand first."""
        return sorted(await self.host.daemon.queues(), key=list_rows.idle, reverse=True)

    def facts(self) -> Sequence[Span]:
        idle = sum(map(list_rows.idle, self.items))
        return [Span(f"✗ nobody polls {count_of(idle, 'queue')}", "late")] if idle else []

    def lines(self, item: Item) -> list[list[Span]]:
        now = self.host.now().at
        polled = (
            f"last poll {ago(item['polledAt'], now)}" if item.get("polledAt") else "not polled since the daemon began"
        )
        by = f" by {clean(item['polledBy'])}" if item.get("polledBy") else ""
        return [[Span(clean(list_rows.queue_name(item)), "bold"), Span(f"  {polled}{by}", "dim")]]

    def do_open(self) -> None:
        self.host.go("inbox")


class AuditScreen(ListScreen):
    """Who did what to what, and why."""

    NAME = "audit"
    BINDINGS = bindings("audit")
    KINDS: ClassVar[frozenset[str]] = frozenset({"batch", "prompt", "schedule", "machine"})
    SHEET: ClassVar[Sheet] = list_rows.AUDIT
    EMPTY = "nobody has done anything yet"

    async def fetch(self) -> list[Item]:
        return list((await self.host.daemon.ask("ListAudit", limit=1000))["entries"])

    def lines(self, item: Item) -> list[list[Span]]:
        detail = [[Span(clean(item["detail"], 1000))]] if item.get("detail") else []
        return [[Span(clean(item["who"]), "bold"), Span(f"  {clean(item['verb'])}  {clean(item['target'])}")], *detail]

    def do_open(self) -> None:
        target = str((self.item() or {}).get("target", ""))
        arn = target.split(" ")[0]
        if ":execution:" in arn or ":express:" in arn:
            self.host.show_execution(arn, arn.rpartition(":")[2])
        else:
            self.say("this was not done to an execution")

    def do_copy(self) -> None:
        self.host.copy_text(str((self.item() or {}).get("target", "")), "the target")


class LogScreen(ListScreen):
    """The daemon's own log; `F` keeps its end in view."""

    NAME = "log"
    BINDINGS = bindings("log")
    SHEET: ClassVar[Sheet] = list_rows.LOG
    EMPTY = "nothing has been logged"

    def __init__(self) -> None:
        super().__init__()
        self.follows = True

    def opened(self) -> None:
        super().opened()
        self.run_worker(job(self._tail), exit_on_error=False)

    async def fetch(self) -> list[Item]:
        return list((await self.host.daemon.ask("ReadLog", limit=5000))["lines"])

    async def _tail(self) -> None:
        """As long as the screen lives; while the line is down it waits for it."""
        while self.is_running:
            after = self.items[-1]["id"] if self.items else 0
            try:
                if not self.loaded:
                    await asyncio.sleep(0.2)
                    continue
                lines = (await self.host.daemon.ask("ReadLog", after=after, timeoutSeconds=LOG_WAIT_S))["lines"]
                await asyncio.sleep(0.2)  # a daemon that drains answers at once
            except (Unreachable, RemoteError):
                await asyncio.sleep(1.0)
                continue
            if lines:
                self.items = [*self.items, *lines][-5000:]
                self.show_items()
                self.call_after_refresh(self._to_end)

    async def load(self) -> None:
        await super().load()
        self.call_after_refresh(self._to_end)

    def _to_end(self) -> None:
        if self.follows:
            self.table.action_bottom()

    def facts(self) -> Sequence[Span]:
        return [Span("▼ follows" if self.follows else "■ stands still", "dim")]

    def lines(self, item: Item) -> list[list[Span]]:
        return [[Span(clean(item["text"]))]]

    def do_follow(self) -> None:
        self.follows = not self.follows
        self._to_end()
        self.refresh_bars()
