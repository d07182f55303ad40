"""What waits for a person on disk: open tasks with a short id, and who answered which prompt first."""

from __future__ import annotations

from dataclasses import dataclass

from sqlmodel import Session, col, delete, func, select

from flowd.store import schema
from flowd.store.executions import payload_texts
from flowd.store.reads import within


@dataclass(frozen=True)
class Open:
    """One open task that somebody may answer."""

    task: schema.Task
    execution: schema.Execution
    input: str
    due_ms: int | None


@dataclass(frozen=True)
class Answered:
    """One prompt that was answered."""

    answer: schema.PromptAnswer
    execution: schema.Execution


def open_tasks(session: Session, limit: int) -> list[Open]:
    """Open tasks that can be answered by hand: prompts first, then tokens, the oldest first. No more than fit into one
    answer: the others follow when these are done."""
    query = (
        select(schema.Task, schema.Execution)
        .join(schema.Execution, col(schema.Execution.id) == col(schema.Task.execution_id))
        .where(col(schema.Task.short).is_not(None))
        .order_by(col(schema.Task.prompt).is_(None), col(schema.Task.id))
        .limit(limit)
    )
    return within(_with_texts(session, list(session.exec(query).all())), lambda each: len(each.input))


def open_task(session: Session, short: str) -> Open | None:
    """The open task with this short id."""
    query = (
        select(schema.Task, schema.Execution)
        .join(schema.Execution, col(schema.Execution.id) == col(schema.Task.execution_id))
        .where(schema.Task.short == short)
    )
    found = _with_texts(session, list(session.exec(query).all()))
    return found[0] if found else None


def _with_texts(session: Session, rows: list[tuple[schema.Task, schema.Execution]]) -> list[Open]:
    texts = payload_texts(session, [task.parameters_id for task, _ in rows])
    found = []
    for task, execution in rows:
        due = session.exec(
            select(func.min(schema.Deadline.due_ms)).where(
                schema.Deadline.execution_id == task.execution_id,
                schema.Deadline.frame == task.frame,
                schema.Deadline.attempt == task.attempt,
            )
        ).one()
        found.append(Open(task, execution, texts.get(task.parameters_id, "{}"), due))
    return found


def count_open(session: Session) -> int:
    """How many prompts are open."""
    return int(session.exec(select(func.count()).where(col(schema.Task.prompt).is_not(None))).one())


def answers(session: Session, limit: int) -> list[Answered]:
    """The latest answers, newest first. One whose task is still open was never carried out and does not count."""
    query = (
        select(schema.PromptAnswer, schema.Execution)
        .join(schema.Execution, col(schema.Execution.id) == col(schema.PromptAnswer.execution_id))
        .where(
            col(schema.PromptAnswer.short).not_in(select(schema.Task.short).where(col(schema.Task.short).is_not(None)))
        )
        .order_by(col(schema.PromptAnswer.id).desc())
        .limit(limit)
    )
    return [Answered(answer, execution) for answer, execution in session.exec(query).all()]


def answer_of(session: Session, short: str) -> schema.PromptAnswer | None:
    """Who answered this prompt."""
    return session.exec(select(schema.PromptAnswer).where(schema.PromptAnswer.short == short)).first()


def claim(session: Session, answer: schema.PromptAnswer) -> None:
    """Write: this answer is about to be given. A claim that a crash left without effect is replaced."""
    session.exec(delete(schema.PromptAnswer).where(col(schema.PromptAnswer.short) == answer.short))
    session.add(answer)


def withdraw(session: Session, short: str) -> None:
    """Write: the answer came too late, it does not count."""
    session.exec(delete(schema.PromptAnswer).where(col(schema.PromptAnswer.short) == short))
