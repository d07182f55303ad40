"""What people have arranged about prompts, on disk: claims, assignments, comments, drafts, reminders."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlmodel import Session, col, delete, func, select

from flowd.store import schema
from flowd.store.database import raw
from flowd.store.schema_operators import PromptComment, PromptDraft, PromptHold


def of(session: Session, shorts: Sequence[str]) -> dict[str, PromptHold]:
    """Claims and assignments by prompt."""
    rows = session.exec(select(PromptHold).where(col(PromptHold.short).in_(shorts))).all()
    return {row.short: row for row in rows}


def comments(session: Session, short: str) -> list[PromptComment]:
    """The remarks about a prompt, oldest first."""
    return list(session.exec(select(PromptComment).where(PromptComment.short == short).order_by(col(PromptComment.id))))


def comment_counts(session: Session, shorts: Sequence[str]) -> dict[str, int]:
    """How many remarks there are by prompt."""
    query = select(PromptComment.short, func.count()).where(col(PromptComment.short).in_(shorts))
    return {short: int(number) for short, number in session.exec(query.group_by(PromptComment.short)).all()}


def draft(session: Session, short: str, who: str) -> PromptDraft | None:
    """What this person has typed and not sent."""
    return session.exec(select(PromptDraft).where(PromptDraft.short == short, PromptDraft.who == who)).first()


def reminders(session: Session) -> list[tuple[schema.Task, PromptHold | None]]:
    """Open prompts with their holds, to see which of them are to be brought up again."""
    query = (
        select(schema.Task, PromptHold)
        .join(PromptHold, col(PromptHold.short) == col(schema.Task.short), isouter=True)
        .where(col(schema.Task.prompt).is_not(None), col(schema.Task.short).is_not(None))
    )
    return [(task, hold) for task, hold in session.exec(query).all()]


# -- writes --------------------------------------------------------------------


FREE: dict[str, Any] = {"claimed_by": None, "claimed_until_ms": 0}


def change(
    session: Session, short: str, execution_id: int, values: dict[str, Any], leaving: str | None = None, now_ms: int = 0
) -> PromptHold:
    """Write: some columns of a prompt's hold, which is made if it is new; a claim of `leaving` ends with that.

    Returns how it is then: the row itself may be changed once more by another write of the same transaction.
    """
    row = of(session, [short]).get(short) or PromptHold(short=short, execution_id=execution_id)
    row.sqlmodel_update({**values, **(FREE if leaving is not None and holder(row, now_ms) == leaving else {})})
    session.add(row)
    session.flush()
    return PromptHold(**row.model_dump())


def claim(
    session: Session, short: str, execution_id: int, who: str, until_ms: int, now_ms: int, force: bool
) -> tuple[PromptHold, str | None]:
    """Write: `who` works on it until then, unless somebody else does; the hold as it is now, and who had it before."""
    row = of(session, [short]).get(short)
    before = holder(row, now_ms)
    if row is not None and not force and before not in (None, who):
        return PromptHold(**row.model_dump()), before
    return change(session, short, execution_id, {"claimed_by": who, "claimed_until_ms": until_ms}), before


def release(session: Session, short: str, who: str, now_ms: int) -> bool:
    """Write: `who` works on it no longer; False if it was not theirs."""
    row = of(session, [short]).get(short)
    if row is None or holder(row, now_ms) != who:
        return False
    change(session, short, row.execution_id, FREE)
    return True


def holder(row: PromptHold | None, now_ms: int) -> str | None:
    """Who works on it; a lease that has run out is none."""
    return row.claimed_by if row is not None and row.claimed_until_ms > now_ms else None


def comment(session: Session, row: PromptComment) -> None:
    """Write: one remark."""
    session.add(row)


def keep_draft(session: Session, row: PromptDraft | None, short: str, who: str) -> None:
    """Write: this is the person's draft now; None: there is none."""
    session.exec(delete(PromptDraft).where(col(PromptDraft.short) == short, col(PromptDraft.who) == who))
    if row is not None:
        session.add(row)


def forget(session: Session, short: str) -> None:
    """Write: the prompt is answered: nobody holds it, and no draft of it is left. Comments stay."""
    session.exec(delete(PromptDraft).where(col(PromptDraft.short) == short))
    session.exec(delete(PromptHold).where(col(PromptHold.short) == short))


def forget_closed(session: Session) -> None:
    """Write: holds and drafts of prompts that are over (answered by a program, timed out, stopped)."""
    for table in ("prompt_hold", "prompt_draft"):
        raw(session).execute(f"DELETE FROM {table} WHERE short NOT IN (SELECT short FROM task WHERE short IS NOT NULL)")


def remind(session: Session, task: schema.Task, values: dict[str, Any], hooks: Iterable[schema.Hook]) -> None:
    """Write: it was brought up again, with the notices of that."""
    change(session, task.short or "", task.execution_id, values)
    session.add_all(list(hooks))
