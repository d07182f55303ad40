"""Dialogs: ask before something is done, edit a JSON text before it is sent, type a command.

A dialog that sends something stays open until the daemon has taken it, so nothing typed is lost when the line drops.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import ClassVar, Generic, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.suggester import SuggestFromList
from textual.widgets import Input, Static, TextArea

from console.client import RemoteError, Unreachable
from console.commands import GOTO, OFFERED
from console.jobs import job
from console.jsonlines import parse
from console.looks import Span
from console.text import clean, clip
from console.widgets.bars import Facts
from console.widgets.paint import LineView
from console.widgets.panel import Panel
from console.widgets.typed import TypedLine

T = TypeVar("T")
BLANK = "{}"
LONGEST_TITLE, LONGEST_COMPLAINT = 160, 400  # characters; what is below must stay in view

#: Sends what the dialog holds; raises RemoteError or Unreachable, and then the dialog stays.
Send = Callable[[str, dict[str, str]], Awaitable[None]]


class Lines(LineView):
    """Fixed lines of spans inside a dialog."""

    DEFAULT_CSS = "Lines { height: auto; scrollbar-size-vertical: 1; overflow-x: hidden; }"

    def __init__(self, lines: Sequence[Sequence[Span]], spare: int = 9) -> None:
        """`spare` rows of the terminal are for the box around the lines and for what else is in it."""
        super().__init__()
        self._lines, self._spare = lines, spare

    def on_mount(self) -> None:
        self.styles.height = max(1, min(len(self._lines), self.app.size.height - self._spare))

    def length(self) -> int:
        return len(self._lines)

    def spans(self, index: int, width: int) -> Sequence[Span]:
        return self._lines[index]


class Dialog(ModalScreen[T], Generic[T]):
    """A box in the middle with a title and a line of keys."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", show=False)]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (20, "-low"), (30, "-tall")]  # noqa: RUF012

    def __init__(self, title: str, keys: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._heading, self._keys = clean(title, LONGEST_TITLE), keys

    def compose(self) -> ComposeResult:
        with Vertical(id="box"):
            yield Static(self._heading, id="title", markup=False)
            yield from self.content()
            yield Static("", id="wrong", markup=False)
            yield Facts(id="keys")

    def content(self) -> ComposeResult:
        raise NotImplementedError

    def on_mount(self) -> None:
        self.opened()
        spans = [part for key, word in self._keys for part in (Span(key, "press"), Span(f" {word}   "))]
        self.query_one("#keys", Facts).say(*spans)

    def opened(self) -> None:
        """The widgets are there."""

    def complain(self, text: str) -> None:
        """Say what is wrong; the dialog stays open."""
        line = self.query_one("#wrong", Static)
        line.update(f"✗ {clean(text, LONGEST_COMPLAINT)}" if text else "")
        line.display = bool(text)

    def action_cancel(self) -> None:
        self.dismiss(None)


class Ask(Dialog[bool]):
    """Yes or no, after lines that say what will happen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,enter", "answer(True)", show=False),
        Binding("n,q", "answer(False)", show=False),
    ]

    def __init__(self, title: str, lines: Sequence[Sequence[Span]], verb: str) -> None:
        super().__init__(title, [("y", verb), ("esc", "leave it")])
        self._lines = lines

    def content(self) -> ComposeResult:
        yield Panel(id="lines")

    def opened(self) -> None:
        self.query_one(Panel).show_lines(self._lines)

    def action_answer(self, yes: bool) -> None:
        self.dismiss(yes)


class Fill(Dialog[bool]):
    """A JSON text and some one-line entries, sent with ctrl+s. Without a text it is only the entries."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+s", "send", show=False)]

    def __init__(
        self,
        title: str,
        verb: str,
        send: Send,
        *,
        text: str | None = None,
        entries: Sequence[tuple[str, str]] = (),
        lines: Sequence[Sequence[Span]] = (),
        needs: str = "",
        hints: Mapping[str, str] | None = None,
    ) -> None:
        """`lines` say beforehand what will happen; the entry `needs` must not be empty; `hints` stand in empty ones."""
        super().__init__(title, [("ctrl+s", verb), ("esc", "leave it")])
        self._send, self._text, self._entries = send, text, entries
        self._lines, self._needs = lines, needs
        self._hints = {needs: "say why", **(hints or {})}
        self._busy = False
        self.set_class(text is not None, "-big")

    def content(self) -> ComposeResult:
        if self._lines:
            yield Panel(id="lines")
        for label, value in self._entries:
            told = self._hints.get(label, "optional")
            with Horizontal(classes="pair"):
                yield Static(label, classes="label", markup=False)
                yield Input(value, compact=True, placeholder=told if not value else "", name=label)
        if self._text is not None:
            yield TextArea(
                self._text, language=None, show_line_numbers=True, tab_behavior="focus", highlight_cursor_line=False,
                compact=True,
            )  # fmt: skip

    def opened(self) -> None:
        if self._lines:
            self.query_one(Panel).show_lines(self._lines)
        for control in self.query("TextArea, Input"):
            if isinstance(control, TextArea) or (self._text is None and control.name == (self._needs or control.name)):
                control.focus()
                if isinstance(control, TextArea) and control.text == BLANK:
                    control.select_all()  # stands there as an example: what is typed takes its place
                return

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        _, wrong = parse(event.text_area.text)
        self.complain(wrong)

    def on_input_submitted(self) -> None:
        if self._text is None:
            self.action_send()

    def action_send(self) -> None:
        text = self.query_one(TextArea).text if self._text is not None else ""
        if self._text is not None and (wrong := parse(text)[1]):
            self.complain(wrong)
            return
        entries = self.entries()
        if self._needs and not entries.get(self._needs):
            self.complain(f"{self._needs}: {self._hints[self._needs]}; it stands in the audit")
            return
        if not self._busy:
            self._busy = True
            self.run_worker(job(self._deliver, text, entries), exit_on_error=False)

    def entries(self) -> dict[str, str]:
        """What stands in the one-line entries, by label."""
        return {str(entry.name): entry.value.strip() for entry in self.query(Input)}

    async def _deliver(self, text: str, entries: dict[str, str]) -> None:
        try:
            await self._send(text, entries)
        except RemoteError as error:
            self.complain(f"{error.code}: {error}")
        except Unreachable:
            self.complain("no daemon answers; this stays open, try again when the line is back")
        else:
            self.dismiss(True)
        finally:
            self._busy = False


