"""What all screens share: header, key bar, reading data without ever blocking, and verbs that pass their guard.

A screen says what it is called (`NAME`, its row in `actions`), what stands in its middle (`body`), how it reads its
data (`load`), and has a method `do_VERB` for each of its actions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from functools import partial
from pathlib import Path as FilePath
from typing import Any, ClassVar, Protocol, cast

from textual import events
from textual.app import ComposeResult
from textual.css.query import NoMatches
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input, Static
from textual.worker import Worker

from console import actions
from console.client import Daemon, Item, RemoteError, Unreachable
from console.fields import Path
from console.link import Link
from console.looks import Span
from console.messages import News, Selected
from console.reasons import Situation
from console.rows import Now
from console.split import Split
from console.whereabouts import Presence
from console.widgets.bars import Header, KeyBar

TOO_SMALL = "flowd needs 60 columns and 16 rows\n\nmake the terminal larger, or use flowd ls · flowd inbox"


class Host(Protocol):
    """What a screen may use of the app."""

    daemon: Daemon
    link: Link
    readonly: bool
    drafts: dict[str, dict[Path, Any]]
    presence: Presence
    split: Split

    def now(self) -> Now: ...
    def badge(self) -> Sequence[Span]: ...
    def lost(self, error: Unreachable) -> None: ...
    def missed(self) -> None: ...
    def fault(self, error: BaseException) -> None: ...
    def copy_text(self, text: str, what: str) -> None: ...
    def go(self, name: str) -> None: ...
    def show_execution(self, arn: str, name: str, state: str = "") -> None: ...
    def show_difference(self, left: str, right: str) -> None: ...
    def edit_file(self, path: FilePath) -> None: ...
    def show_prompt(self, prompt: Item) -> None: ...


class Shell(Screen[None]):
    """A screen of the console."""

    NAME: ClassVar[str] = ""
    #: Kinds of change (Watch) after which the data is read again.
    KINDS: ClassVar[frozenset[str]] = frozenset()
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (120, "-wide")]  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__()
        self._reading = False
        self._again = False
        self.loaded = False
        self._wanted = ""  # the verb that was asked for before the first reading was over
        self._awaited: list[Worker[Any]] = []  # begun by keys
        self._given_up = False  # keys do not wait any longer
        self.ready = False  # the widgets are there; Textual resumes a screen and delivers news before that

    @property
    def host(self) -> Host:
        return cast(Host, self.app)

    def compose(self) -> ComposeResult:
        yield Header()
        yield from self.body()
        yield KeyBar()
        yield Static(TOO_SMALL, id="tiny", markup=False)

    def body(self) -> Iterable[Widget]:
        raise NotImplementedError

    def crumbs(self) -> Sequence[str]:
        return ("flowd", self.NAME)

    def facts(self) -> Sequence[Span]:
        return ()

    def looks_at(self) -> str:
        """What others are told that this console shows."""
        return self.NAME

    def item(self) -> Item | None:
        """The object that verbs work on."""
        return None

    async def load(self) -> None:
        """Read the screen's data and show it."""

    # -- life

    def on_mount(self) -> None:
        self.ready = True
        self.opened()
        self.refresh_bars()
        self.reload()

    def opened(self) -> None:
        """The widgets are there. (Textual calls `on_` handlers of every ancestor; this is called once.)"""

    def on_screen_resume(self) -> None:
        self.resumed()
        self.refresh_bars()
        self.reload()

    def resumed(self) -> None:
        """The screen is on top again; what happened while it was in another mode has passed it by."""

    def on_resize(self) -> None:
        self.set_class(self.size.width < 60 or self.size.height < 16, "-tiny")

    def on_news(self, news: News) -> None:
        self.heard(news)

    def heard(self, news: News) -> None:
        """Something changed; read again if it is of the screen's kinds."""
        if news.stale or news.kinds() & self.KINDS:
            self.reload()

    def on_descendant_focus(self) -> None:
        self.refresh_bars()

    def on_selected(self, event: Selected) -> None:
        event.stop()
        self.on_moved()
        self.refresh_bars()

    def on_moved(self) -> None:
        """The cursor of a list has moved."""

    def tick(self) -> None:
        """Called once a second while the screen is on top: durations of what runs have grown."""

    # -- reading

    def reload(self) -> None:
        """Read again; while a reading is under way, once more after it."""
        if not self.ready or not self.host.link.ever:
            return
        self._again = True
        if not self._reading:
            self._reading = True
            self.work(self._load())

    async def _load(self) -> None:
        try:
            while self._again:
                self._again = False
                await self.load()
                self.loaded, self._given_up = True, False
                self.refresh_bars()
                wanted, self._wanted = self._wanted, ""
                if wanted:
                    await self.action_do(wanted)
        finally:
            self._reading = False

    def work(self, job: Coroutine[Any, Any, Any]) -> Worker[Any]:
        """Run something in the background; whatever goes wrong becomes a notice."""
        return self.run_worker(self.safely(job), exit_on_error=False)

    def work_of_key(self, job: Coroutine[Any, Any, Any]) -> Worker[Any]:
        """The same for what a key has begun: those typed behind it wait until it is done or has opened a dialog."""
        return self.keys_wait_for(self.work(job))

    def keys_wait_for(self, worker: Worker[Any]) -> Worker[Any]:
        self._awaited.append(worker)
        self._given_up = False
        return worker

    @property
    def waiting(self) -> bool:
        """True while the screen does not yet show what was asked of it: keys typed ahead are not for what it shows."""
        self._awaited = [worker for worker in self._awaited if not worker.is_finished]
        return not self._given_up and (bool(self._awaited) or self.unread())

    def unread(self) -> bool:
        """Whether rows are on their way without which a key means nothing."""
        return self._reading and not self.loaded

    def give_up(self) -> None:
        """The daemon takes too long: keys go on, so nothing may stay that was to be replaced."""
        self._given_up = True

    async def safely(self, job: Awaitable[Any]) -> None:
        try:
            await job
        except Unreachable as error:
            self.host.missed()
            self.host.lost(error)
        except RemoteError as error:
            self.host.missed()
            self.say(f"{error.code}: {error}", bad=True)
        except asyncio.CancelledError:
            raise
        except NoMatches as error:
            if self.is_attached and self.is_running:  # a screen that is taken down loses its widgets before its work
                self.host.fault(error)
        except Exception as error:
            self.host.fault(error)

    def say(self, text: str, bad: bool = False) -> None:
        """A notice in the corner."""
        self.notify(text, severity="error" if bad else "information", timeout=6 if bad else 3)

    # -- verbs

    def situation(self) -> Situation:
        return Situation(self.host.link.up, self.host.readonly, self.item())

    def refresh_bars(self) -> None:
        """Header, key bar and greying follow the state of the line, the data and the cursor."""
        if not self.ready or not self.is_attached:
            return
        header, bar = next(iter(self.query(Header)), None), next(iter(self.query(KeyBar)), None)
        if header is None or bar is None:
            return  # a screen that is being taken down loses its widgets before it goes
        told = (tuple(self.crumbs()), tuple(self.facts()), tuple(self.host.badge()))
        now = self.situation()
        told_of = [action for action in actions.of(self.NAME) if action.bar and self.offers(action.name)]
        keys = [*self.field_keys(), *((a.shown, a.label, not a.why(now)) for a in told_of)]
        bar.kept = sum(action.name in actions.ALWAYS for action in told_of)
        if isinstance(self.focused, Input) and self.focused.id == "filter":
            keys, bar.kept = list(actions.TYPING), 0
        self.set_class(self.loaded and not self.host.link.up, "-stale")
        if told != (header.crumbs, header.facts, header.right):  # a line that stays is not sent again
            header.crumbs, header.facts, header.right = told
            header.refresh()
        if keys != bar.keys:
            bar.keys = keys
            bar.refresh()

    def field_keys(self) -> Sequence[tuple[str, str, bool]]:
        """Keys of the control that has the focus; they stand first in the bar."""
        return ()

    def offers(self, name: str) -> bool:
        """Read-only consoles do not show verbs they can never do."""
        action = actions.find(self.NAME, name)
        return action is not None and not (
            self.host.readonly and action.why(Situation(readonly=True)) and name in WRITES
        )

    async def action_do(self, name: str) -> None:
        """Do what a key or the palette asks for, unless there is a reason not to."""
        action = actions.find(self.NAME, name)
        why = action.why(self.situation()) if action is not None else f"there is no {name} here"
        if why and self._reading and not self.loaded and self.item() is None:
            self._wanted = name  # done as soon as there is something to do it to
            return
        if action is not None and why:
            self.say(f"{action.label}: {why}")
            return
        verb: Callable[[], Any] | None = getattr(self, f"do_{name}", None)
        if action is not None and action.run is not None:
            verb = partial(action.run, self)
        if verb is None:
            return
        try:
            result = verb()
            if asyncio.iscoroutine(result):
                self.work_of_key(result)
        except Exception as error:
            self.host.fault(error)

    async def on_key(self, event: events.Key) -> None:
        """Keys of plugins: what a screen binds is settled when it is imported, which may be before they are read."""
        for action in actions.of(self.NAME):
            if action.run is not None and event.key in action.keys.split(","):
                event.stop()
                await self.action_do(action.name)

    def do_former(self) -> None:
        self.host.go("former")

    def do_next(self) -> None:
        self.host.go("next")

    def do_last(self) -> None:
        self.host.go("last")

    def do_command(self) -> None:
        self.host.go("command")

    def take_words(self, words: str, view: bool) -> None:
        """What was typed behind the screen's name: a filter, or (`view`) the name of one that is saved."""
        self.say(f"{self.NAME} takes no filter: {words}", bad=True)

    def on_badge(self) -> None:
        self.host.go("inbox")

    def do_help(self) -> None:
        self.host.go("help")

    def do_retry(self) -> None:
        self.host.link.retry()
        self.reload()

    def do_back(self) -> None:
        """One step back; on the first screen of a mode that is the executions."""
        if len(self.app.screen_stack) > 1:
            self.app.pop_screen()
        elif self.app.current_mode != "executions":
            self.host.go("executions")

    def do_quit(self) -> None:
        if len(self.app.screen_stack) > 1:
            self.app.pop_screen()
        else:
            self.host.go("quit")


WRITES = frozenset(
    {
        "save_view",
        "pause_all",
        "backfill",
        "approve",
        "reject",
        "claim",
        "release",
        "assign",
        "remark",
        "later",
        "cancel",
        "redrive",
        "again",
        "stop",
        "submit",
        "fail",
        "start",
        "pause",
        "run",
        "fork",
        "definition_file",
        "edit",
        "resolve",
        "heartbeat",
        "retry_now",
        "test",
        "create",
        "change",
        "delete",
        "undeploy",
        "restore",
    }
)
