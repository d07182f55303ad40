"""One execution in six views that share one selected state: states and times, graph, events, in/out, logs, definition.

Beside them, where there is room, the inspector shows the data of the selected state; in a small terminal `tab` lays it
over the view. From 160 by 45 on, graph, states, one more view and the inspector stand side by side.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from textual.widget import Widget
from textual.widgets import Input

from console.client import Item, RemoteError
from console.event_rows import EVENTS, output_lines, result_document
from console.eventfilter import Wanted, wanted
from console.inspector import event_lines, inspect_lines
from console.journal import Path, Visit
from console.jsonlines import line_of
from console.known import Known, definition_path
from console.looks import Span, status
from console.messages import Chosen, News
from console.outline import Row
from console.pages import ListSource
from console.reasons import Situation
from console.rows import Now, item_name
from console.screens.verbs import ExecutionVerbs, read_history
from console.stages import Stage, log, merged, stages, trial_of, variables_before
from console.text import clean, clip, count_of, moment, took
from console.widgets.bars import Facts, tab_spans
from console.widgets.graph import GraphView
from console.widgets.inspector import Inspector
from console.widgets.jsonview import JsonView
from console.widgets.log import LogView
from console.widgets.outline import OutlineView
from console.widgets.panel import Panel
from console.widgets.panes import Panes
from console.widgets.table import VirtualTable

VIEWS = (
    ("outline", "states"), ("graph", "graph"), ("events", "events"), ("io", "in/out"), ("tasks", "logs"),
    ("definition", "definition"),
)  # fmt: skip
UPPER = ("outline", "graph")
HUGE = (160, 45)
BAD = ("FAILED", "TIMED_OUT", "CAUGHT")


class ExecutionViews(ExecutionVerbs):
    """What the screen of one execution shows, and what is selected in it."""

    def __init__(self, arn: str, name: str, view: str = "outline", state: str = "") -> None:
        super().__init__()
        self.arn, self._label, self.view = arn, name, view
        self.known = Known()
        self.selected: Path = ()
        self.events: list[Item] = []  # those that the filter lets through
        self._filter: Wanted | None = None
        self._filter_text = ""
        self._outputs: list[Item] = []
        self._trials: dict[tuple[Path, int], list[Stage]] = {}
        self._wanted_state = state
        self._full = False  # one view over all of a large terminal

    def body(self) -> Iterable[Widget]:
        yield Facts(id="tabs")
        yield Facts(id="slider")
        with Panes(self.host.split, id="views"):
            yield GraphView(id="graph")
            yield OutlineView(self._then, id="outline", empty="reading …")
            yield VirtualTable(EVENTS, self.host.now, id="events", empty="no events")
            yield JsonView(id="io", empty="reading …")
            yield LogView(id="tasks", empty="no task has printed anything")
            yield JsonView(id="definition", empty="reading …")
            yield Inspector(id="inspector")
        yield Panel(id="inspect")
        yield Input(id="filter", compact=True, placeholder="find")

    def _then(self) -> Now:
        """Now, or the moment that is looked back at."""
        now = self.host.now()
        return now._replace(at=self.known.moment(now.at))

    def crumbs(self) -> Sequence[str]:
        return ("flowd", "executions", self._label)

    def item(self) -> Item | None:
        return self.known.item

    def situation(self) -> Situation:
        return super().situation()._replace(state=self.row, past=self.known.past is not None)

    def facts(self) -> Sequence[Span]:
        item = self.known.item
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
        self.query_one("#slider", Facts).say()
        for key, (name, word) in enumerate(VIEWS, 1):
            self.query_one(f"#{name}").border_title = f"{key} {word}"
        self.query_one("#inspector").border_title = "tab inspect"
        self.fit_panes()
        self.focused_view().focus()

    def on_resize(self) -> None:
        if self.ready:
            self.fit_panes()

    # -- which views are in sight

    @property
    def huge(self) -> bool:
        return self.size.width >= HUGE[0] and self.size.height >= HUGE[1] and not self._full

    @property
    def wide(self) -> bool:
        return self.size.width >= 120 and self.size.height >= 20 and not self.huge

    @property
    def lower(self) -> str:
        """The view beside the inspector in a large terminal."""
        return self.view if self.view not in UPPER else "events"

    def fit_panes(self) -> None:
        """Show the views there is room for."""
        overlay = self.has_class("-inspecting")
        for name, _ in VIEWS:
            seen = name == self.view or (self.huge and (name in UPPER or name == self.lower))
            self.query_one(f"#{name}").display = seen and (self.huge or self.wide or not overlay)
        small = not self.huge and not self.wide
        below = small and not overlay and self.view == "events" and self.size.height >= 20
        self.query_one("#inspector").display = not small or overlay or below
        self.query_one("#inspect").display = small and not overlay and self.view in UPPER
        self.set_class(self.huge, "-huge")
        self.set_class(self.wide, "-beside")
        self.set_class(below, "-below")
        self.query_one(Panes).take("huge" if self.huge else "beside" if self.wide else "below" if below else "")

    def focused_view(self) -> Any:
        return self.query_one(f"#{self.view}")

    def show(self, view: str) -> None:
        """Go to a view; in a large terminal going to the one that has the focus shows it alone, or all again."""
        if view == self.view and self.size.width >= HUGE[0] and self.size.height >= HUGE[1]:
            self._full = not self._full
        self.view = view
        self.remove_class("-inspecting")
        self.fit_panes()
        self.focused_view().focus()
        self.on_moved()
        self.tabs()
        self.refresh_bars()
        if view == "tasks":
            self.work(self._read_output())

    # -- reading

    async def load(self) -> None:
        daemon = self.host.daemon
        item = await daemon.execution(self.arn)
        self._label = item_name(item) or clean(item["name"])
        self.known.learn(item, await read_history(daemon, self.arn, self.known.journal.last))
        if not self.selected:
            self.selected = self._first()
        self.paint()
        if self.view == "tasks" or self.huge:
            await self._read_output()

    def _first(self) -> Path:
        """Where to look at first: what was asked for, what failed, what goes on, else the first state."""
        visits = self.known.journal.visits
        if self.known.swf:
            visits = [visit for row in self.known.rows(self.host.now().at) for visit in row.visits]
        named = [visit for visit in visits if visit.path[-1] == self._wanted_state]
        failed = [visit for visit in visits if visit.status in ("FAILED", "TIMED_OUT")]
        going = [visit for visit in visits if visit.end is None]
        found = named or failed or going or visits[:1]
        return found[-1].path if found else ()

    def heard(self, news: News) -> None:
        ours = any(change.get("executionArn") == self.arn for change in news.changes)
        if news.stale or ours:
            self.reload()

    async def _read_output(self) -> None:
        self._outputs = await self.host.daemon.task_output(self.arn)
        self.query_one(LogView).show_lines(output_lines(self._outputs, self.host.now()))

    # -- painting

    def paint(self) -> None:
        """Show what is known in all views; those out of sight cost little."""
        item = self.known.item
        if item is None:
            return
        now = self.known.moment(self.host.now().at)
        rows = self.known.rows(now)
        states = self.query_one(OutlineView)
        states.empty = "nothing has happened in it yet" if self.known.swf else "the definition has no states to show"
        if self.known.swf:
            self.query_one(GraphView).empty = "SWF: a program outside decides, there is no graph. See 1 and 3"
        states.show_rows(rows, self.known.over(self.host.now().at))
        self.query_one(GraphView).show_graph(self.known.definition, self.known.story(rows))
        self._paint_events()
        self.query_one("#io", JsonView).show_value(result_document(item))
        self.query_one("#definition", JsonView).show_value(self.known.definition)
        self._select_in_views()
        self.inspect()
        self.tabs()

    def _paint_events(self) -> None:
        table = self.query_one(VirtualTable)
        found = self.known.visible_events()
        self.events = [event for event in found if self._filter(event)] if self._filter else found
        follow = table.cursor >= table.length() - 1 and table.length() > 0 and self.view != "events"
        table.show_rows(ListSource(self.events))
        if follow or self.known.past is not None:
            table.action_bottom()

    def tabs(self) -> None:
        spans: list[Span] = []
        for key, (name, word) in enumerate(VIEWS, 1):
            spans += tab_spans(key, word, name == self.view)
        item, now = self.known.item, self.host.now()
        if self._filter is not None:
            text = clip(clean(self._filter_text), 10 if self.size.width < 110 else 40)
            spans.append(Span(f" /{text} {len(self.events)}/{len(self.known.events)}", "late"))
        if item is not None and self.size.width >= 110:
            told = f" {clean(item['stateMachineName'])} · started {moment(item['startDate'], *now)}"
            if item.get("trigger", "api") != "api":
                told += f" by {clean(item['trigger'])}"
            spans.append(Span(f"{told} · {count_of(len(self.known.events), 'event')}", "faint"))
        self.query_one("#tabs", Facts).say(*spans)

    def tick(self) -> None:
        item = self.known.item
        runs = (item or {}).get("mapRuns") or ()
        if any(run["status"] == "RUNNING" for run in runs):
            self.reload()  # what its items come to is no change of this execution
        if item is not None and item["status"] == "RUNNING" and self.known.past is None:
            now = self.host.now().at
            states = self.query_one(OutlineView)
            if self.known.over(now) != states.over:
                states.show_rows(self.known.rows(now), self.known.over(now))
                self.refresh_bars()

    # -- one selection

    @property
    def row(self) -> Row | None:
        """The outline's row of the selected state."""
        return next((row for row in self.query_one(OutlineView).rows if row.path == self.selected), None)

    def visit(self) -> Visit | None:
        """The stay that the inspector shows: of the event under the cursor, else the last one that matters."""
        visits = self.known.visits(self.selected)
        event = self.query_one(VirtualTable).item if self.view == "events" else None
        if event is not None:
            frame = event.get("frame", "0")
            before = [visit for visit in visits if visit.frame == frame and visit.entered <= event["id"]]
            if before:
                return before[-1]
        bad = [visit for visit in visits if visit.status in ("FAILED", "TIMED_OUT")]
        return (bad or visits)[-1] if visits else None

    def select(self, path: Path) -> None:
        """Select a state in all views."""
        if path and path != self.selected:
            self.selected = path
            self._select_in_views()
        self.inspect()
        self.refresh_bars()

    def _select_in_views(self) -> None:
        states = self.query_one(OutlineView)
        place = next((i for i, row in enumerate(states.rows) if row.path == self.selected), None)
        if place is not None and (states.row is None or states.row.path != self.selected):
            states.cursor = place
        self.query_one(GraphView).select(self.selected)
        if self.huge and not self.query_one(VirtualTable).has_focus:
            self.find_in_events()
        if self.view == "definition" or self.huge:
            self.find_in_definition()

    def find_in_events(self) -> None:
        """Put the cursor of the events on the entry of the selected state."""
        visits = self.known.visits(self.selected)
        place = next((i for i, e in enumerate(self.events) if visits and e["id"] >= visits[-1].entered), None)
        if place is not None:
            self.query_one(VirtualTable).cursor = place

    def find_in_definition(self) -> None:
        """Bring the selected state's place in the definition into sight."""
        line = line_of(self.known.definition, definition_path(self.known.definition, self.selected))
        self.query_one("#definition", JsonView).go_to(line)

    def on_chosen(self, event: Chosen) -> None:
        event.stop()
        self.select(event.state)

    def on_moved(self) -> None:
        """A cursor moved: the state under it is the one selected."""
        focused = self.focused
        if isinstance(focused, OutlineView) and focused.row is not None:
            self.select(focused.row.path)
        elif isinstance(focused, VirtualTable) and focused.item is not None:
            self.select(self.known.path_of(focused.item))
        elif self.view == "definition":
            return
        else:
            self.inspect()

    # -- the inspector

    def inspect(self) -> None:
        """Show the selected state in the inspector and in the lines under a small view."""
        item, row, now = self.known.item, self.row, self.host.now()
        if item is None:
            return
        now = now._replace(at=self.known.moment(now.at))
        lines = inspect_lines(row, item, now)
        inspector = self.query_one(Inspector)
        if not inspector.display:
            self.query_one("#inspect", Panel).show_lines(lines if self.view in UPPER else [])
            return
        event = self.query_one(VirtualTable).item if self.view == "events" else None
        visit = self.visit()
        found = self._stages(visit, row)
        if event is not None:
            found = [Stage("event", lines=event_lines(event)), *found]
        default = "event" if event is not None else "tries" if visit is not None and visit.status in BAD else "output"
        inspector.show([] if self.has_class("-below") else lines, found, default)

    def _stages(self, visit: Visit | None, row: Row | None) -> list[Stage]:
        if visit is None:
            return []
        key = (visit.path, visit.entered)
        found = stages(self.known.events_of(visit), self.host.now().zone)
        if key in self._trials:
            found = merged(found, {"inspectionData": {}}) if not self._trials[key] else self._trials[key]
        elif visit.end is not None and row is not None:
            self.work(self._work_out(visit, row, found))
        printed = log(self._outputs, visit.frame, visit.path[-1])
        return [*found, printed] if printed is not None else found

    async def _work_out(self, visit: Visit, row: Row, found: list[Stage]) -> None:
        """Ask the daemon for the stages that the history does not hold."""
        key = (visit.path, visit.entered)
        self._trials[key] = found
        variables = variables_before(self.known.events, visit.entered, visit.frame)
        trial = trial_of(visit.path[-1], row.type, found, variables)
        if trial is None:
            return
        try:
            answer = await self.host.daemon.test_state((self.known.item or {}).get("definition", ""), trial)
        except RemoteError:
            return  # it cannot be worked out; the history's own stages stand
        self._trials[key] = merged(found, answer)
        self.inspect()

    # -- filters and finding

    def filter_events(self, text: str) -> None:
        found, wrong = wanted(text)
        if found is None:
            self.say(wrong, bad=True)
            return
        self._filter, self._filter_text = (found, text) if text.strip() else (None, "")
        self._paint_events()
        self.tabs()
