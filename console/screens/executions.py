"""The list of executions: filtered by the daemon, live without sliding, of any length."""

from __future__ import annotations

from collections.abc import Coroutine, Iterable, Sequence
from functools import partial
from typing import Any, ClassVar

from textual.widget import Widget
from textual.widgets import Input
from textual.worker import Worker

from console import rows
from console.actions import bindings
from console.client import Item, RemoteError, Unreachable
from console.filterwords import FilterWords
from console.looks import Span
from console.messages import News, Opened
from console.pages import KeysetSource, ListSource
from console.reasons import Situation
from console.screens.bulk import DESTROYS, WORDS, Reasoned, preview_lines
from console.screens.dialogs import Choose, Fill
from console.screens.verbs import ExecutionVerbs
from console.text import clean, count_of, number
from console.widgets.bars import Facts
from console.widgets.table import VirtualTable
from console.widgets.typed import TypedLine

EMPTY = "no executions yet\n\nput a definition into the workflows folder and press :sm, then s to start it"
LATE = "the daemon has not answered yet"
NO_MATCH = "nothing matches the filter\n\n/ changes it, / and an empty line takes it away"
LOOK_BACK = 100  # how many new executions are counted exactly


class ExecutionsScreen(ExecutionVerbs):
    NAME = "executions"
    BINDINGS = bindings("executions")
    KINDS: ClassVar[frozenset[str]] = frozenset({"execution"})

    def __init__(self, text: str = "", scope: str = "", crumbs: Sequence[str] = ()) -> None:
        """With a scope: only the executions that this filter holds, under a name of their own."""
        super().__init__()
        self.text, self.scope, self._crumbs = text, scope, crumbs
        self.counts: dict[str, int] = {}
        self.newer = 0
        self.refused = ""  # what is wrong with the filter in the line
        self._source: KeysetSource | None = None
        self._more = False  # there may be more than were counted
        self._changed: dict[str, str] = {}
        self._asked, self._shown, self._shown_text = 1, 0, text  # the list that is wanted, and the one that is here
        self._trying: Worker[Any] | None = None  # asks whether the daemon takes a filter
        self._was_going = False

    def body(self) -> Iterable[Widget]:
        yield Facts(id="line")
        yield VirtualTable(rows.EXECUTIONS, self.host.now, id="table")
        told = "status:failed machine:order-* since:24h, or any word of a name, input, output or error"
        yield TypedLine(self.text, id="filter", compact=True, placeholder=told, suggester=FilterWords())

    @property
    def table(self) -> VirtualTable:
        return self.query_one("#table", VirtualTable)

    def opened(self) -> None:
        self.query_one(Facts).say()
        self.table.focus()

    def crumbs(self) -> Sequence[str]:
        return (*super().crumbs(), *self._crumbs)

    def within(self, text: str) -> str:
        """A filter, together with the scope of the screen."""
        return f"{self.scope} {text}".strip()

    def facts(self) -> Sequence[Span]:
        return rows.counts_line(self.counts)

    def item(self) -> Item | None:
        return self.table.item if self.ready else None

    # -- reading

    async def load(self) -> None:
        try:
            self.counts = (await self.host.daemon.count(self.scope)).get("counts") or {}
            if self._shown != self._asked or self._source is None:
                await self._fresh()
            else:
                await self._follow(self._source)
        except (Unreachable, RemoteError):
            if self._source is not None and self._shown_text != self.text:
                self._clear()
            raise
        self._tell()

    async def _fresh(self) -> None:
        """Read the list from its top."""
        daemon, shown, text, asked = self.host.daemon, self.text, self.within(self.text), self._asked
        source = KeysetSource(partial(daemon.executions, text), 0 if self.text else sum(self.counts.values()))
        await source.step(0)
        if asked != self._asked:
            return  # another list was asked for meanwhile, and is read next
        self._source, self._shown, self._shown_text, self.newer = source, asked, shown, 0
        self._more = bool(self.text) and not source.ended
        self._changed.clear()
        self.table.empty = NO_MATCH if self.text else EMPTY
        self.table.show_rows(source, keep=False)
        if self._more:
            self._tell()  # the rows are here; how many there are in all takes longer
            counted = await daemon.count(text)
            if self._source is source:
                self._more = bool(counted.get("more"))
                source.expect(counted.get("total", 0))
                self.table.relayout()

    def unread(self) -> bool:
        return super().unread() or (self._reading and self._shown != self._asked)

    def give_up(self) -> None:
        super().give_up()
        if self._shown != self._asked or (self._trying is not None and not self._trying.is_finished):
            self._clear()

    def _clear(self) -> None:
        """Take the rows away: they are not of the list that was asked for."""
        self._source, self._shown = None, 0
        self.table.empty = LATE
        self.table.show_rows(ListSource([]), keep=False)
        self._unmark()

    async def _follow(self, source: KeysetSource) -> None:
        """Count what is new and renew what is in view; no row moves."""
        if not source.total:
            await self._fresh()
            return
        newest = (await self.host.daemon.executions(self.within(self.text), None, LOOK_BACK)).get("executions") or []
        self.newer = sum(1 for row in newest if row["id"] > source.top)
        changed, self._changed = self._changed, {}
        if changed:
            await source.again(*self.table.in_view, changed)
            self.table.refresh_changed()

    def heard(self, news: News) -> None:
        for change in news.changes:
            if change["kind"] == "execution" and change.get("status"):
                self._changed[str(change["id"])] = change["status"]
        if news.stale:
            self._doubt()
        super().heard(news)

    def resumed(self) -> None:
        self._doubt()

    def _doubt(self) -> None:
        """Any row may have changed."""
        held = self._source.held() if self._source is not None else ()
        self._changed = {str(row["id"]): "" for row in held} | self._changed

    def _tell(self) -> None:
        """The line above the table: the filter, how many match, what is new."""
        if self.refused:
            self.query_one("#line", Facts).say(Span(f"✗ {self.refused}", "bad"))
            return
        parts: list[Span] = []
        if self.table.everything:
            parts += [Span(f"● all {self._total()} marked", "accent"), Span("   ")]
        elif self.table.marked:
            parts += [Span(f"● {number(len(self.table.marked))} marked", "accent"), Span("   ")]
        if self._source is not None and self._source.incomplete:
            parts += [Span("◷ the search index is being built   ", "late")]
        if self.text:
            parts += [Span("/ ", "key"), Span(clean(self.text)), Span(f"   {self._total()} match", "dim"), Span("   ")]
        if self._source is not None and self._source.going:
            parts += [Span(f"◷ {self._source.searched:.0%} looked through   ", "late")]
        if self.newer:
            more = "+" if self.newer >= LOOK_BACK else ""
            parts += [Span(f"▲ {self.newer}{more} new ", "accent"), Span("n", "key"), Span(" shows them", "dim")]
        self.query_one("#line", Facts).say(*parts)

    def _total(self) -> str:
        """How many match; with a plus if nobody counted to the end."""
        if self._source is None:
            return "0"
        return number(self._source.total) + ("+" if self._more and not self._source.ended else "")

    def tick(self) -> None:
        self.table.refresh_running()
        going = self._source is not None and self._source.going
        if going or self._was_going:
            self._was_going = going
            self._tell()

    # -- verbs

    def do_open(self) -> None:
        item = self.item()
        if item is not None:
            self.host.show_execution(item["executionArn"], item["name"])

    def on_opened(self, event: Opened) -> None:
        event.stop()
        self.do_open()

    def situation(self) -> Situation:
        return super().situation()._replace(marked=self.ready and bool(self.table.marked or self.table.everything))

    def do_mark(self) -> None:
        self.table.mark()
        self._marked()

    def do_mark_range(self) -> None:
        self.table.mark_range()
        self._marked()

    def do_mark_all(self) -> None:
        """All that match, however many: the daemon finds them by the filter."""
        self.table.everything = not self.table.everything
        self.table.marked.clear()
        self._marked()

    def _marked(self) -> None:
        self.table.refresh()
        self._tell()
        self.refresh_bars()

    def _unmark(self) -> None:
        self.table.everything = False
        self.table.marked.clear()
        self._marked()

    async def do_redrive(self) -> None:
        await (self._bulk("redrive") if self.situation().marked else super().do_redrive())

    async def do_stop(self) -> None:
        await (self._bulk("stop") if self.situation().marked else super().do_stop())

    async def do_retry_now(self) -> None:
        if self.situation().marked:
            await self._bulk("retry-now")
            return
        item = self.item() or {}
        await self.host.daemon.retry_now(item["executionArn"])
        self.say(f"{clean(item['name'])} tries again now")

    async def _bulk(self, verb: str) -> None:
        """One verb for all that is marked: what it would do, why, and then the daemon does it."""
        ask = self.host.daemon.ask
        which: Item = (
            {"filter": self.within(self.text)}
            if self.table.everything
            else {"ids": sorted(map(int, self.table.marked))}
        )
        preview = await ask("StartBatch", verb=verb, dryRun=True, **which)
        if not preview["applies"]:
            self.say(f"{WORDS[verb]}: it is for none of the {number(preview['matches'])} that are marked")
            return

        async def send(text: str, entries: dict[str, str]) -> None:
            error = {"error": entries["error"]} if entries.get("error") else {}
            await ask("StartBatch", verb=verb, reason=entries["reason"], **which, **error)

        word = WORDS[verb] if verb in DESTROYS and preview["applies"] > 1 else ""
        title = f"{WORDS[verb].capitalize()} {count_of(preview['applies'], 'execution')}?"
        entries = (("error", ""),) if verb == "stop" else ()
        dialog = Reasoned(title, WORDS[verb], send, preview_lines(verb, preview), entries, word)
        if await self.app.push_screen_wait(dialog):
            self._unmark()
            self.host.go("batches")

    def do_compare(self) -> None:
        marked = [row for row in (self._source.held() if self._source else ()) if str(row["id"]) in self.table.marked]
        if len(marked) == 2:
            self.host.show_difference(marked[1]["executionArn"], marked[0]["executionArn"])
        else:
            self.say("mark two executions with space first")

    async def do_save_view(self) -> None:
        async def send(text: str, entries: dict[str, str]) -> None:
            await self.host.daemon.ask("SaveView", name=entries["name"], filter=self.within(self.text))

        lines = [[Span("/ ", "key"), Span(clean(self.within(self.text)) or "(everything)")]]
        hints = {"name": "what to call it; the same name again replaces it"}
        told = "Keep this filter under a name"
        if await self.app.push_screen_wait(Fill(told, "save", send, entries=(("name", ""),), lines=lines, hints=hints)):
            self.say("saved; v lists your views")

    async def do_views(self) -> None:
        views = (await self.host.daemon.ask("ListViews"))["views"]
        if not views:
            self.say("you have saved no views: W keeps the filter that is shown")
            return
        chosen = await self.app.push_screen_wait(Choose("Your views", [(v["name"], v["filter"]) for v in views]))
        if chosen is not None:
            self.show_filter(views[chosen]["filter"])

    def take_words(self, words: str, view: bool) -> None:
        if view and not words:
            self.work_of_key(self.do_views())
        else:
            self._try(self.show_view(words) if view else self._try_filter(words))

    def _try(self, job: Coroutine[Any, Any, None]) -> None:
        """Look for another list. If none comes of it and the rows were taken away meanwhile, they are read again."""

        async def tried() -> None:
            await self.safely(job)
            if self._source is None:
                self.reload()

        self._trying = self.work_of_key(tried())

    async def show_view(self, name: str) -> None:
        """Show the saved view of this name."""
        views = (await self.host.daemon.ask("ListViews"))["views"]
        found = next((view for view in views if view["name"] == name), None)
        if found is not None:
            self.show_filter(found["filter"])
            return
        self.host.missed()
        known = ", ".join(view["name"] for view in views) or "none"
        self.say(f"there is no view {clean(name)}; yours are: {clean(known)}", bad=True)

    def do_newer(self) -> None:
        self._asked += 1
        self.reload()

    def do_filter(self) -> None:
        box = self.query_one("#filter", Input)
        box.value = self.text
        box.add_class("-open")
        box.focus()

    def do_back(self) -> None:
        box = self.query_one("#filter", Input)
        if box.has_class("-open"):
            self._close_filter()
        elif self.situation().marked:
            self._unmark()
        elif self.text and len(self.app.screen_stack) == 1:
            self.show_filter("")
        else:
            super().do_back()

    def _close_filter(self) -> None:
        self.query_one("#filter", Input).remove_class("-open")
        self._refuse("")
        self.table.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self._try(self._try_filter(event.value.strip()))

    async def _try_filter(self, text: str) -> None:
        """A filter the daemon refuses stays in the line, to be mended."""
        try:
            await self.host.daemon.executions(self.within(text), None, 1)
        except RemoteError as error:
            self.host.missed()
            self._refuse(clean(error).removeprefix("Filter: "))
        else:
            self._close_filter()
            self.show_filter(text)

    def _refuse(self, why: str) -> None:
        """Say above the list what is wrong with the filter; "" takes it back."""
        if why != self.refused:
            self.refused = why
            self._tell()

    def on_input_changed(self) -> None:
        self._refuse("")

    def show_filter(self, text: str) -> None:
        """Show the executions this filter holds."""
        self.text = text
        self._asked += 1
        if self.ready:
            self._unmark()
        self.reload()
