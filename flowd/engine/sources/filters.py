"""FilterCriteria of event source mappings: which records a function is called with. Pure.

The grammar is that of EventBridge's patterns. Source: Lambda developer guide, "Control which events Lambda sends to
your function", and the page about filtering of each kind of source.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from flowd.services.events.patterns import compiled
from flowd.services.ports import ServiceError

MOST: Final = 10  # AWS: five, ten for those who ask


def wrong_in(service: str, filters: Sequence[str]) -> str:
    """What is wrong with the patterns of a source; "" = nothing."""
    if len(filters) > MOST:
        return f"there are {len(filters)} filters; a source has at most {MOST}"
    for number, text in enumerate(filters, 1):
        try:
            compiled(text)
        except ServiceError as error:
            return f"filter {number}: {error.message}"
        others = set(json.loads(text)) - {"body"}
        if service == "sqs" and others:
            return (
                f"filter {number}: of a queue's messages only `body` can be filtered, not {', '.join(sorted(others))}"
            )
    return ""


def wanted(record: dict[str, Any], filters: Sequence[str]) -> bool:
    """True if the record fits one of the patterns, or there are none.

    A queue's body that is JSON is looked into; one that is text fits patterns of texts only.
    """
    if not filters:
        return True
    body = record.get("body")
    event = record if body is None else {**record, "body": _parsed(body)}
    return any(compiled(text)(event) and _same_kind(text, event) for text in filters)


def _parsed(body: str) -> Any:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return body
    return found if isinstance(found, dict | list) else body


def _same_kind(text: str, event: dict[str, Any]) -> bool:
    """A pattern that looks into a body drops a body that has no inside."""
    return not isinstance(json.loads(text).get("body"), dict) or not isinstance(event.get("body"), str)
