"""Pages of SWF's lists: 0 and absent mean 1000, a token goes with the request it was made for, and a bad one has its
own words."""

from __future__ import annotations

from typing import Any

from flowd.api.services import Services
from flowd.api.wire.answers import Body, present
from flowd.api.wire.pages import Position
from flowd.errors import InvalidToken, ValidationException

LARGEST = 1000


def size(request: Any) -> int:
    """How many results a page has."""
    return int(request.maximumPageSize or LARGEST)


def position(do: Services, key: str, token: str | None) -> Position | None:
    """Where a page begins; None at the beginning."""
    try:
        return do.pages.position(key, token)
    except InvalidToken:
        raise ValidationException("Invalid token") from None


def page(do: Services, request: Any, key: str, member: str, items: list[Body]) -> Body:
    """A page of a list that is at hand as a whole. `reverseOrder` turns all of it round before it is paged."""
    reverse = bool(request.reverseOrder)
    key = f"{key} {reverse}"
    if reverse:
        items = items[::-1]
    first = position(do, key, request.nextPageToken)
    start = first if isinstance(first, int) else 0
    end = start + size(request)
    token = do.pages.token(key, end) if len(items) > end else None
    return present(**{member: items[start:end]}, nextPageToken=token)
