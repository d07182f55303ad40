"""Asking people: an activity whose worker is a person. Its input carries a `Prompt`, its name is the queue (a team)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Generic, TypeVar, overload

import msgspec

from flowd.sdk import data
from flowd.sdk.activities import Activity, attempt_once
from flowd.sdk.execution import current
from flowd.sdk.options import ActivityOptions, Seconds, seconds

T = TypeVar("T")
VERSION = "1"  # of every queue's activity type: queues are shared by files and their versions


class Prompt(msgspec.Struct, frozen=True, kw_only=True, rename="pascal", omit_defaults=True):
    """What a person is asked, as flowd's inbox shows it (docs/prompts.md)."""

    title: str
    message: str = ""
    schema: dict[str, Any] | None = None
    choices: list[Any] | None = None
    assignees: list[str] | None = None
    groups: list[str] | None = None
    reminder: int | None = None


class Queue(Generic[T]):
    """A team that answers: `reviewers = Queue("reviewers", Decision)` at the top of the file; answers are Decisions."""

    remote = True

    @overload
    def __init__(self: Queue[Any], name: str) -> None: ...
    @overload
    def __init__(self, name: str, answer: type[T]) -> None: ...
    def __init__(self, name: str, answer: Any = Any) -> None:
        self.name = name
        self.version = VERSION
        self.answer = answer

    async def ask(
        self,
        title: str,
        message: str = "",
        *,
        choices: list[Any] | None = None,
        assignees: list[str] | None = None,
        groups: list[str] | None = None,
        reminder: Seconds | None = None,
        timeout: Seconds | None = None,
        context: object = None,
    ) -> T:
        """Ask, and wait for the answer, for months if need be; ActivityTimedOut after `timeout`. `context` is shown."""
        prompt = Prompt(
            title=title,
            message=message,
            schema=None if self.answer is Any else data.schema(self.answer),
            choices=choices,
            assignees=assignees,
            groups=groups,
            reminder=None if reminder is None else int(seconds(reminder)),
        )
        shown = {"Prompt": prompt} | ({} if context is None else {"Context": context})
        answered = Activity(_asked, self.name, VERSION, remote=True, options=_options(self.name, timeout))
        text = data.encode(shown, f"the prompt {title!r}")
        given = await attempt_once(current(), answered, text)
        answer: T = data.decode(data.encode(given, "the answer"), self.answer, f"the answer to {title!r}")
        return answer


def _asked(prompt: Any) -> Any:
    """What a person does."""
    raise NotImplementedError


def _options(queue: str, timeout: Seconds | None) -> ActivityOptions:
    # A person sends no heartbeats: the longest there is stands for none.
    return ActivityOptions(start_to_close=timeout, heartbeat=timedelta(days=365), task_list=queue)
