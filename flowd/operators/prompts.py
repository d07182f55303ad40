"""The inbox: what waits for a person, and the answers. A wrong answer never consumes a task's token.

The first answer is claimed on disk before the task is told, so that who answered survives a crash between the two; the
same answer again is fine, another one is a conflict that names who was first.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import Any

import jsonschema
from jsonschema.protocols import Validator
from referencing import Registry
from referencing.exceptions import Unresolvable

from flowd import questions, schemas
from flowd.clock import Clock
from flowd.engine.tasks import Tasks
from flowd.errors import ConflictException, InvalidToken, ResourceNotFound, TaskTimedOut, ValidationException
from flowd.operators.audit import Audit
from flowd.operators.holds import Holds
from flowd.payload import InvalidJson, Payload, loads
from flowd.store import prompts, schema
from flowd.store.database import Database
from flowd.store.holds import forget

LISTED = 1000
FAULTS = 20  # told of one answer


@dataclass(frozen=True)
class Given:
    """An answer that stands."""

    short: str
    by: str
    at_ms: int
    repeated: bool


class Prompts:
    """What waits for people in this daemon."""

    def __init__(self, db: Database, tasks: Tasks, audit: Audit, clock: Clock, holds: Holds) -> None:
        self._db = db
        self._tasks = tasks
        self._audit = audit
        self._clock = clock
        self._holds = holds
        self._answering: dict[str, asyncio.Lock] = {}

    async def open(self) -> list[prompts.Open]:
        """Open prompts and tokens: what is due first comes first, then the oldest."""
        found = await self._db.read(partial(prompts.open_tasks, limit=LISTED))
        return sorted(found, key=lambda each: (each.due_ms or 1 << 62, each.task.scheduled_ms))

    async def closed(self) -> list[prompts.Answered]:
        """The latest answers, newest first."""
        return await self._db.read(partial(prompts.answers, limit=LISTED))

    async def answer(self, short: str, output: str, comment: str | None, who: str) -> Given:
        """Complete the task with `output` (JSON text). Raises ValidationException with `errors` if it does not fit."""
        try:
            payload = Payload.parse(output)
        except InvalidJson as error:
            raise ValidationException(f"The answer is not JSON: {error}") from None
        given = schema.PromptAnswer(output=payload.text, comment=comment, **self._facts(short, who))
        return await self._give(given)

    async def fail(self, short: str, error: str, cause: str | None, who: str) -> Given:
        """Fail the task with an error name of the person's choice."""
        return await self._give(schema.PromptAnswer(error=error, cause=cause, **self._facts(short, who)))

    def _facts(self, short: str, who: str) -> dict[str, Any]:
        at_ms = self._clock.now_ms()
        return {"short": short, "answered_by": who, "answered_ms": at_ms, "execution_id": 0, "state": "", "queue": ""}

    async def _give(self, given: schema.PromptAnswer) -> Given:
        lock = self._answering.setdefault(given.short, asyncio.Lock())
        try:
            async with lock:
                return await self._give_alone(given)
        finally:
            if not lock.locked():
                self._answering.pop(given.short, None)

    async def _give_alone(self, given: schema.PromptAnswer) -> Given:
        found = await self._db.read(partial(prompts.open_task, short=given.short))
        if found is None:
            return await self._too_late(given)
        task = found.task
        await self._holds.refuse_others(given.short, given.answered_by)
        if given.output is not None and task.prompt is not None:
            await asyncio.to_thread(check, given.output, task.prompt)
        given.execution_id, given.state = task.execution_id, task.state
        given.queue, given.prompt, given.asked_ms = task.activity or "", task.prompt, task.scheduled_ms
        facts = (given.short, given.answered_by, given.answered_ms)
        detail = given.output if given.output is not None else given.error
        target = f"{found.execution.arn} {task.state}"
        await self._db.write(partial(prompts.claim, answer=given))
        try:
            if given.output is not None:
                await self._tasks.succeed(task.token or "", Payload(text=given.output))
            else:
                await self._tasks.fail(task.token or "", given.error, given.cause)
        except (TaskTimedOut, InvalidToken):
            await self._db.write(partial(prompts.withdraw, short=facts[0]))
            raise ResourceNotFound(f"'{facts[0]}' is over: it timed out or its execution ended") from None
        verb = "AnswerPrompt" if given.output is not None else "FailPrompt"
        await self._db.write(partial(forget, short=facts[0]))
        await self._audit.note(facts[1], verb, target, _noted(detail, given.comment))
        return Given(*facts, repeated=False)

    async def _too_late(self, given: schema.PromptAnswer) -> Given:
        """The task is over: it was answered before, or it never was."""
        first = await self._db.read(partial(prompts.answer_of, short=given.short))
        if first is None:
            raise ResourceNotFound(
                f"there is no open prompt '{given.short}': it was answered by a program, timed out, or never was"
            )
        if _canonical(first) != _canonical(given):
            raise ConflictException(
                f"'{given.short}' was answered by {first.answered_by} before, with another answer",
                by=first.answered_by,
                at=first.answered_ms / 1000,
            )
        return Given(given.short, first.answered_by, first.answered_ms, repeated=True)


def _canonical(answer: schema.PromptAnswer) -> Any:
    """What makes two answers the same: the value, not how it is written."""
    return loads(answer.output) if answer.output is not None else (answer.error, answer.cause or None)


def _noted(detail: str | None, comment: str | None) -> str:
    return f"{detail} ({comment})" if comment else detail or ""


# -- does an answer fit? ----------------------------------------------------------


def check(output: str, prompt: str) -> None:
    """Raise ValidationException with `errors` [{path, message}] if an answer does not fit Schema and Choices.

    A schema may refer to its own parts only: nothing is fetched.
    """
    wanted = questions.wanted(loads(prompt))
    value = loads(output)
    try:
        faults = sorted(schemas.faults(_validator(wanted), value), key=lambda fault: [str(step) for step in fault.path])
    except Unresolvable as error:
        raise _unusable(f"it refers to {error}") from None
    except schemas.TooLong as error:
        raise ValidationException(f"The answer does not fit its schema: {error}") from None
    except (RecursionError, TypeError, ValueError) as error:
        raise _unusable(str(error)) from None
    if faults:
        errors = [
            {"path": path_of(list(fault.absolute_path)), "message": fault.message[:500]} for fault in faults[:FAULTS]
        ]
        told = "; ".join(f"{each['path'] or '/'}: {each['message']}" for each in errors)
        raise ValidationException(f"The answer does not fit its schema: {told}", errors=errors)


def _validator(wanted: Any) -> Validator:
    kind = jsonschema.validators.validator_for(wanted, default=jsonschema.Draft202012Validator)
    try:
        kind.check_schema(wanted)
    except jsonschema.SchemaError as error:
        raise _unusable(error.message) from None
    made: Validator = schemas.bounded(kind)(wanted, registry=Registry(), format_checker=kind.FORMAT_CHECKER)
    return made


def _unusable(why: str) -> ValidationException:
    return ValidationException(
        f"The prompt's own Schema cannot be used: {why}. Mend it in the definition, and end this task with FailPrompt "
        "or SendTaskSuccess"
    )


def path_of(steps: list[str | int]) -> str:
    """A JSON pointer."""
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in steps)
