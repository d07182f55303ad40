"""flowd's own operations on prompts (docs/api.md): the inbox and its answers. Task tokens never appear here."""

from __future__ import annotations

from typing import Any

import msgspec

from flowd.api.services import Services
from flowd.api.wire.answers import Body, date, present
from flowd.api.wire.caller import Caller
from flowd.operators.prompts import Given
from flowd.payload import loads
from flowd.store import prompts, schema


class Listing(msgspec.Struct, kw_only=True):
    closed: bool | None = None


class Answer(msgspec.Struct, kw_only=True):
    id: str
    output: str
    comment: str | None = None


class Failure(msgspec.Struct, kw_only=True):
    id: str
    error: str
    cause: str | None = None


async def list_prompts(do: Services, request: Listing, caller: Caller) -> Body:
    if request.closed:
        return {"prompts": [_answered(each) for each in await do.prompts.closed()]}
    return {"prompts": [_open(each) for each in await do.prompts.open()]}


async def answer_prompt(do: Services, request: Answer, caller: Caller) -> Body:
    return _given(await do.prompts.answer(request.id, request.output, request.comment, caller.who))


async def fail_prompt(do: Services, request: Failure, caller: Caller) -> Body:
    return _given(await do.prompts.fail(request.id, request.error, request.cause, caller.who))


def _given(given: Given) -> Body:
    return {"id": given.short, "by": given.by, "at": date(given.at_ms), "repeated": given.repeated}


def _open(each: prompts.Open) -> Body:
    task = each.task
    return present(
        id=task.short,
        kind="prompt" if task.prompt is not None else "token",
        queue=task.activity or task.service,
        **_asked(task.prompt, task.state, task.scheduled_ms),
        input=each.input,
        **_of(each.execution),
        state=task.state,
        askedAt=date(task.scheduled_ms),
        dueAt=date(each.due_ms) if each.due_ms is not None else None,
    )


def _answered(each: prompts.Answered) -> Body:
    answer = each.answer
    return present(
        id=answer.short,
        kind="prompt" if answer.prompt is not None else "token",
        queue=answer.queue,
        **_asked(answer.prompt, answer.state, answer.asked_ms),
        input="",
        **_of(each.execution),
        state=answer.state,
        askedAt=date(answer.asked_ms),
        answer=present(output=answer.output, error=answer.error, by=answer.answered_by, at=date(answer.answered_ms)),
    )


def _of(row: schema.Execution) -> Body:
    return {"executionArn": row.arn, "executionName": row.name, "stateMachineName": row.machine_name}


def _asked(prompt: str | None, state: str, asked_ms: int) -> Body:
    """The members of a Prompt object; one that is not as it should be is shown as far as it goes."""
    asked: dict[str, Any] = loads(prompt) if prompt is not None else {}
    reminder = asked.get("Reminder")
    seconds = reminder if isinstance(reminder, int | float) and not isinstance(reminder, bool) else None
    title, message = asked.get("Title"), asked.get("Message")
    return present(
        title=title if isinstance(title, str) and title else state,
        message=message if isinstance(message, str) else None,
        schema=asked["Schema"] if isinstance(asked.get("Schema"), dict) else None,
        choices=asked["Choices"] if isinstance(asked.get("Choices"), list) else None,
        assignees=_names(asked.get("Assignees")),
        reminderAt=asked_ms / 1000 + seconds if seconds is not None else None,
    )


def _names(assignees: Any) -> list[str] | None:
    if isinstance(assignees, str):
        return [assignees]
    return [name for name in assignees if isinstance(name, str)] if isinstance(assignees, list) else None


OPERATIONS: dict[str, tuple[type, Any]] = {
    "ListPrompts": (Listing, list_prompts),
    "AnswerPrompt": (Answer, answer_prompt),
    "FailPrompt": (Failure, fail_prompt),
}
