"""One execution in five views: states and times, events, input and output, what tasks printed, definition."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.containers import Vertical
from textual.widget import Widget
from textual.widgets import ContentSwitcher, Input

from console.actions import bindings
from console.client import Item
from console.event_rows import EVENTS, document, is_failure, output_lines, result_document
from console.inspector import inspect_lines
from console.journal import Journal, state_of
from console.looks import Span, status
from console.messages import News, Opened
from console.outline import outline, stretch, waits_of
from console.pages import ListSource
from console.screens.verbs import ExecutionVerbs, definition_of, read_history
from console.text import clean, count_of, moment, took
from console.widgets.bars import Facts
from console.widgets.jsonview import JsonView
from console.widgets.outline import OutlineView
from console.widgets.paint import LineView
from console.widgets.panel import Panel
from console.widgets.table import VirtualTable

VIEWS = (
    ("outline", "states"),
    ("events", "events"),
    ("io", "in/out"),
    ("tasks", "output"),
    ("definition", "definition"),
)


class ExecutionScreen(ExecutionVerbs):
    NAME = "execution"
    BINDINGS = bindings("execution")
    KINDS: ClassVar[frozenset[str]] = frozenset({"execution", "prompt"})

    def __init__(self, arn: str, name: str, view: str = "outline") -> None:
        super().__init__()
        self.arn, self._label, self._view = arn, name, view
        self.execution: Item | None = None
        self.journal = Journal()
        self.events: list[Item] = []
        self._states: dict[str, str] = {}

    def body(self) -> Iterable[Widget]:
        yield Facts(id="tabs")
        with ContentSwitcher(initial=self._view):
            with Vertical(id="outline"):
                yield OutlineView(self.host.now, id="states", empty="reading …")
                yield Panel(id="inspect")
            with Vertical(id="events", classes="split"):
                yield VirtualTable(EVENTS, self.host.now, id="list", empty="no events")
                yield JsonView(id="details")
            yield JsonView(id="io", empty="reading …")
            yield JsonView(id="tasks", empty="no task has printed anything")
            yield JsonView(id="definition", empty="reading …")
        yield Input(id="filter", compact=True, placeholder="find")

    def crumbs(self) -> Sequence[str]:
        return ("flowd", "executions", self._label)

    def item(self) -> Item | None:
        return self.execution

    def facts(self) -> Sequence[Span]:
        item = self.execution
        if item is None:
            return ()
        look, now = status(item["status"]), self.host.now()
        length = took((item.get("stopDate") or now.at) - item["startDate"])
        spans = [Span(f"{look.glyph} {look.word}", look.tone), Span(f"  {length}")]
        if item.get("version"):
            spans.append(Span(f"  v{item['version']}", "dim"))
        if item.get("redriveCount"):
            spans.append(Span(f"  redrive {item['redriveCount']}", "late"))
        return spans

    def opened(self) -> None:
        self.query_one("#list").add_class("main")
        self.query_one("#details").add_class("side")
        self._show(self._view)

    # -- reading

    async def load(self) -> None:
        daemon = self.host.daemon
        self.execution = await daemon.execution(self.arn)
        fresh = await read_history(daemon, self.arn, self.journal.last)
        self.journal.add(fresh)
        self.events += [{**event, "state": state_of(event, self._states)} for event in fresh]
        self._paint()
        if self._view == "tasks":
            await self._read_output()

    def heard(self, news: News) -> None:
        ours = any(change.get("executionArn") == self.arn for change in news.changes)
        if news.stale or ours:
            self.reload()

    def _paint(self) -> None:
        """Show what was read in all views; those not on top cost nothing until they are."""
        item = self.execution
        if item is None:
            return
        now = self.host.now()
        definition = definition_of(item)
        states = self.query_one("#states", OutlineView)
        states.empty = "the definition has no states that can be shown"
        states.show_rows(outline(definition, self.journal, waits_of(item, now.at)), stretch(self.journal, now.at))
        table = self.query_one("#list", VirtualTable)
        follow = table.cursor >= table.length() - 1 and table.length() > 0 and self._view != "events"
        table.show_rows(ListSource(self.events))
        if follow:
            table.action_bottom()
        self.query_one("#io", JsonView).show_value(result_document(item))
        self.query_one("#definition", JsonView).show_value(definition)
        self.on_moved()
        self._tabs()

    async def _read_output(self) -> None:
        outputs = await self.host.daemon.task_output(self.arn)
        self.query_one("#tasks", JsonView).show_lines(output_lines(outputs, self.host.now()))

    def on_moved(self) -> None:
        item, now = self.execution, self.host.now()
        states, table = self.query_one("#states", OutlineView), self.query_one("#list", VirtualTable)
        if item is not None and self._view == "outline":
            self.query_one(Panel).show_lines(inspect_lines(states.row, item, now))
        if self._view == "events" and table.item is not None:
            self.query_one("#details", JsonView).show_value(document(table.item))

    def _tabs(self) -> None:
        spans: list[Span] = []
        for key, (name, word) in enumerate(VIEWS, 1):
            here = name == self._view
            spans += [Span(str(key), "key" if not here else "hit"), Span(f" {word}  ", "bold" if here else "dim")]
        item, now = self.execution, self.host.now()
        if item is not None and self.size.width >= 110:
            told = f" {clean(item['stateMachineName'])} · started {moment(item['startDate'], *now)}"
            if item.get("trigger", "api") != "api":
                told += f" by {clean(item['trigger'])}"
            spans.append(Span(f"{told} · {count_of(len(self.events), 'event')}", "faint"))
        self.query_one("#tabs", Facts).say(*spans)

    def tick(self) -> None:
        item = self.execution
        if item is not None and item["status"] == "RUNNING":
            now = self.host.now().at
            states = self.query_one("#states", OutlineView)
            if stretch(self.journal, now) != states.over:
                rows = outline(definition_of(item), self.journal, waits_of(item, now))
                states.show_rows(rows, stretch(self.journal, now))
                self.refresh_bars()

    # -- verbs

    def _show(self, view: str) -> None:
        self._view = view
        self.query_one(ContentSwitcher).current = view
        self.focused_view().focus()
        self.on_moved()
        self._tabs()
        self.refresh_bars()

    def focused_view(self) -> LineView:
        names = {"outline": "#states", "events": "#list"}
        return self.query_one(names.get(self._view, f"#{self._view}"), LineView)

    def do_view_outline(self) -> None:
        self._show("outline")

    def do_view_events(self) -> None:
        self._show("events")

    def do_view_io(self) -> None:
        self._show("io")

    async def do_view_tasks(self) -> None:
        self._show("tasks")
        await self._read_output()

    def do_view_definition(self) -> None:
        self._show("definition")

    def do_failure(self) -> None:
        """To the next state or event that failed, round and round."""
        view = self.focused_view()
        if isinstance(view, OutlineView):
            failed = [i for i, row in enumerate(view.rows) if row.status in ("FAILED", "TIMED_OUT", "CAUGHT")]
        elif isinstance(view, VirtualTable):
            failed = [i for i, event in enumerate(self.events) if is_failure(event["type"])]
        else:
            failed = []
        if failed:
            view.cursor = next((i for i in failed if i > view.cursor), failed[0])
        else:
            self.say("nothing failed here")

    async def do_inbox(self) -> None:
        prompts = [p for p in await self.host.daemon.prompts(False) if p["executionArn"] == self.arn]
        if prompts:
            self.host.show_prompt(prompts[0])
        else:
            self.say("it waits for nobody")

    def do_open(self) -> None:
        """In the outline: the events of the state."""
        row = self.query_one("#states", OutlineView).row
        if self._view == "outline" and row is not None and row.visits:
            first = row.visits[-1].entered
            self._show("events")
            table = self.query_one("#list", VirtualTable)
            table.cursor = next((i for i, event in enumerate(self.events) if event["id"] >= first), 0)

    def on_opened(self, event: Opened) -> None:
        event.stop()
        self.do_open()

    # -- searching

    def do_filter(self) -> None:
        box = self.query_one("#filter", Input)
        box.add_class("-open")
        box.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        box = self.query_one("#filter", Input)
        box.remove_class("-open")
        self.focused_view().focus()
        self.find(event.value)

    def find(self, wanted: str) -> None:
        """Go to the first place that has the text; in JSON mark them all."""
        view = self.focused_view()
        if isinstance(view, JsonView):
            found = view.search(wanted)
            self.say(count_of(found, "hit") if wanted else "search ended")
            return
        low = wanted.lower()
        texts = self._texts(view)
        order = [*range(view.cursor + 1, len(texts)), *range(view.cursor + 1)]
        place = next((i for i in order if i < len(texts) and low in texts[i]), None)
        if place is None:
            self.say(f"no {clean(wanted)} here")
        else:
            view.cursor = place

    def _texts(self, view: LineView) -> list[str]:
        if isinstance(view, OutlineView):
            return [f"{row.label} {row.error}".lower() for row in view.rows]
        return [json.dumps(event, ensure_ascii=False, default=str).lower() for event in self.events]

    def do_back(self) -> None:
        box = self.query_one("#filter", Input)
        if box.has_class("-open"):
            box.remove_class("-open")
            self.focused_view().focus()
        else:
            super().do_back()
