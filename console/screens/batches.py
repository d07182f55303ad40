"""The batches: what was done to many executions at once, how far it is, and what went wrong in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.widget import Widget

from console import list_rows
from console.actions import bindings
from console.client import Item
from console.looks import Span
from console.rows import Sheet
from console.screens.dialogs import Ask
from console.screens.listing import ListScreen
from console.text import clean, count_of, left_alone, number, took
from console.widgets.panel import Panel

EMPTY = "no batches yet\n\nin :exec mark executions with space, or all that match with ctrl+a, then R, x or !"
OPEN = ("COLLECTING", "RUNNING")


def batch_lines(batch: Item, now: float) -> list[list[Span]]:
    """What a batch is for, by whom and why; and the problems it met, the most frequent first."""
    which = f"/ {clean(batch['filter'])}" if batch.get("filter") else "executions that were marked"
    if batch.get("filter") == "":
        which = "all executions"
    end = batch.get("endedAt") or now
    told = f"{clean(batch['by'])}, {took(end - batch['startedAt'])}"
    if batch.get("cancelledBy"):
        told += f", cancelled by {clean(batch['cancelledBy'])}"
    title = [Span(clean(batch["verb"]), "bold"), Span(f"  {which}  "), Span(told, "dim")]
    problems = [
        [Span(f"✗ {number(each['count'])}  ", "bad"), Span(clean(each["error"]))] for each in batch.get("errors") or ()
    ]
    return [title, [Span(clean(batch["reason"]))], *problems[:4]]


class BatchesScreen(ListScreen):
    NAME = "batches"
    BINDINGS = bindings("batches")
    KINDS: ClassVar[frozenset[str]] = frozenset({"batch"})
    SHEET: ClassVar[Sheet] = list_rows.BATCHES
    EMPTY = EMPTY

    def __init__(self) -> None:
        super().__init__()
        self.details: dict[str, Item] = {}

    async def fetch(self) -> list[Item]:
        found = (await self.host.daemon.ask("ListBatches", limit=200))["batches"]
        for batch in found:
            key = str(batch["id"])
            if batch["failed"] and (self.details.get(key) or {}).get("failed") != batch["failed"]:
                self.details[key] = await self.host.daemon.ask("GetBatch", id=batch["id"])
        return list(found)

    def lines(self, item: Item) -> list[list[Span]]:
        errors = (self.details.get(str(item["id"])) or {}).get("errors")
        return batch_lines(item | ({"errors": errors} if errors else {}), self.host.now().at)

    def facts(self) -> Sequence[Span]:
        going = sum(item["status"] in OPEN for item in self.items)
        return [Span(f"▶ {going} under way", "run")] if going else []

    def do_open(self) -> None:
        item = self.item()
        if item is not None:
            self.app.push_screen(BatchScreen(item))

    async def do_cancel(self) -> None:
        item = self.item() or {}
        left = item["total"] - item["done"] - item["failed"]
        lines = [
            [Span(f"{number(item['done'])} are done and stay done.")],
            [Span(f"{left_alone(left)}.", "dim")],
        ]
        title = f"Cancel batch {item['id']} ({clean(item['verb'])})?"
        if await self.app.push_screen_wait(Ask(title, lines, "cancel it")):
            await self.host.daemon.ask("CancelBatch", id=item["id"])
            self.say(f"batch {item['id']} begins nothing more")
            self.reload()

    def do_copy(self) -> None:
        item = self.item() or {}
        self.host.copy_text(f"flowd batch show {item['id']}", "the command")


class BatchScreen(ListScreen):
    """One batch: its executions, those first for which it did not work."""

    NAME = "batch"
    BINDINGS = bindings("batch")
    KINDS: ClassVar[frozenset[str]] = frozenset({"batch", "execution"})
    SHEET: ClassVar[Sheet] = list_rows.BATCH_ITEMS
    EMPTY = "its executions are being collected"

    def __init__(self, batch: Item) -> None:
        super().__init__()
        self.told = batch

    def crumbs(self) -> Sequence[str]:
        return ("flowd", "batches", f"{self.told['id']} {clean(self.told['verb'])}")

    def facts(self) -> Sequence[Span]:
        batch = self.told
        told = [Span(f"{number(batch['done'])} of {number(batch['total'])} done")]
        return [*told, Span(f" · ✗ {number(batch['failed'])}", "bad")] if batch["failed"] else told

    def body(self) -> Iterable[Widget]:
        yield Panel(id="about")
        yield from super().body()

    async def fetch(self) -> list[Item]:
        ask, number_ = self.host.daemon.ask, self.told["id"]
        self.told = await ask("GetBatch", id=number_)
        found: list[Item] = []
        for state in ("FAILED", "PENDING", "DONE"):
            found += (await ask("ListBatchItems", id=number_, state=state, limit=500))["items"]
        self.query_one("#about", Panel).show_lines(batch_lines(self.told, self.host.now().at))
        if len(found) < self.told["total"]:
            self.say(f"the first {count_of(len(found), 'execution')} of {number(self.told['total'])}")
        return found

    def lines(self, item: Item) -> list[list[Span]]:
        problem = item.get("problem")
        return [[Span("✗ ", "bad"), Span(clean(problem))]] if problem else []

    def do_open(self) -> None:
        item = self.item()
        if item is not None:
            self.host.show_execution(item["execution"]["executionArn"], item["execution"]["name"])