class Choose(Dialog[int]):
    """One of several lines, with the cursor keys."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("q", "cancel", show=False), Binding("enter", "choose", show=False)]

    def __init__(self, title: str, rows: Sequence[tuple[str, str]]) -> None:
        super().__init__(title, [("enter", "take it"), ("esc", "leave it")])
        self._rows = [[Span(f"{clip(clean(name), 24):<26}", "bold"), Span(clean(told), "dim")] for name, told in rows]

    def content(self) -> ComposeResult:
        yield Lines(self._rows)

    def opened(self) -> None:
        self.query_one(Lines).focus()

    def action_choose(self) -> None:
        self.dismiss(self.query_one(Lines).cursor)


class Tell(Dialog[None]):
    """Lines to read."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("q,enter", "cancel", show=False)]

    def __init__(self, title: str, lines: Sequence[Sequence[Span]]) -> None:
        super().__init__(title, [("esc", "close")])
        self._lines = lines

    def content(self) -> ComposeResult:
        yield Lines(self._lines)


class CommandLine(ModalScreen[str]):
    """The `:` line; dismisses with the word, or None. `more` are words to complete beside those that lead somewhere."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", show=False)]

    def __init__(self, more: Sequence[str] = ()) -> None:
        super().__init__()
        self._more = more

    def compose(self) -> ComposeResult:
        words = [f":{word}" for word in (*GOTO, *self._more)]
        with Vertical():
            yield Facts(id="words")
            yield TypedLine(":", id="command", compact=True, select_on_focus=False, suggester=SuggestFromList(words))

    def on_mount(self) -> None:
        self._tell("")

    def _tell(self, typed: str) -> None:
        """Where one can go; what the typed letters may still become stands out."""
        spans = [Span(f"{word} ", "key" if word.startswith(typed) else "faint") for word in OFFERED]
        self.query_one("#words", Facts).say(*spans)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip().removeprefix(":"))

    def on_input_changed(self, event: Input.Changed) -> None:
        if not event.value:
            self.dismiss(None)
        else:
            self._tell(event.value.removeprefix(":"))

    def on_click(self, event: events.Click) -> None:
        if event.widget is self:
            self.dismiss(None)

    def action_cancel(self) -> None:
        self.dismiss(None)
