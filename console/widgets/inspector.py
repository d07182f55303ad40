"""The inspector: the facts about one state, and its data at each stage with what changed since the stage before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual.containers import Vertical
from textual.widget import Widget

from console.changes import marks, summary
from console.looks import Span
from console.stages import Stage, base_of
from console.widgets.bars import Facts
from console.widgets.jsonview import JsonView
from console.widgets.panel import Panel


class Inspector(Vertical):
    """Shows what it is given; `turn` goes to another stage. The stage that was chosen stays while states change."""

    DEFAULT_CSS = "Inspector { height: 1fr; } Inspector > Panel { padding: 0 1; max-height: 8; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._stages: list[Stage] = []
        self._wanted = ""
        self._default = ""

    def compose(self) -> Iterable[Widget]:
        yield Panel(id="state-facts")
        yield Facts(id="stage-tabs")
        yield Facts(id="stage-note")
        yield JsonView(id="stage", empty="nothing is known of its data")

    @property
    def view(self) -> JsonView:
        return self.query_one("#stage", JsonView)

    @property
    def stage(self) -> Stage | None:
        names = [stage.name for stage in self._stages]
        for wanted in (self._wanted, self._default):
            if wanted in names:
                return self._stages[names.index(wanted)]
        return self._stages[-1] if self._stages else None

    def show(self, facts: Sequence[Sequence[Span]], stages: list[Stage], default: str) -> None:
        """Show a state; `default` is the stage to look at if none was chosen."""
        self.query_one("#state-facts", Panel).show_lines(facts)
        self._stages, self._default = stages, default
        self._paint()

    def turn(self, by: int) -> None:
        """To the next or the previous stage."""
        shown = self.stage
        if shown is not None:
            place = self._stages.index(shown) + by
            self._wanted = self._stages[place % len(self._stages)].name
            self._paint()

    def _paint(self) -> None:
        shown = self.stage
        spans: list[Span] = []
        for stage in self._stages:
            here = stage is shown
            spans += [Span(f"[{stage.title}]" if here else f" {stage.title} ", "bold" if here else "dim")]
        self.query_one("#stage-tabs", Facts).say(*spans)
        if shown is None:
            self.query_one("#stage-note", Facts).say()
            self.view.show_text(None)
        elif shown.lines:
            self.query_one("#stage-note", Facts).say()
            self.view.show_lines(shown.lines)
        else:
            self._compare(shown)

    def _compare(self, shown: Stage) -> None:
        before = base_of(shown, self._stages)
        note = [Span("worked out anew  ", "faint")] if shown.worked_out else []
        if before is None:
            self.query_one("#stage-note", Facts).say(*note)
            self.view.show_value(shown.value)
            return
        note += [Span(f"since {before.title}: ", "dim"), *summary(before.value, shown.value)]
        self.query_one("#stage-note", Facts).say(*note)
        both = isinstance(before.value, dict) and isinstance(shown.value, dict)
        self.view.show_value(shown.value, marks(before.value, shown.value) if both else None)
