"""Tags of machines and activities: AWS's rules for keys, values and number. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from flowd.errors import TooManyTags, ValidationException
from flowd.payload import dumps, loads

MOST = 50
_TEXT = re.compile(r"[\w\s.:/=+\-@]*")


def read(text: str) -> dict[str, str]:
    """Tags as the store has them."""
    tags: dict[str, str] = loads(text)
    return tags


def write(tags: Mapping[str, str]) -> str:
    return dumps(dict(tags))


def add(known: Mapping[str, str], new: Iterable[tuple[str, str]], resource: str) -> dict[str, str]:
    """The tags after these were added; raises TooManyTags, or ValidationException for a key or value AWS refuses."""
    tags = dict(known)
    for key, value in new:
        for text in (key, value):
            if not _TEXT.fullmatch(text):
                raise ValidationException(f"Tag '{text[:128]}' has characters other than letters, digits and _.:/=+-@")
        if key.lower().startswith("aws:"):
            raise ValidationException(f"Tag keys that begin with aws: are AWS's own: '{key}'")
        tags[key] = value
    if len(tags) > MOST:
        raise TooManyTags(f"Too many tags: at most {MOST} per resource", resourceName=resource)
    return tags
