"""The form of one prompt or open token. What is typed is kept until it is sent, whatever happens to the line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.containers import Vertical
from textual.widget import Widget
from textual.widgets import Select

from console.actions import FIELDS, NEXT_FIELD, UNFOLDED, bindings
from console.answers import comment_of, complaints, context_of, output_of, schema_of
from console.client import Item, RemoteError, Unreachable
from console.drafts import Draft, packed
from console.fields import nearest
from console.looks import Span
from console.messages import Edited, News
from console.screens.dialogs import Fill
from console.screens.holding import PromptVerbs, comment_lines, group_spans, hold_spans
from console.text import ago, block, clean, clip, clip_middle, count_of, until
from console.widgets.bars import Facts
from console.widgets.form import SchemaForm
from console.widgets.jsonview import JsonView
from console.widgets.options import Options
from console.widgets.panel import Panel

CONFLICTS = frozenset({"ConflictException", "TaskTimedOut", "ResourceNotFound", "TaskDoesNotExist"})


class AnswerScreen(PromptVerbs):
    NAME = "answer"
    BINDINGS = bindings("answer")
    KINDS: ClassVar[frozenset[str]] = frozenset({"prompt"})

    def __init__(self, prompt: Item) -> None:
        super().__init__()
        self.prompt = prompt
        self.over = ""  # why it can no longer be answered
        self._busy = False
        self._unsaved = False
        self.about: Item = {}

    @property
    def key(self) -> str:
        return str(self.prompt["id"])

    def body(self) -> Iterable[Widget]:
        yield Facts(id="line")
        with Vertical(classes="split answer"):
            with Vertical(classes="main"):
                yield Panel(id="message")
                if self.prompt.get("answer"):
                    yield JsonView(id="given")
                else:
                    yield SchemaForm(schema_of(self.prompt), self.host.drafts.get(self.key), id="form")
            yield JsonView(id="context", empty="the task has no input beside the question")

    def crumbs(self) -> Sequence[str]:
        return ("flowd", "inbox", clean(self.prompt.get("title") or self.prompt["state"]))

    def item(self) -> Item | None:
        return {**self.prompt, "answer": self.over} if self.over else self.prompt

    def opened(self) -> None:
        prompt = self.prompt
        context = self.query_one("#context", JsonView)
        context.add_class("side")
        context.show_text(context_of(prompt))
        context.display = self.size.width >= 120
        self._tell()
        if prompt.get("answer"):
            self._show_given(prompt["answer"])
        else:
            self.call_after_refresh(self.form.focus_first)

    def looks_at(self) -> str:
        return f"prompt {self.key}"

    def _tell(self) -> None:
        """Where it comes from, who holds it, the question, what was said about it."""
        prompt, now = self.prompt, self.host.now()
        lines = [[Span(line)] for line in block(prompt.get("message") or "")] if prompt.get("message") else []
        if not prompt.get("answer"):
            self.query_one(Panel).show_lines([*lines, *comment_lines(self.about, now)])
        wide = self.size.width >= 110  # else names would hide when it was asked and is due
        name = clip_middle(clean(prompt["executionName"]), 40 if wide else 20)
        where = f"{name} › {clip(clean(prompt['state']), 40 if wide else 20)}"
        told = [Span(where), Span(f"  asked {ago(prompt['askedAt'], now.at)}", "dim")]
        if prompt.get("dueAt"):
            told.append(Span(f"  due {until(prompt['dueAt'], now.at)}", "late" if prompt["dueAt"] < now.at else "dim"))
        if prompt.get("queue"):
            told.append(Span(f"  queue {clean(prompt['queue'])}", "dim"))
        told += group_spans(prompt)
        told += hold_spans(self.about, self.host.presence.you, now)
        others = self.host.presence.looking_at(self.looks_at())
        told += [Span(f"  open by {clean(', '.join(others))}", "late")] if others else []
        self.query_one("#line", Facts).say(*told)

    def _show_given(self, answer: Item) -> None:
        given = self.query_one("#given", JsonView)
        given.show_text(answer.get("output") or answer.get("error"))
        given.focus()
        line = [Span("✓ ", "ok"), Span(f"answered by {clean(answer['by'])} {ago(answer['at'], self.host.now().at)}")]
        self.query_one(Panel).show_lines([line])

    def field_keys(self) -> Sequence[tuple[str, str, bool]]:
        here, kind = self.focused, ""
        if isinstance(here, Options):
            kind = "many" if here.many else "one"
        elif isinstance(here, Select):
            kind = "list"
        elif here is not None and isinstance(here.parent, Select):
            return UNFOLDED
        found = [FIELDS[kind]] if kind else []
        return [*found, NEXT_FIELD] if not self.prompt.get("answer") else []

    @property
    def form(self) -> SchemaForm:
        return self.query_one(SchemaForm)

    def on_edited(self, event: Edited) -> None:
        event.stop()
        self.host.drafts[self.key] = self.form.raws()
        self._unsaved = True

    def tick(self) -> None:
        """What is typed goes to the daemon once a second, so that a dropped line or a killed console loses nothing."""
        if self._unsaved and self.host.link.up and not self.over and not self.host.readonly:
            self._unsaved = False
            self.work(self._save(self._draft()))
        self._tell()

    def _draft(self) -> Draft:
        """What is typed, without the secrets."""
        secret = {field.path for field in self.form.fields if field.kind == "secret"}
        return {path: raw for path, raw in self.host.drafts.get(self.key, {}).items() if path not in secret}

    async def _save(self, draft: Draft) -> None:
        try:
            await self.host.daemon.ask("SaveDraft", id=self.key, body=packed(draft))
        except RemoteError:
            return  # it is over; what becomes of it is told elsewhere
        except Unreachable:
            self._unsaved = True

    async def load(self) -> None:
        """Is it still open? Someone else may have been faster, or its time may have run out."""
        if self.prompt.get("answer") or self._busy or self.over:
            return
        if any(str(prompt["id"]) == self.key for prompt in await self.host.daemon.prompts(False)):
            self.about = await self.host.daemon.ask("GetPrompt", id=self.key)
            self._tell()
            return
        closed = next((p for p in await self.host.daemon.prompts(True) if str(p["id"]) == self.key), None)
        answer = (closed or {}).get("answer")
        now = self.host.now().at
        by = f"answered by {clean(answer['by'])} {ago(answer['at'], now)}" if answer else "no longer open"
        self._no_longer(by)

    def heard(self, news: News) -> None:
        if news.stale or any(str(change.get("id")) == self.key for change in news.changes):
            self.reload()

    def _no_longer(self, why: str) -> None:
        self.over = why
        self.form.complain({(): f"{why}; what you typed is kept until you leave"})
        self.refresh_bars()

    # -- verbs

    async def do_submit(self) -> None:
        answer, wrong = self.form.check()
        if wrong:
            self.say(f"{count_of(len(wrong), 'field')} to mend", bad=True)
            return
        if self._busy:
            return
        self._busy = True
        try:
            done = await self.host.daemon.answer(self.key, output_of(answer), comment_of(self.prompt, answer))
        except RemoteError as error:
            self._refused(error)
        else:
            again = "the same answer was given before" if done.get("repeated") else "answered"
            self._finished(f"{again}: {clean(self.crumbs()[-1])}")
        finally:
            self._busy = False

    def _refused(self, error: RemoteError) -> None:
        """At the fields if the daemon names them; a conflict says who was first."""
        errors = error.members.get("errors")
        if error.code == "ConflictException" and "claimed" in str(error):
            self.form.complain({(): f"{clean(error)}; ctrl+l takes it over"})
        elif error.code in CONFLICTS:
            self._no_longer(clean(error))
        elif errors:
            known = [field.path for field in self.form.fields]
            told = complaints(errors)
            self.form.complain({nearest(path, known): message for path, message in told.items()})
        else:
            self.form.complain({(): f"{error.code}: {clean(error)}"})
        self.say(clean(error), bad=True)

    async def do_fail(self) -> None:
        async def send(text: str, entries: dict[str, str]) -> None:
            await self.host.daemon.fail(self.key, entries["error"] or "Rejected", entries["cause"])

        entries = (("error", "Rejected"), ("cause", ""))
        if await self.app.push_screen_wait(
            Fill("Fail this task: its Retry and Catch decide", "fail it", send, entries=entries)
        ):
            self._finished("the task has failed by hand")

    def _finished(self, told: str) -> None:
        self.host.drafts.pop(self.key, None)
        self.say(told)
        self.app.pop_screen()

    def do_context(self) -> None:
        context = self.query_one("#context", JsonView)
        context.display = not context.display
        if context.display:
            context.focus()
        elif not self.prompt.get("answer"):
            self.form.focus_first()

    def do_execution(self) -> None:
        self.host.show_execution(self.prompt["executionArn"], self.prompt["executionName"])
