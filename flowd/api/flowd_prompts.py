"""flowd's own operations on prompts (docs/api.md): the inbox and its answers. Task tokens never appear here."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import msgspec

from flowd.api import swf_render
from flowd.api.services import Services
from flowd.api.wire.answers import Body, date, present
from flowd.api.wire.caller import Caller, groups_of
from flowd.operators.prompts import Given
from flowd.payload import loads
from flowd.questions import names_of, reminder_of
from flowd.store import holds, prompts, schema
from flowd.store.schema_operators import PromptHold


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


class Claiming(msgspec.Struct, kw_only=True):
    id: str
    force: bool | None = None


class Naming(msgspec.Struct, kw_only=True):
    id: str


class Assigning(msgspec.Struct, kw_only=True):
    id: str
    to: str | None = None
    comment: str | None = None


class Postponing(msgspec.Struct, kw_only=True):
    """Without `until`: no longer put off."""

    id: str
    until: float | None = None


class Remark(msgspec.Struct, kw_only=True):
    id: str
    text: str


class Drafting(msgspec.Struct, kw_only=True):
    id: str
    body: str | None = None


async def list_prompts(do: Services, request: Listing, caller: Caller) -> Body:
    if request.closed:
        return {"prompts": [_answered(each) for each in await do.prompts.closed()]}
    found = await do.prompts.open()
    shorts = [each.task.short or "" for each in found]
    held = await do.core.db.read(partial(holds.of, shorts=shorts))
    remarks = await do.core.db.read(partial(holds.comment_counts, shorts=shorts))
    now_ms = do.clock.now_ms()
    listed = [
        {**_open(each), **_held(held.get(short), now_ms), **present(comments=remarks.get(short))}
        for each, short in zip(found, shorts, strict=True)
    ]
    await _say_whose(listed, caller)
    return {"prompts": listed}


async def _say_whose(listed: list[Body], caller: Caller) -> None:
    """Which of a prompt's groups the caller is in. Looked up only if there are any, and anew each time: whoever joins
    a group need not start anything again."""
    named = {name for each in listed for name in each.get("groups", ())}
    if caller.uid is None or not named:
        return
    mine = await asyncio.to_thread(groups_of, caller.uid, named)
    for each in listed:
        each |= present(yourGroups=[name for name in each.get("groups", ()) if name in mine] or None)


async def get_prompt(do: Services, request: Naming, caller: Caller) -> Body:
    """What was said and arranged about a prompt, and the caller's own draft of an answer."""
    about = await do.desk.holds.about(request.id, caller.who)
    draft = about.draft
    return present(
        id=request.id,
        **_held(about.hold, do.clock.now_ms()),
        comments=[{"by": each.who, "at": date(each.at_ms), "text": each.text} for each in about.comments],
        draft={"body": draft.body, "at": date(draft.at_ms)} if draft else None,
    )


async def claim_prompt(do: Services, request: Claiming, caller: Caller) -> Body:
    hold = await do.desk.holds.claim(request.id, caller.who, bool(request.force))
    do.tell("prompt", request.id)
    return {"id": request.id, **_held(hold, do.clock.now_ms())}


async def release_prompt(do: Services, request: Naming, caller: Caller) -> Body:
    await do.desk.holds.release(request.id, caller.who)
    do.tell("prompt", request.id)
    return {"id": request.id}


async def assign_prompt(do: Services, request: Assigning, caller: Caller) -> Body:
    hold = await do.desk.holds.assign(request.id, request.to, request.comment, caller.who)
    do.tell("prompt", request.id)
    return {"id": request.id, **_held(hold, do.clock.now_ms())}


async def postpone_prompt(do: Services, request: Postponing, caller: Caller) -> Body:
    until_ms = round(request.until * 1000) if request.until is not None else None
    hold = await do.desk.holds.postpone(request.id, until_ms, caller.who)
    do.tell("prompt", request.id)
    return {"id": request.id, **_held(hold, do.clock.now_ms())}


async def comment_prompt(do: Services, request: Remark, caller: Caller) -> Body:
    await do.desk.holds.comment(request.id, request.text, caller.who)
    do.tell("prompt", request.id)
    return {"id": request.id}


async def save_draft(do: Services, request: Drafting, caller: Caller) -> Body:
    """Without a body the draft is thrown away."""
    await do.desk.holds.keep_draft(request.id, request.body, caller.who)
    return {"id": request.id, "at": date(do.clock.now_ms())}


def _held(hold: PromptHold | None, now_ms: int) -> Body:
    if hold is None:
        return {}
    claimed = holds.holder(hold, now_ms)
    return present(
        claimedBy=claimed,
        claimedUntil=date(hold.claimed_until_ms) if claimed else None,
        assignedTo=hold.assigned_to,
        assignedBy=hold.assigned_by,
        laterUntil=date(hold.later_ms) if hold.later_ms > now_ms else None,
        reminded=hold.reminded or None,
    )


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
        queue=swf_render.queue(task.activity or task.service),
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
        queue=swf_render.queue(answer.queue),
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
    reminder = reminder_of(asked)
    title, message = asked.get("Title"), asked.get("Message")
    return present(
        title=title if isinstance(title, str) and title else state,
        message=message if isinstance(message, str) else None,
        schema=asked["Schema"] if isinstance(asked.get("Schema"), dict) else None,
        choices=asked["Choices"] if isinstance(asked.get("Choices"), list) else None,
        assignees=names_of(asked.get("Assignees")),
        groups=names_of(asked.get("Groups")),
        reminderAt=asked_ms / 1000 + reminder.seconds if reminder is not None else None,
    )


OPERATIONS: dict[str, tuple[type, Any]] = {
    "ListPrompts": (Listing, list_prompts),
    "AnswerPrompt": (Answer, answer_prompt),
    "FailPrompt": (Failure, fail_prompt),
    "GetPrompt": (Naming, get_prompt),
    "ClaimPrompt": (Claiming, claim_prompt),
    "ReleasePrompt": (Naming, release_prompt),
    "AssignPrompt": (Assigning, assign_prompt),
    "PostponePrompt": (Postponing, postpone_prompt),
    "CommentPrompt": (Remark, comment_prompt),
    "SaveDraft": (Drafting, save_draft),
}
