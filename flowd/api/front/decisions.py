"""Decisions by link: who opens it sees the question, who presses a button decides. One link decides once."""

from __future__ import annotations

from typing import Any, Final

from flowd.api.front import pages
from flowd.api.front.links import BadLink, Choice, Link, choices_for, verify
from flowd.api.front.requests import Reply, Request
from flowd.api.front.work import Operate
from flowd.errors import ApiError, ConflictException, ResourceNotFound
from flowd.payload import dumps, loads

FLOWD: Final = "Flowd"
_GONE: Final = (
    "There is nothing to decide any more: the question was answered, its time was over, or its execution ended."
)


class Decisions:
    """The pages behind links."""

    def __init__(self, operate: Operate, key: bytes) -> None:
        self._operate = operate
        self._key = key

    async def answer(self, request: Request, who: str) -> Reply:
        try:
            link = verify(request.path, self._key, request.at_ms)
        except BadLink as error:
            return pages.note(403, "Not valid", str(error))
        if request.method not in ("GET", "HEAD", "POST"):
            return pages.note(405, "Not allowed", "A link is opened, or its form is sent.")
        asked = await self._asked(link, who)
        if asked is None:
            return pages.note(410, "Nothing to decide", _GONE)
        choices = link.choices or choices_for(asked)
        if request.method != "POST":
            return _question(asked, choices)
        form = request.form()
        chosen = form.get("choice", "")
        if not chosen.isdecimal() or int(chosen) >= len(choices):
            return _question(asked, choices, "Please choose.")
        return await self._decide(link, asked, choices, choices[int(chosen)], form.get("comment", "").strip(), who)

    async def _asked(self, link: Link, who: str) -> dict[str, Any] | None:
        """The open prompt, as ListPrompts shows it."""
        listed = await self._operate(f"{FLOWD}.ListPrompts", {}, who)
        return next((each for each in listed["prompts"] if each["id"] == link.prompt), None)

    async def _decide(
        self, link: Link, asked: dict[str, Any], choices: tuple[Choice, ...], choice: Choice, comment: str, who: str
    ) -> Reply:
        by = f"link {who.removeprefix('http ')}"
        try:
            if choice.error is not None:
                members = {"id": link.prompt, "error": choice.error, "cause": comment or choice.cause}
                await self._operate(f"{FLOWD}.FailPrompt", members, by)
            else:
                members = {"id": link.prompt, "output": dumps(choice.output), "comment": comment or None}
                await self._operate(f"{FLOWD}.AnswerPrompt", members, by)
        except ConflictException as error:
            return pages.note(409, "Decided before", error.message)
        except ResourceNotFound:
            return pages.note(410, "Nothing to decide", _GONE)
        except ApiError as error:
            return _question(asked, choices, error.message)
        return pages.note(200, "Thank you", f"“{choice.label}” has been noted.")


def _question(asked: dict[str, Any], choices: tuple[Choice, ...], fault: str = "") -> Reply:
    facts = {
        "State machine": asked["stateMachineName"],
        "Execution": asked["executionName"],
        "Asked for": _input(asked.get("input", "")),
    }
    return pages.question(asked["title"], asked.get("message") or "", facts, choices, fault)


def _input(text: str) -> str:
    """What the Task was given beside the question itself; never its token."""
    try:
        value = loads(text or "{}")
    except ValueError:
        return ""
    if not isinstance(value, dict):
        return ""
    plain = {name: each for name, each in value.items() if name != "Prompt" and isinstance(each, str | int | float)}
    return ", ".join(f"{name}: {each}" for name, each in plain.items() if not _is_token(each))[:1000]


def _is_token(value: Any) -> bool:
    return isinstance(value, str) and len(value) >= 48 and " " not in value
