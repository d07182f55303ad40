"""Answers to tasks by token over HTTP: whoever has the token may answer, as with SendTaskSuccess and its kin.

POST /callback/TOKEN             the body is the task's output
POST /callback/TOKEN/failure     {"error": ..., "cause": ...}
POST /callback/TOKEN/heartbeat
"""

from __future__ import annotations

from typing import Any, Final

from flowd.api.front.aside import if_long
from flowd.api.front.requests import Problem, Reply, Request, json_reply
from flowd.api.front.work import STATES, Operate
from flowd.payload import Payload

PREFIX: Final = "/callback/"
_VERBS: Final = {"": "SendTaskSuccess", "failure": "SendTaskFailure", "heartbeat": "SendTaskHeartbeat"}


async def answer(request: Request, operate: Operate, who: str) -> Reply:
    """Take the answer. Raises Problem, ApiError."""
    token, _, verb = request.path.removeprefix(PREFIX).rstrip("/").partition("/")
    if verb not in _VERBS or not token:
        raise Problem(404, "Not Found")
    if request.method != "POST":
        raise Problem(405, "Method Not Allowed", reason="a callback is a POST")
    await operate(
        f"{STATES}.{_VERBS[verb]}",
        {"taskToken": token, **(await if_long(len(request.body), _members, request, verb))},
        who,
    )
    return json_reply(200, {})


def _members(request: Request, verb: str) -> dict[str, Any]:
    value = request.json()
    if verb == "":
        return {"output": Payload.of(value).text}
    if verb == "heartbeat":
        return {}
    if not isinstance(value, dict) or not set(value) <= {"error", "cause"}:
        raise Problem(400, 'The body of a failure is {"error": ..., "cause": ...}')
    for name, text in value.items():
        if not isinstance(text, str):
            raise Problem(400, f"{name} must be text")
    return value
