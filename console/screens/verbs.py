"""What can be done to an execution, from the list and from its own screen alike."""

from __future__ import annotations

import json
import re
from typing import Any

from console.answers import redrive_lines
from console.client import Daemon, Item
from console.journal import Journal
from console.looks import Span, status
from console.screens.dialogs import Ask, Fill
from console.screens.shell import Shell
from console.text import clean


async def read_history(daemon: Daemon, arn: str, after: int = 0) -> list[Item]:
    """All events after an id, page by page."""
    events: list[Item] = []
    while True:
        answer = await daemon.history(arn, after)
        page = answer.get("events") or []
        events += page
        if not answer.get("more") or not page:
            return events
        after = page[-1]["id"]


def definition_of(item: Item) -> Any:
    """The definition in an answer, which may be its JSON text or the object."""
    definition = item.get("definition")
    if isinstance(definition, str):
        try:
            return json.loads(definition)
        except ValueError:
            return {}
    return definition or {}


MOST_LINES = 5_000  # the editor wraps all lines several times before it is there: 80,000 took it five seconds
_UNSEEN = re.compile(
    "[\x7f-\xa0\xad\u061c\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)


def pretty(text: str | None) -> str:
    """A JSON text with indents, for an editor; a text that is no JSON stays as it is.

    What an editor cannot show, or takes for the end of a line (U+0085, U+2028), is written as an escape: so it is seen,
    and comes back as it was. What would have more than `MOST_LINES` lines stands in one.
    """
    try:
        value = json.loads(text or "{}")
        shown = json.dumps(value, indent=2, ensure_ascii=False)
        if shown.count("\n") > MOST_LINES:
            shown = json.dumps(value, ensure_ascii=False)
        return _UNSEEN.sub(lambda found: json.dumps(found[0])[1:-1], shown)
    except ValueError:
        return text or ""


class ExecutionVerbs(Shell):
    """Redrive, run again, stop and copy; the screen's `item` is the execution."""

    async def do_redrive(self) -> None:
        item = self.item() or {}
        arn = item["executionArn"]
        execution = await self.host.daemon.execution(arn)
        reason = execution.get("redriveStatusReason")
        if execution.get("redriveStatus") == "NOT_REDRIVABLE":
            self.say(f"redrive: {clean(reason or 'not possible')}")
            return
        journal = Journal()
        journal.add(await read_history(self.host.daemon, arn))
        lines = [[Span("runs again, with the definition and the input of the first time:", "dim")], []]
        lines += redrive_lines(definition_of(execution), journal)
        if await self.app.push_screen_wait(Ask(f"Redrive {clean(item['name'])}", lines, "redrive")):
            await self.host.daemon.redrive(arn)
            self.say(f"{clean(item['name'])} goes on")
            self.reload()

    async def do_again(self) -> None:
        item = self.item() or {}
        execution = await self.host.daemon.execution(item["executionArn"])
        started: list[str] = []

        async def send(text: str, entries: dict[str, str]) -> None:
            answer = await self.host.daemon.start_again(item["executionArn"], text)
            started.append(answer["executionArn"])

        title = f"Run {clean(item['stateMachineName'])} again, in its current version, with this input"
        await self.app.push_screen_wait(Fill(title, "start", send, text=pretty(execution.get("input"))))
        if started:
            self.say(f"started {clean(started[0].rpartition(':')[2])}")
            self.reload()

    async def do_stop(self) -> None:
        item = self.item() or {}
        look = status(item["status"])

        async def send(text: str, entries: dict[str, str]) -> None:
            await self.host.daemon.stop(item["executionArn"], entries["error"], entries["cause"])

        title = f"Stop {clean(item['name'])}?  It is {look.glyph} {look.word} and ends as ■ ABORTED."
        if await self.app.push_screen_wait(
            Fill(title, "stop it", send, entries=(("cause", ""), ("error", "")), needs="cause")
        ):
            self.say(f"{clean(item['name'])} is stopped")
            self.reload()

    def do_copy(self) -> None:
        item = self.item() or {}
        self.host.copy_text(item["executionArn"], "the execution's ARN")
