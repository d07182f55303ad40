"""flowd's own operation CreateLink: a signed link by which somebody may decide one prompt (docs/http.md)."""

from __future__ import annotations

from typing import Any

import msgspec

from flowd.api.front import links
from flowd.api.services import Services
from flowd.api.wire.answers import Body, date
from flowd.api.wire.caller import Caller
from flowd.errors import ResourceNotFound, ValidationException


class CreateLink(msgspec.Struct, kw_only=True):
    """The prompt by its id, or any task by its token."""

    promptId: str | None = None  # names of the wire
    taskToken: str | None = None
    expiresInSeconds: int = links.DEFAULT_S
    choices: tuple[links.Choice, ...] = ()


async def create_link(do: Services, request: CreateLink, caller: Caller) -> Body:
    if not do.config.http.approvals or not do.config.http.base_url:
        raise ValidationException("Links are off: set approvals = true and listen in the section [http] of flowd.toml")
    if (request.promptId is None) == (request.taskToken is None):
        raise ValidationException("CreateLink takes promptId or taskToken, and only one of them")
    if not 1 <= request.expiresInSeconds <= links.LONGEST_S:
        raise ValidationException(f"expiresInSeconds must be from 1 to {links.LONGEST_S}")
    prompt = await _prompt(do, request)
    expires_s = do.clock.now_ms() // 1000 + request.expiresInSeconds
    try:
        path = links.sign(links.Link(prompt, expires_s, request.choices), links.signing_key(do.link_secret))
    except ValueError as error:
        raise ValidationException(str(error)) from None
    await do.audit.note(caller.who, "CreateLink", prompt, None)
    return {"url": f"{do.config.http.base_url}{path}", "expiresAt": date(expires_s * 1000)}


async def _prompt(do: Services, request: CreateLink) -> str:
    if request.taskToken is not None:
        task = await do.core.tasks.find(request.taskToken)
        if task.short is None:
            raise ResourceNotFound("this task cannot be answered by hand")
        return task.short
    assert request.promptId is not None
    if not any(each.task.short == request.promptId for each in await do.prompts.open()):
        raise ResourceNotFound(f"there is no open prompt '{request.promptId}'")
    return request.promptId


OPERATIONS: dict[str, tuple[type, Any]] = {"CreateLink": (CreateLink, create_link)}
