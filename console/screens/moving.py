"""Moving about in one execution: views, failures, finding, looking back in time. Nothing here changes anything."""

from __future__ import annotations

import shlex

from textual.widgets import Input

from console import places
from console.comparing import origin_of, succeeded_like
from console.event_rows import is_failure
from console.looks import Span
from console.messages import Opened
from console.screens.editing import edit_machine
from console.screens.views import ExecutionViews
from console.text import clean, clock, count_of
from console.widgets.bars import Facts
from console.widgets.graph import GraphView
from console.widgets.inspector import Inspector
from console.widgets.jsonview import JsonView
from console.widgets.log import LogView
from console.widgets.outline import OutlineView
from console.widgets.panes import Panes
from console.widgets.table import VirtualTable

SLIDER = 12
_BAD = ("FAILED", "TIMED_OUT", "CAUGHT")


class ExecutionMoves(ExecutionViews):
    """The verbs of the screen of one execution that change nothing."""

    # -- views

    def do_view_outline(self) -> None:
        self.show("outline")

    def do_view_graph(self) -> None:
        self.show("graph")

    def do_view_events(self) -> None:
        if self.view != "events":
            self.find_in_events()
        self.show("events")

    def do_view_io(self) -> None:
        self.show("io")

    def do_view_tasks(self) -> None:
        self.show("tasks")

    def do_view_definition(self) -> None:
        self.show("definition")
        self.find_in_definition()

    def do_inspect(self) -> None:
        """Into the inspector and back; where it has no room of its own it lies over the view."""
        inspector = self.query_one(Inspector)
        if inspector.view.has_focus:
            self.remove_class("-inspecting")
            self.fit_panes()
            self.focused_view().focus()
            return
        if not self.huge and not self.wide:
            self.add_class("-inspecting")
        self.fit_panes()
        self.inspect()
        inspector.view.focus()

    def do_stage(self) -> None:
        self.query_one(Inspector).turn(1)

    def do_stage_back(self) -> None:
        self.query_one(Inspector).turn(-1)

    def do_border_left(self) -> None:
        self._move_border("columns", -4)

    def do_border_right(self) -> None:
        self._move_border("columns", 4)

    def do_border_up(self) -> None:
        self._move_border("rows", -2)

    def do_border_down(self) -> None:
        self._move_border("rows", 2)

    def _move_border(self, axis: str, by: int) -> None:
        if not self.query_one(Panes).step(axis, by):
            self.say(f"no panes stand {'side by side' if axis == 'columns' else 'one above the other'} here")

    def do_visited(self) -> None:
        self.query_one(GraphView).action_visited()

    def do_open(self) -> None:
        """From a state to its events, from a Distributed Map to its items; from an event to its state."""
        visit = self.visit()
        if self.view == "events":
            self.show("outline")
        elif visit is not None and visit.run:
            self.app.push_screen(places.items(visit.run, self._label))
        elif visit is not None:
            self.do_view_events()

    def on_opened(self, event: Opened) -> None:
        event.stop()
        self.do_open()

    def do_failure(self) -> None:
        """To the next state or event that failed, round and round."""
        view = self.focused_view()
        if isinstance(view, GraphView):
            if not view.next_failure():
                self.say("nothing failed here")
            return
        failed: list[int] = []
        if isinstance(view, OutlineView):
            failed = [i for i, row in enumerate(view.rows) if row.status in _BAD]
        elif isinstance(view, VirtualTable):
            failed = [i for i, event in enumerate(self.events) if is_failure(event["type"])]
        if failed and isinstance(view, (OutlineView, VirtualTable)):
            view.cursor = next((i for i in failed if i > view.cursor), failed[0])
        else:
            self.say("nothing failed here")

    async def do_inbox(self) -> None:
        prompts = [p for p in await self.host.daemon.prompts(False) if p["executionArn"] == self.arn]
        if prompts:
            self.host.show_prompt(prompts[0])
        else:
            self.say("it waits for nobody")

    async def do_compare(self) -> None:
        """Beside the execution it was forked from, else the last of its machine that succeeded."""
        item = self.item() or {}
        origin = origin_of(item)
        if not origin:
            found = (await self.host.daemon.executions(succeeded_like(item), None, 2))["executions"]
            others = (str(other["executionArn"]) for other in found)
            origin = next((arn for arn in others if arn != item["executionArn"]), "")
        if origin:
            self.host.show_difference(item["executionArn"], origin)
        else:
            self.say(f"no other execution of {clean(item['stateMachineName'])} has succeeded")

    def do_copy_data(self) -> None:
        """The value under the cursor, where data is shown."""
        if isinstance(self.focused, JsonView) and (text := self.focused.text_at_cursor()):
            self.host.copy_text(text, "the value")
        else:
            self.say("stand on a value first: in/out, the definition, an event, or the inspector (tab)")

    def do_copy_command(self) -> None:
        """What opens this view again, here or on another terminal."""
        words = ["flowd", "console", "open", self.arn, "--view", self.view]
        words += ["--state", self.selected[-1]] if self.selected else []
        self.host.copy_text(shlex.join(words), "the command that opens this view")

    async def do_definition_file(self) -> None:
        arn = (self.item() or {})["stateMachineArn"]
        machine = next((m for m in await self.host.daemon.machines() if m["stateMachineArn"] == arn), None)
        if machine is None:
            self.say("the state machine is gone")
        else:
            await edit_machine(self, machine)

    def do_wrap(self) -> None:
        if self.view == "tasks":
            self.say("long lines are wrapped" if self.query_one(LogView).toggle_wrap() else "long lines are cut")

    def do_follow(self) -> None:
        if self.view == "tasks":
            self.say("follows the end" if self.query_one(LogView).toggle_follow() else "stays where it is")

    # -- finding

    def do_filter(self) -> None:
        box = self.query_one("#filter", Input)
        box.placeholder = "regular expression; ! in front for all others" if self.view == "events" else "find"
        box.add_class("-open")
        box.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.query_one("#filter", Input).remove_class("-open")
        self.focused_view().focus()
        if self.view == "events":
            self.filter_events(event.value)
        else:
            self.find(event.value)

    def find(self, text: str) -> None:
        """Go to the first place that has the text; in JSON and logs mark them all."""
        view = self.focused_view()
        if isinstance(view, (JsonView, LogView)):
            found = view.search(text)
            self.say(count_of(found, "hit") if text else "search ended")
            return
        low, states = text.lower(), self.query_one(OutlineView)
        texts = [f"{row.label} {row.error}".lower() for row in states.rows]
        order = [*range(states.cursor + 1, len(texts)), *range(states.cursor + 1)]
        place = next((i for i in order if i < len(texts) and low in texts[i]), None)
        if place is None:
            self.say(f"no {clean(text)} here")
        else:
            self.select(states.rows[place].path)

    def do_back(self) -> None:
        box = self.query_one("#filter", Input)
        if box.has_class("-open"):
            box.remove_class("-open")
            self.focused_view().focus()
        elif self.has_class("-inspecting"):
            self.do_inspect()
        elif self.known.past is not None:
            self.do_past()
        else:
            super().do_back()

    # -- looking back

    def do_past(self) -> None:
        """Begin to look back, or come back to the present."""
        known = self.known
        known.look_back(len(known.events) if known.past is None and known.events else None)
        self._show_moment()

    def do_earlier(self) -> None:
        self._move_in_time(-1)

    def do_later(self) -> None:
        self._move_in_time(1)

    def do_much_earlier(self) -> None:
        self._move_in_time(-self._leap())

    def do_much_later(self) -> None:
        self._move_in_time(self._leap())

    def _leap(self) -> int:
        return max(5, len(self.known.events) // 20)

    def _move_in_time(self, by: int) -> None:
        known = self.known
        if known.past is not None:
            known.look_back(known.past + by)
            self._show_moment()

    def _show_moment(self) -> None:
        known = self.known
        self.paint()
        slider = self.query_one("#slider", Facts)
        if known.past is None:
            slider.say()
        else:
            event = known.events[known.past - 1]
            path = known.path_of(event)
            self.select(path)
            done = round(known.past / len(known.events) * SLIDER)
            told = f" {clock(event['timestamp'], self.host.now().zone)}  event {known.past} of {len(known.events)} "
            bar = "█" * done + "·" * (SLIDER - done)
            keys = [Span("  , . ", "key"), Span("step"), Span("  < > ", "key"), Span("leap"), Span("  t ", "key")]
            slider.say(Span("◷", "late"), Span(told, "bold"), Span(bar, "run"), *keys, Span("now"))
        self.refresh_bars()
