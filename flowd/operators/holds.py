"""Who works on which prompt: claims that run out, assignments, comments, drafts. None of it decides who may answer but
a claim, which makes the others ask first: two people must not do the same work.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from flowd.clock import Clock
from flowd.errors import ConflictException, ResourceNotFound, ValidationException
from flowd.operators.audit import Audit
from flowd.store import holds, prompts, schema
from flowd.store.database import Database
from flowd.store.schema_operators import PromptComment, PromptDraft, PromptHold

LEASE_MS = 15 * 60_000
LONGEST_MS = 366 * 86_400_000
LONGEST_COMMENT = 4000
LONGEST_DRAFT = 262_144


@dataclass(frozen=True)
class About:
    """What people have said and arranged about one prompt."""

    hold: PromptHold | None
    comments: list[PromptComment]
    draft: PromptDraft | None


class Holds:
    """What people arrange among themselves."""

    def __init__(self, db: Database, audit: Audit, clock: Clock) -> None:
        self._db = db
        self._audit = audit
        self._clock = clock

    async def about(self, short: str, who: str) -> About:
        """Everything about a prompt, open or closed; the draft is that of `who`."""
        known = (await self._db.read(partial(holds.of, shorts=[short]))).get(short)
        comments = await self._db.read(partial(holds.comments, short=short))
        return About(known, comments, await self._db.read(partial(holds.draft, short=short, who=who)))

    async def claim(self, short: str, who: str, force: bool = False) -> PromptHold:
        """Work on it for the next quarter of an hour; again renews that. `force` takes it from somebody else."""
        task = await self._open(short)
        now_ms = self._clock.now_ms()
        claim = partial(
            holds.claim,
            short=short,
            execution_id=task.execution_id,
            who=who,
            until_ms=now_ms + LEASE_MS,
            now_ms=now_ms,
            force=force,
        )
        hold, before = await self._db.write(claim)
        if hold.claimed_by != who:
            first = hold.claimed_by
            raise ConflictException(f"'{short}' is claimed by {first}; it can be taken over (force)", by=first)
        if before != who:
            taken = f"taken over from {before}" if before else None
            await self._audit.note(who, "ClaimPrompt", short, taken)
        return hold

    async def release(self, short: str, who: str) -> None:
        """Work on it no longer; a claim of somebody else stays."""
        await self._open(short)
        if await self._db.write(partial(holds.release, short=short, who=who, now_ms=self._clock.now_ms())):
            await self._audit.note(who, "ReleasePrompt", short)

    async def assign(self, short: str, to: str | None, comment: str | None, who: str) -> PromptHold:
        """It is meant for somebody else now (None: for whom the definition says). Whoever delegates has no claim."""
        task = await self._open(short)
        values: dict[str, Any] = {"assigned_to": to or None, "assigned_by": who if to else None}
        leaving = None if to == who else who
        hold = await self._db.write(self._change(task, values, leaving))
        await self._audit.note(who, "AssignPrompt", short, to or "nobody in particular")
        if comment:
            await self.comment(short, comment, who)
        return hold

    async def postpone(self, short: str, until_ms: int | None, who: str) -> PromptHold:
        """Put off until then, at the end of the list (None: no longer). Whoever puts it off has no claim."""
        now_ms = self._clock.now_ms()
        if until_ms is not None and not now_ms < until_ms <= now_ms + LONGEST_MS:
            raise ValidationException("it can be put off until a time to come, a year at most")
        task = await self._open(short)
        hold = await self._db.write(self._change(task, {"later_ms": until_ms or 0}, who))
        at = datetime.fromtimestamp(until_ms / 1000, UTC).isoformat(timespec="seconds") if until_ms else "no longer"
        await self._audit.note(who, "PostponePrompt", short, at)
        return hold

    async def comment(self, short: str, text: str, who: str) -> None:
        """A remark that everybody sees."""
        text = text.strip()
        if not 0 < len(text) <= LONGEST_COMMENT:
            raise ValidationException(f"a comment has 1 to {LONGEST_COMMENT} characters")
        task = await self._open(short)
        row = PromptComment(short=short, execution_id=task.execution_id, who=who, at_ms=self._clock.now_ms(), text=text)
        await self._db.write(partial(holds.comment, row=row))

    async def keep_draft(self, short: str, body: str | None, who: str) -> None:
        """What this person has typed so far; None throws it away."""
        if body is not None and len(body) > LONGEST_DRAFT:
            raise ValidationException(f"a draft has at most {LONGEST_DRAFT} characters")
        task = await self._open(short)
        row = body and PromptDraft(
            short=short, execution_id=task.execution_id, who=who, body=body, at_ms=self._clock.now_ms()
        )
        await self._db.write(partial(holds.keep_draft, row=row or None, short=short, who=who))

    async def refuse_others(self, short: str, who: str) -> None:
        """ConflictException if somebody else works on it."""
        first = holds.holder(await self._hold(short), self._clock.now_ms())
        if first not in (None, who):
            raise ConflictException(
                f"'{short}' is claimed by {first}; ask them, or take it over (claim with force)", by=first
            )

    def _change(self, task: schema.Task, values: dict[str, Any], leaving: str | None) -> Callable[..., PromptHold]:
        """The write of some columns; who is leaving is looked up in it, for others may take it over meanwhile."""
        return partial(
            holds.change,
            short=task.short or "",
            execution_id=task.execution_id,
            values=values,
            leaving=leaving,
            now_ms=self._clock.now_ms(),
        )

    async def _hold(self, short: str) -> PromptHold | None:
        return (await self._db.read(partial(holds.of, shorts=[short]))).get(short)

    async def _open(self, short: str) -> schema.Task:
        found = await self._db.read(partial(prompts.open_task, short=short))
        if found is None:
            raise ResourceNotFound(f"there is no open prompt '{short}': it is over, or never was")
        return found.task
