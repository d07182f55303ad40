"""What people do about a prompt beside answering it: claim, hand over, remark. For the inbox and the form alike."""

from __future__ import annotations

from typing import Any

from console.client import Item, RemoteError
from console.looks import Span
from console.rows import Now
from console.screens.dialogs import Ask, Fill
from console.screens.shell import Shell
from console.text import ago, clean, count_of, moment, took, unbroken
from console.typed_times import moment_of
from flowd.questions import meant_for


def is_mine(prompt: Item, you: str) -> bool:
    """Claimed by this user, or meant for them."""
    if prompt.get("claimedBy"):
        return bool(prompt["claimedBy"] == you)
    if prompt.get("assignedTo"):
        return bool(prompt["assignedTo"] == you)
    return you in (prompt.get("assignees") or ())


def is_free(prompt: Item) -> bool:
    """Nobody works on it, and it is meant for nobody in particular."""
    return not (prompt.get("claimedBy") or meant_for(prompt))


def group_spans(prompt: Item) -> list[Span]:
    """Which groups it is meant for."""
    names = [clean(name) for name in prompt.get("groups") or ()]
    if not names:
        return []
    first = unbroken(f"{'group' if len(names) == 1 else 'groups'} {names[0]}")
    return [Span(f"  {', '.join([first, *names[1:]])}", "dim")]


def hold_spans(prompt: Item, you: str, now: Now) -> list[Span]:
    """`▣ claimed by you, lease 14m32s`, whom it is assigned to, how often it was brought up again."""
    spans: list[Span] = []
    if prompt.get("claimedBy"):
        by = "you" if prompt["claimedBy"] == you else clean(prompt["claimedBy"])
        lease = unbroken(f"lease {took(prompt['claimedUntil'] - now.at)}")
        spans.append(Span(f"  {unbroken(f'▣ claimed by {by}')}, {lease}", "accent"))
    if prompt.get("assignedTo"):
        spans.append(Span(f"  for {clean(prompt['assignedTo'])} (by {clean(prompt.get('assignedBy', ''))})", "accent"))
    if prompt.get("laterUntil"):
        spans.append(Span(f"  put off until {moment(prompt['laterUntil'], *now)}", "dim"))
    if prompt.get("reminded"):
        spans.append(Span(f"  reminded {count_of(prompt['reminded'], 'time')}", "late"))
    return spans


def comment_lines(about: Item, now: Now) -> list[list[Span]]:
    """The remarks about a prompt, the latest last."""
    return [
        [Span(f"{clean(each['by'])} {ago(each['at'], now.at)}: ", "dim"), Span(clean(each["text"]))]
        for each in (about.get("comments") or [])[-4:]
    ]


class PromptVerbs(Shell):
    """The screen's `item` is the prompt."""

    def after_hold(self) -> None:
        """A claim, assignment or remark has changed: show it."""
        self.reload()

    @property
    def you(self) -> str:
        return self.host.presence.you

    async def do_claim(self) -> None:
        """Claim it, or renew the claim; what somebody else has can be taken over after a question."""
        item = self.item() or {}
        try:
            await self.host.daemon.ask("ClaimPrompt", id=item["id"])
        except RemoteError as error:
            if error.code != "ConflictException":
                raise
            by = clean(error.members.get("by", "somebody"))
            lines = [[Span(f"{by} works on it. Take it over only if you know that they do not.")]]
            if not await self.app.push_screen_wait(Ask(f"Take it from {by}?", lines, "take it over")):
                return
            await self.host.daemon.ask("ClaimPrompt", id=item["id"], force=True)
        self.say("claimed for 15 minutes; the same key renews it")
        self.after_hold()

    async def do_release(self) -> None:
        item = self.item() or {}
        await self.host.daemon.ask("ReleasePrompt", id=item["id"])
        self.say("it is free again")
        self.after_hold()

    async def do_assign(self) -> None:
        item = self.item() or {}

        async def send(text: str, entries: dict[str, str]) -> None:
            members: dict[str, Any] = {"to": entries["to"]} if entries["to"] else {}
            if entries["comment"]:
                members["comment"] = entries["comment"]
            await self.host.daemon.ask("AssignPrompt", id=item["id"], **members)

        told = [[Span("without a name it is meant again for whom the definition says", "dim")]]
        hints = {"to": "a name"}
        title = f"Who shall answer {clean(item.get('title') or item['state'])}?"
        entries = (("to", str(item.get("assignedTo") or "")), ("comment", ""))
        if await self.app.push_screen_wait(Fill(title, "assign", send, entries=entries, lines=told, hints=hints)):
            self.after_hold()

    async def do_later(self) -> None:
        """Put it off: for everybody it stands at the end of the list until then."""
        item, now = self.item() or {}, self.host.now()

        async def send(text: str, entries: dict[str, str]) -> None:
            until = entries["until"]
            members = {"until": moment_of(until, now.at, now.zone)} if until else {}
            await self.host.daemon.ask("PostponePrompt", id=item["id"], **members)

        told = [[Span("it can be answered all the same; without a time it is no longer put off", "dim")], []]
        title = f"Put off {clean(item.get('title') or item['state'])}"
        hints = {"until": "2h, 3d, 2026-01-31 or 2026-01-31T12:00"}
        if await self.app.push_screen_wait(
            Fill(title, "put off", send, entries=(("until", ""),), lines=told, hints=hints)
        ):
            self.after_hold()

    async def do_remark(self) -> None:
        item = self.item() or {}

        async def send(text: str, entries: dict[str, str]) -> None:
            await self.host.daemon.ask("CommentPrompt", id=item["id"], text=entries["remark"])

        title, entries, hints = "A remark that everybody sees", (("remark", ""),), {"remark": "what there is to say"}
        if await self.app.push_screen_wait(Fill(title, "say it", send, entries=entries, needs="remark", hints=hints)):
            self.after_hold()
