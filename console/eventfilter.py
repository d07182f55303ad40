"""The filter of a list of events: a regular expression, `!` in front turns it round. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from console.client import Item
from console.journal import details_of

Wanted = Callable[[Item], bool]


def wanted(text: str) -> tuple[Wanted | None, str]:
    """The filter and ""; or None and what is wrong. An empty text lets all through."""
    pattern, other = text.strip(), False
    if pattern.startswith("!"):
        pattern, other = pattern[1:].strip(), True
    if not pattern:
        return (lambda _: True), ""
    try:
        found = re.compile(pattern, re.IGNORECASE)
    except re.error as error:
        return None, f"{pattern}: {error}"
    return (lambda event: bool(found.search(text_of(event))) is not other), ""


def text_of(event: Item) -> str:
    """What is searched: the type, the state, and the details as JSON text."""
    details = details_of(event)
    return f"{event['type']} {event.get('state', '')} {json.dumps(details, ensure_ascii=False, default=str)}"
