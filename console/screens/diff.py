"""Two executions compared: the states side by side, and what differs in the data of the one under the cursor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.containers import Vertical
from textual.widget import Widget

from console.actions import bindings
from console.client import Item
from console.comparing import Pair, differences, first_difference, head, line, pairs
from console.known import Known
from console.looks import Span, status
from console.messages import Opened
from console.screens.shell import Shell
from console.screens.verbs import read_history
from console.widgets.jsonview import JsonView
from console.widgets.paint import LineView


class PairView(LineView):
    """The states of both, one line each."""

    DEFAULT_CSS = "PairView { height: 1fr; scrollbar-size-vertical: 1; overflow-x: hidden; }"
    head = 1
    empty = "reading …"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.pairs: list[Pair] = []
        self.names = ("", "")

    @property
    def pair(self) -> Pair | None:
        return self.pairs[self.cursor] if self.cursor < len(self.pairs) else None

    def show_pairs(self, found: list[Pair], names: tuple[str, str]) -> None:
        self.names = names
        self.pairs, self.empty = found, "neither has been in any state"
        self.relayout()

    def length(self) -> int:
        return len(self.pairs)

    def heading(self, width: int) -> Sequence[Span]:
        return head(width, self.names)

    def spans(self, index: int, width: int) -> Sequence[Span]:
        return line(self.pairs[index], width)


def _name(known: Known) -> str:
    return str((known.item or {}).get("name", ""))


class DiffScreen(Shell):
    NAME = "diff"
    BINDINGS = bindings("diff")
    KINDS: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, left: str, right: str) -> None:
        super().__init__()
        self._arns = (left, right)
        self.left, self.right = Known(), Known()
        self._placed = False

    def body(self) -> Iterable[Widget]:
        with Vertical(classes="split"):
            yield PairView(id="pairs")
            yield JsonView(id="differences")

    def crumbs(self) -> Sequence[str]:
        return ("flowd", "executions", "compare")

    def item(self) -> Item | None:
        return self.left.item

    def facts(self) -> Sequence[Span]:
        spans: list[Span] = []
        for known in (self.left, self.right):
            if known.item is not None:
                look = status(known.item["status"])
                spans += [Span(f"{look.glyph} {look.word}", look.tone), Span("  ")]
        return spans

    def opened(self) -> None:
        self.query_one("#pairs").add_class("main")
        self.query_one("#differences").add_class("side")
        self.query_one(PairView).focus()

    async def load(self) -> None:
        daemon = self.host.daemon
        for known, arn in zip((self.left, self.right), self._arns, strict=True):
            known.learn(await daemon.execution(arn), await read_history(daemon, arn, known.journal.last))
        view = self.query_one(PairView)
        found = pairs(self.left, self.right)
        view.show_pairs(found, (_name(self.left), _name(self.right)))
        if not self._placed:  # reading again, because news were missed, leaves the cursor where it is
            self._placed = True
            first = first_difference(found)
            if first is not None:
                view.cursor = found.index(first)
            else:
                self.say("no state came to anything else")
        self.on_moved()

    def on_moved(self) -> None:
        pair = self.query_one(PairView).pair
        lines = differences(pair, self.left, self.right) if pair is not None else []
        self.query_one(JsonView).show_lines(lines)

    def do_failure(self) -> None:
        """To the next state that differs."""
        view = self.query_one(PairView)
        apart = [i for i, pair in enumerate(view.pairs) if pair.kind != "same"]
        if apart:
            view.cursor = next((i for i in apart if i > view.cursor), apart[0])

    def do_swap(self) -> None:
        self._arns = (self._arns[1], self._arns[0])
        self.left, self.right = self.right, self.left
        self._placed = False
        self.reload()

    def do_open(self) -> None:
        pair = self.query_one(PairView).pair
        item = self.left.item
        if item is not None:
            state = pair.path[-1] if pair is not None and pair.left is not None else ""
            self.host.show_execution(item["executionArn"], item["name"], state)

    def on_opened(self, event: Opened) -> None:
        event.stop()
        self.do_open()
