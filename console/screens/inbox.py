"""The inbox: everything that waits for a person, what is due first; or what was answered, by whom and when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.containers import Vertical
from textual.widget import Widget

from console import rows
from console.actions import bindings
from console.answers import context_of, output_of
from console.client import Item
from console.looks import Span
from console.messages import Opened
from console.pages import ListSource
from console.screens.dialogs import Fill
from console.screens.holding import PromptVerbs, comment_lines, group_spans, hold_spans, is_free, is_mine
from console.text import ago, block, clean, clip, count_of, until
from console.widgets.bars import Facts, tab_spans
from console.widgets.jsonview import JsonView
from console.widgets.panel import Panel
from console.widgets.table import VirtualTable
from flowd.questions import waits_for_group

EMPTY = "nothing waits for you\n\nprompts and open task tokens of all executions appear here"


def order(prompts: Sequence[Item], closed: bool) -> list[Item]:
    """What is due first, then what was asked first, then what is put off; the answered ones newest first."""
    if closed:
        return sorted(prompts, key=lambda p: -((p.get("answer") or {}).get("at") or p["askedAt"]))
    return sorted(prompts, key=lambda p: ("laterUntil" in p, p.get("dueAt") is None, p.get("dueAt") or 0, p["askedAt"]))


def prompt_lines(prompt: Item, now: rows.Now) -> list[list[Span]]:
    """What stands under the list: title and place, the message, the answer if there is one."""
    title = clean(prompt.get("title") or prompt["state"])
    where = f"  {clean(prompt['stateMachineName'])} › {clean(prompt['state'])}  asked {ago(prompt['askedAt'], now.at)}"
    lines = [[Span(title, "bold"), Span(where, "dim")]]
    if prompt.get("dueAt"):
        lines[0].append(Span(f"  due {until(prompt['dueAt'], now.at)}", "late" if prompt["dueAt"] < now.at else "dim"))
    lines[0] += group_spans(prompt)
    answer = prompt.get("answer")
    if answer:
        told = clean(answer["output"] if answer.get("output") is not None else answer.get("error", ""))
        lines.append(
            [Span("✓ ", "ok"), Span(f"{clean(answer['by'])} {ago(answer['at'], now.at)}: ", "dim"), Span(told)]
        )
    else:
        lines += [[Span(line)] for line in block(prompt.get("message") or "")[:4] if line]
    return lines


TABS = {
    "all": "open",
    "mine": "mine",
    "group": "group",
    "free": "free",
    "done": "done",
}


class InboxScreen(PromptVerbs):
    NAME = "inbox"
    BINDINGS = bindings("inbox")
    KINDS: ClassVar[frozenset[str]] = frozenset({"prompt"})

    def __init__(self) -> None:
        super().__init__()
        self.tab = self._shown = "all"  # the tab that is wanted, and the one that is here
        self.prompts: list[Item] = []
        self.about: Item = {}

    def body(self) -> Iterable[Widget]:
        yield Facts(id="tabs")
        with Vertical(classes="split"):
            with Vertical(classes="main"):
                yield VirtualTable(rows.INBOX, self.host.now, id="table", empty="")
                yield Panel(id="inspect")
            yield JsonView(id="context", empty="nothing was given beside the question")

    @property
    def table(self) -> VirtualTable:
        return self.query_one("#table", VirtualTable)

    @property
    def closed(self) -> bool:
        return self.tab == "done"

    def opened(self) -> None:
        self.query_one("#context").add_class("side")
        self._tell()
        self.table.focus()

    def facts(self) -> Sequence[Span]:
        if not self.loaded:
            return ()
        if self.closed:
            return (Span(f"✓ {count_of(len(self.prompts), 'answer')}", "ok"),) if self.prompts else ()
        people = sum(prompt["kind"] == "prompt" for prompt in self.prompts)
        tokens = len(self.prompts) - people
        return (Span(count_of(people, "prompt")), Span(f" · {count_of(tokens, 'open token')}", "dim"))

    def _tell(self) -> None:
        """The tabs, with how many are in each."""
        groups = {name for prompt in self.prompts for name in prompt.get("yourGroups") or ()}
        spans: list[Span] = []
        for place, (tab, name) in enumerate(TABS.items(), 1):
            if tab == "group" and len(groups) == 1:
                name = f"group {clip(clean(*groups), 16)}"
            amount = "" if tab == "done" or self.closed else f" {len(self._in(tab))}"
            spans += tab_spans(place, f"{name}{amount}", tab == self.tab)
        self.query_one("#tabs", Facts).say(*spans)

    def _in(self, tab: str) -> list[Item]:
        """What stands in a tab."""
        if tab == "mine":
            return [each for each in self.prompts if is_mine(each, self.you)]
        kept = {"group": waits_for_group, "free": is_free}.get(tab)
        return [each for each in self.prompts if kept is None or kept(each)]

    def item(self) -> Item | None:
        return self.table.item if self.ready else None

    async def load(self) -> None:
        closed = self.closed
        prompts = await self.host.daemon.prompts(closed)
        if closed != self.closed:
            return  # another tab was chosen meanwhile: it is read next, and these are no rows for it
        self.prompts = order(prompts, closed)
        empty = {
            "done": "nothing is answered yet\n\n1 shows what is open",
            "mine": "nothing is meant for you, and you work on nothing\n\n4 shows what is free; c there makes it yours",
            "group": "nothing waits for a group of yours\n\n1 shows all that is open, and whom it is meant for",
            "free": "nothing is free\n\n1 shows all that is open, and who works on it",
        }
        self.table.empty = empty.get(self.tab, EMPTY)
        self.table.show_sheet(rows.ANSWERS if closed else rows.INBOX)
        self.table.show_rows(ListSource(self._in(self.tab)))
        self._shown = self.tab
        self._tell()
        self.on_moved()

    def unread(self) -> bool:
        return super().unread() or (self._reading and self._shown != self.tab)

    def on_moved(self) -> None:
        item = self.item()
        lines = prompt_lines(item, self.host.now()) if item is not None else []
        if item is not None and not self.closed:
            lines[0] += hold_spans(item, self.you, self.host.now())
        if item is not None and self.about.get("id") == item["id"]:
            lines += comment_lines(self.about, self.host.now())
        elif item is not None and item.get("comments"):
            self.work(self._read_about(item))
        self.query_one("#inspect", Panel).show_lines(lines)
        self._show_context(item)

    def _show_context(self, item: Item | None) -> None:
        """In a wide terminal, beside the list: what the question is about, or the answer."""
        context = self.query_one("#context", JsonView)
        context.display = item is not None and self.size.width >= 120
        if item is not None and context.display:
            answer = item.get("answer")
            context.show_text((answer.get("output") or answer.get("error")) if answer else context_of(item))

    def on_resize(self) -> None:
        if self.ready:
            self._show_context(self.item())

    async def _read_about(self, item: Item) -> None:
        self.about = await self.host.daemon.ask("GetPrompt", id=item["id"])
        self.on_moved()

    def after_hold(self) -> None:
        self.about = {}
        self.reload()

    def do_open(self) -> None:
        item = self.item()
        if item is not None:
            self.host.show_prompt(item)

    def on_opened(self, event: Opened) -> None:
        event.stop()
        self.do_open()

    # -- tabs

    def _show(self, tab: str) -> None:
        self.tab = tab
        self.reload()

    def do_tab_all(self) -> None:
        self._show("all")

    def do_tab_mine(self) -> None:
        self._show("mine")

    def do_tab_group(self) -> None:
        self._show("group")

    def do_tab_free(self) -> None:
        self._show("free")

    def do_tab_done(self) -> None:
        self._show("done")

    def do_done(self) -> None:
        self._show("all" if self.closed else "done")

    # -- answers from the list

    async def do_approve(self) -> None:
        await self._decide("approve")

    async def do_reject(self) -> None:
        await self._decide("reject")

    async def _decide(self, decision: str) -> None:
        """Prompts without a form of their own are answered here, with a word why if one wants."""
        item = self.item() or {}

        async def send(text: str, entries: dict[str, str]) -> None:
            answer = {"decision": decision, **({"comment": entries["comment"]} if entries["comment"] else {})}
            await self.host.daemon.answer(str(item["id"]), output_of(answer), entries["comment"])

        title = f"{decision.capitalize()}: {clean(item.get('title') or item['state'])}"
        if await self.app.push_screen_wait(Fill(title, decision, send, entries=(("comment", ""),))):
            self.say(f"answered: {decision}")
            self.reload()

    def do_execution(self) -> None:
        item = self.item()
        if item is not None:
            self.host.show_execution(item["executionArn"], item["executionName"])

    def do_copy(self) -> None:
        item = self.item() or {}
        self.host.copy_text(str(item["id"]), "the prompt's id")
