"""The app: the line to the daemon, the screens by mode, and what must hold whatever happens.

It holds no truth. It may be killed at any time, it never shows a traceback, and it ends when its terminal is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import tzinfo
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from rich.console import Console
from rich.text import Text
from textual import events
from textual.app import ScreenError, SuspendNotSupported, SystemCommand
from textual.binding import Binding, BindingType
from textual.css.query import NoMatches
from textual.filter import LineFilter
from textual.screen import Screen
from textual.widgets import Input

from console import actions, commands, faults, places, plugins, preferences, terminal, themes
from console.client import Daemon, Item, RemoteError, SocketDaemon, Unreachable
from console.drafts import unpacked
from console.fields import Path as FieldPath
from console.harmless import Plain
from console.jobs import job
from console.link import SETTLE_S, Link
from console.looks import Span
from console.messages import News
from console.plainglyphs import PLAIN_GLYPHS
from console.rows import Now
from console.screens.dialogs import CommandLine
from console.screens.shell import Shell
from console.split import Split
from console.stylesheet import SteadyStylesheet
from console.text import clean, local
from console.typeahead import Taken, TypeAhead
from console.whereabouts import Presence, Trail
from console.widgets.paint import PAINTS

LONGEST_LINE = 10_000
PREPARE_S = 1.0  # by then the first screen is there


class FlowdApp(Plain):
    """The console. `now` gives epoch seconds; `zone` None is the machine's own; `state_dir` gets the log of faults.

    `plain` uses ASCII signs only; `opening` is shown first; `usual` is the theme of a user who has chosen none.
    """

    TITLE = "flowd"
    CSS_PATH = Path(__file__).with_name("flowd.tcss")
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {
        name: partial(places.mode, name) for name in places.MODES
    }
    DEFAULT_MODE = "executions"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+z", "suspend_process", show=False)]
    COMPONENT_CLASSES = PAINTS
    ENABLE_COMMAND_PALETTE = True
    NOTIFICATION_TIMEOUT = 4

    def __init__(
        self,
        daemon: Daemon,
        *,
        readonly: bool = False,
        now: Callable[[], float] = time.time,
        zone: tzinfo | None = None,
        state_dir: Path | None = None,
        settle: float = SETTLE_S,
        theme: str = "",
        usual: str = themes.DEFAULT,
        plain: bool = False,
        opening: places.Opening | None = None,
    ) -> None:
        super().__init__()
        self.daemon, self.readonly = daemon, readonly
        self._wall, self._zone = now, zone
        self.state_dir = state_dir or faults.state_dir()
        self.link = Link(daemon, now, self._on_link, self._on_news, settle)
        self.drafts: dict[str, dict[FieldPath, Any]] = {}
        self.prompts: list[Item] = []
        self.presence = Presence(daemon)
        self.trail = Trail(self.DEFAULT_MODE)
        self.bells: terminal.Bell | None = None  # rings when a prompt opens
        self.calm = False  # the process is the console's alone: its garbage collector may be told about it
        self.faults: list[BaseException] = []
        self.moving = False  # between two modes; keys wait
        self._typed = TypeAhead(self, self._take_one)
        self.missed = self._typed.missed
        self._tasks: list[asyncio.Task[None]] = []
        self._seen_inbox = False
        self.keys: dict[str, str] = {}
        self.warnings: list[str] = []
        self.opening, self.plain, self.split = opening, plain, Split(self.state_dir)
        for known in themes.THEMES:
            self.register_theme(known)
        wanted = theme or preferences.chosen_theme(self.state_dir)
        self.theme = wanted if wanted in self.available_themes else usual
        self.stylesheet = SteadyStylesheet(self.get_css_variables())

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return themes.DARK if self.current_theme.dark else themes.LIGHT

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [*super().get_line_filters(), *([PLAIN_GLYPHS] if self.plain else [])]

    # -- life

    def on_mount(self) -> None:
        self._tasks = [
            asyncio.create_task(self._listen(), name="link"),
            asyncio.create_task(self._take_keys(), name="keys"),
        ]
        prepare = job(places.prepare, places.PAUSE_S, self.calm)
        self.set_timer(PREPARE_S, partial(self.run_worker, prepare, exit_on_error=False))
        self.set_interval(1.0, self._tick)
        self.theme_changed_signal.subscribe(self, lambda theme: preferences.keep_theme(self.state_dir, theme.name))
        terminal.guard(self)
        self.set_keymap(self.keys)
        for told in self.warnings[:3]:
            self.notify(told, severity="warning", timeout=10)
        if self.opening is not None:
            name = self.opening.arn.rpartition(":")[2]
            self.push_screen(places.execution(self.opening.arn, clean(name), self.opening.view, self.opening.state))

    def take_keys(self, path: Path) -> None:
        """The user's own keys and commands; what is wrong with them is told once the console is there."""
        self.keys, wrong = preferences.read_keys(path)
        actions.rebind(self.keys)
        self.warnings += wrong + plugins.take(path.with_name(plugins.FILE))

    async def on_unmount(self) -> None:
        for task in self._tasks:
            task.cancel()
        await self.presence.leave()
        await self.daemon.close()

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, (events.Key, events.Paste)) and not event.is_forwarded:
            self._typed.add(event)
        else:
            await super().on_event(event)

    async def _take_one(self, event: events.Event) -> None:
        if isinstance(event, events.Paste) and isinstance(self.focused, Input) and len(event.text) > LONGEST_LINE:
            self.notify(f"what was pasted is cut to {LONGEST_LINE:,} characters: this is a line", severity="warning")
            event.text = event.text[:LONGEST_LINE]  # it is drawn whole whenever its cursor blinks
        await super().on_event(event)

    def on_taken(self, event: Taken) -> None:
        event.seen.set()

    async def _take_keys(self) -> None:
        while True:
            try:
                await self._typed.run()
            except Exception as error:  # a binding that failed: the next key is taken all the same
                self.fault(error)

    async def _listen(self) -> None:
        while True:
            try:
                await self.link.run()
            except asyncio.CancelledError:
                raise
            except Exception as error:  # an answer of a form we do not know
                if repr(error) not in {repr(known) for known in self.faults}:
                    self.fault(error)
                await self.link.wait(f"the daemon answers oddly: {faults.place(error)}")

    def _tick(self) -> None:
        shell = self._shell()
        if self.link.up and shell is not None:
            self.run_worker(job(self._attend, shell.looks_at()), group="presence", exit_on_error=False)
        if shell is not None and shell.ready:
            with contextlib.suppress(NoMatches):  # a screen that is being taken down loses its widgets before it goes
                if not self.link.up:
                    shell.refresh_bars()
                shell.tick()

    def _shell(self) -> Shell | None:
        """The topmost screen that is no dialog."""
        return next(reversed(self._shells()), None)

    def _shells(self) -> list[Shell]:
        """The screens of the present mode, without dialogs; none while Textual changes modes."""
        try:
            return [screen for screen in self.screen_stack if isinstance(screen, Shell)]
        except (KeyError, ScreenError):
            return []

    # -- the line

    def _on_link(self) -> None:
        for screen in self._shells():
            screen.refresh_bars()

    def _on_news(self, changes: list[Item], stale: bool) -> None:
        news = News(changes, stale)
        shell = self._shell()
        if "presence" in news.kinds() and shell is not None:
            self.run_worker(job(self._attend, shell.looks_at(), anew=True), group="presence", exit_on_error=False)
        if stale or "prompt" in news.kinds():
            self.run_worker(job(self._read_inbox), group="inbox", exclusive=True, exit_on_error=False)
        for screen in self._shells():
            screen.post_message(News(changes, stale))

    async def _read_inbox(self) -> None:
        before = {str(prompt["id"]) for prompt in self.prompts}
        try:
            self.prompts = await self.daemon.prompts(False)
        except (Unreachable, RemoteError):
            return  # the link will say so
        new = [each for each in self.prompts if str(each["id"]) not in before and each["kind"] == "prompt"]
        rings = self.bells is not None and self.bells.rings(local(*self.now()).time())
        if new and self._seen_inbox and rings and self._driver is not None:
            self._driver.write(terminal.notice(clean(new[0].get("title") or new[0]["state"])))
        self._seen_inbox = True
        self._on_link()

    async def _attend(self, looks_at: str, anew: bool = False) -> None:
        before = self.presence.you
        if not await self.presence.say(looks_at, self._wall(), anew):
            return
        self._on_link()
        if self.presence.you != before:  # what screens call yours
            for screen in self._shells():
                screen.post_message(News([], stale=True))

    def lost(self, error: Unreachable) -> None:
        """A call found no daemon: the header says so, and the link is already trying."""
        if self.link.up:
            self.notify(str(error), severity="warning")

    def badge(self) -> Sequence[Span]:
        """The right end of the header: what waits for a person, and the line."""
        spans: list[Span] = []
        late = sum(1 for prompt in self.prompts if prompt.get("dueAt") and prompt["dueAt"] < self._wall())
        if self.prompts:
            due = f" ({late} due)" if late else ""
            spans += [Span(f"▣ inbox {len(self.prompts)}{due}", "late" if late else "wait"), Span("  ")]
        if self.readonly:
            spans += [Span("read-only", "dim"), Span("  ")]
        if self.link.up:
            return [*spans, *self.presence.spans(), Span("● live", "ok")]
        return [*spans, Span(self.link.told(), "bad" if self.link.reason else "dim")]

    # -- what screens use

    def now(self) -> Now:
        return Now(self._wall(), self._zone)

    def copy_text(self, text: str, what: str) -> None:
        """Send the text to the terminal's clipboard; whether the terminal took it cannot be known."""
        if len(text) > terminal.MOST_COPIED:
            kept = preferences.keep_copy(self.state_dir, text)
            self.notify(f"{what} is too large for a clipboard; it is in {kept}", markup=False, timeout=10)
        elif self._driver is not None:
            self._driver.write(terminal.osc52(text))
            self.notify(f"{what} sent to the terminal's clipboard")

    def edit_file(self, path: Path) -> None:
        """Hand the terminal to the user's editor, and take it back."""
        command = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
        try:
            with self.suspend():
                subprocess.run([*command, str(path)], check=False)
        except (OSError, SuspendNotSupported) as error:
            self.notify(f"{command[0]}: {clean(error)}; set EDITOR", severity="error")

    def go(self, name: str) -> None:
        """Follow a word of `:`."""
        if name == "quit":
            self.exit(0)
        elif name == "command":
            self.push_screen(CommandLine(), self._on_command)
        elif name in ("former", "next", "last"):
            found = self.trail.last() if name == "last" else self.trail.step(-1 if name == "former" else 1)
            if found is not None:
                self._move(found, visit=name == "last")
        elif name == "help":
            shell = self._shell()
            if shell is not None:
                self.push_screen(places.help_on(shell, self.size.width))
        elif name in self.MODES:
            self._move(name)

    def _move(self, name: str, visit: bool = True) -> None:
        if visit:
            self.trail.visit(name)
        self.moving = True
        self.run_worker(job(self._to_mode, name), exit_on_error=False)

    def show_execution(self, arn: str, name: str, state: str = "") -> None:
        """Open one execution on top of what is shown, at one of its states if that is named."""
        self.push_screen(places.execution(arn, clean(name), state=state))

    def show_difference(self, left: str, right: str) -> None:
        """Compare two executions."""
        self.push_screen(places.difference(left, right))

    def show_prompt(self, prompt: Item) -> None:
        """Open the form of one prompt, with what this user has typed into it before, here or elsewhere."""
        opened = self.run_worker(job(self._open_prompt, prompt), group="prompt", exclusive=True, exit_on_error=False)
        if (shell := self._shell()) is not None:
            shell.keys_wait_for(opened)

    async def _open_prompt(self, prompt: Item) -> None:
        key = str(prompt["id"])
        if key not in self.drafts and not prompt.get("answer"):
            try:
                draft = (await self.daemon.ask("GetPrompt", id=prompt["id"])).get("draft")
            except (Unreachable, RemoteError):
                draft = None
            if draft:
                self.drafts[key] = unpacked(draft["body"])
        self.push_screen(places.prompt(prompt))

    async def _to_mode(self, name: str) -> None:
        try:
            if self.current_mode != name:
                await self.switch_mode(name)
            while len(self.screen_stack) > 1:
                await self.screen.dismiss(None)  # whoever waits for a dialog is told that it was left
        finally:
            self.moving = False

    def _on_command(self, word: str | None) -> None:
        if not word:
            return
        found = commands.read(word)
        if found.wrong:
            self.missed()
            self.notify(found.wrong, severity="warning")
        elif found.words or found.target == "view":
            self.moving = True
            self.run_worker(job(self._to_words, found), exit_on_error=False)
        else:
            self.go(found.target)

    async def _to_words(self, command: commands.Command) -> None:
        """A screen with a filter, or one of the user's views."""
        mode = command.target if command.target in self.MODES else "executions"
        self.trail.visit(mode)
        await self._to_mode(mode)
        if isinstance(self.screen, Shell):
            self.screen.take_words(command.words, command.target == "view")

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        if (shell := self._shell()) is not None:
            for action in actions.of(shell.NAME):
                if shell.offers(action.name):
                    told = f"{action.shown}   {action.help}"
                    yield SystemCommand(action.label, told, partial(shell.action_do, action.name))
        for name in self.MODES:
            yield SystemCommand(f"go to {name}", f"the {name} screen", lambda name=name: self.go(name))
        yield SystemCommand("quit", "leave the console; the daemon goes on", lambda: self.go("quit"))
        yield SystemCommand("theme", "choose other colours", self.action_change_theme)

    # -- whatever goes wrong

    def fault(self, error: BaseException) -> None:
        """An error nobody expected: written to the log with its traceback, told in one line, survived."""
        self.faults.append(error)
        log = faults.write(self.state_dir, error, self._wall())
        self.notify(f"{faults.place(error)}\nwritten to {log}", title="a fault in the console", severity="error")

    def _handle_exception(self, error: Exception) -> None:
        """Textual ends a widget whose handler raised; its screen is dead then, so the console ends, tidily."""
        self.faults.append(error)
        if self._exception is None:  # lets a test see it
            self._exception = error
            self._exception_event.set()
        log = faults.write(self.state_dir, error, self._wall())
        self._return_code = 1
        told = f"flowd console ended by a fault: {faults.place(error)}\nwritten to {log}"
        self.exit(1, return_code=1, message=Text(told))  # a text would be read as markup


def run(socket: Path, readonly: bool = False, bell: terminal.Bell | None = None, **looks: Any) -> int:
    """Run the console on the terminal until the user leaves it; the exit code."""
    usual = themes.default(Console().color_system)
    app = FlowdApp(SocketDaemon(socket), readonly=readonly, usual=usual, **looks)
    app.bells, app.calm = bell, True
    app.take_keys(preferences.config_dir() / preferences.KEYS)
    with terminal.kept(app):
        code = app.run()
    return app.return_code or code or 0
