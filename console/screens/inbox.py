"""The inbox: everything that waits for a person, what is due first; or what was answered, by whom and when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.widget import Widget

from console import rows
from console.actions import bindings
from console.client import Item
from console.looks import Span
from console.messages import Opened
from console.pages import ListSource
from console.screens.shell import Shell
from console.text import ago, block, clean, count_of, until
from console.widgets.bars import Facts
from console.widgets.panel import Panel
from console.widgets.table import VirtualTable

EMPTY = "nothing waits for you\n\nprompts and open task tokens of all executions appear here"


def order(prompts: Sequence[Item], closed: bool) -> list[Item]:
    """What is due first, then what was asked first; the answered ones newest first."""
    if closed:
        return sorted(prompts, key=lambda p: -((p.get("answer") or {}).get("at") or p["askedAt"]))
    return sorted(prompts, key=lambda p: (p.get("dueAt") is None, p.get("dueAt") or 0, p["askedAt"]))


def prompt_lines(prompt: Item, now: rows.Now) -> list[list[Span]]:
    """What stands under the list: title and place, the message, the answer if there is one."""
    title = clean(prompt.get("title") or prompt["state"])
    where = f"  {clean(prompt['stateMachineName'])} › {clean(prompt['state'])}  asked {ago(prompt['askedAt'], now.at)}"
    lines = [[Span(title, "bold"), Span(where, "dim")]]
    if prompt.get("dueAt"):
        lines[0].append(Span(f"  due {until(prompt['dueAt'], now.at)}", "late" if prompt["dueAt"] < now.at else "dim"))
    answer = prompt.get("answer")
    if answer:
        told = clean(answer["output"] if answer.get("output") is not None else answer.get("error", ""))
        lines.append(
            [Span("✓ ", "ok"), Span(f"{clean(answer['by'])} {ago(answer['at'], now.at)}: ", "dim"), Span(told)]
        )
    else:
        lines += [[Span(line)] for line in block(prompt.get("message") or "")[:4] if line]
    return lines


class InboxScreen(Shell):
    NAME = "inbox"
    BINDINGS = bindings("inbox")
    KINDS: ClassVar[frozenset[str]] = frozenset({"prompt"})

    def __init__(self) -> None:
        super().__init__()
        self.closed = False
        self.prompts: list[Item] = []

    def body(self) -> Iterable[Widget]:
        yield Facts(id="line")
        yield VirtualTable(rows.INBOX, self.host.now, id="table", empty="")
        yield Panel(id="inspect")

    @property
    def table(self) -> VirtualTable:
        return self.query_one("#table", VirtualTable)

    def opened(self) -> None:
        self.query_one(Facts).say()
        self.table.focus()

    def facts(self) -> Sequence[Span]:
        if not self.loaded:
            return ()
        if self.closed:
            return (Span(f"✓ {count_of(len(self.prompts), 'answer')}", "ok"), Span("  d shows the open ones", "dim"))
        people = sum(prompt["kind"] == "prompt" for prompt in self.prompts)
        tokens = len(self.prompts) - people
        return (Span(count_of(people, "prompt")), Span(f" · {count_of(tokens, 'open token')}", "dim"))

    def item(self) -> Item | None:
        return self.table.item if self.ready else None

    async def load(self) -> None:
        self.prompts = order(await self.host.daemon.prompts(self.closed), self.closed)
        self.table.empty = "nothing is answered yet" if self.closed else EMPTY
        self.table.show_rows(ListSource(self.prompts))
        self.on_moved()

    def on_moved(self) -> None:
        item = self.item()
        self.query_one(Panel).show_lines(prompt_lines(item, self.host.now()) if item is not None else [])

    def do_open(self) -> None:
        item = self.item()
        if item is not None:
            self.host.show_prompt(item)

    def on_opened(self, event: Opened) -> None:
        event.stop()
        self.do_open()

    def do_done(self) -> None:
        self.closed = not self.closed
        self.reload()

    def do_execution(self) -> None:
        item = self.item()
        if item is not None:
            self.host.show_execution(item["executionArn"], item["executionName"])

    def do_copy(self) -> None:
        item = self.item() or {}
        self.host.copy_text(str(item["id"]), "the prompt's id")
