"""Signed links by which somebody may decide one prompt until a point in time. Pure: a key, text and time in, text out.

A link carries what may be chosen, so that nobody can choose anything else; it names the prompt, never its token.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Any, Final

import msgspec

PREFIX: Final = "/decide/"
LONGEST_S: Final = 365 * 86_400
DEFAULT_S: Final = 7 * 86_400
_MOST_CHOICES: Final = 12


class Choice(msgspec.Struct, frozen=True, omit_defaults=True):
    """One button: an output that completes the task, or an error that fails it."""

    label: str
    output: Any = None
    error: str | None = None
    cause: str | None = None


class Link(msgspec.Struct, frozen=True, array_like=True):
    """What is signed."""

    prompt: str
    expires_s: int
    choices: tuple[Choice, ...] = ()


class BadLink(Exception):
    """The link is none of ours, was changed, or its time is over."""


APPROVE: Final = (Choice("Approve", {"approved": True}), Choice("Reject", {"approved": False}))

_DECIDE: Final = tuple(Choice(word.title(), {"decision": word}) for word in ("approve", "reject"))

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Link).decode


def signing_key(secret: str) -> bytes:
    """The key of this daemon's links: made of its credentials, so that new credentials end all links."""
    return hmac.digest(secret.encode(), b"flowd decision links", hashlib.sha256)


def sign(link: Link, key: bytes) -> str:
    """The path of a link. Raises ValueError for choices that cannot be."""
    if len(link.choices) > _MOST_CHOICES:
        raise ValueError(f"a link has at most {_MOST_CHOICES} choices")
    text = _encode(link)
    return f"{PREFIX}{_text(text)}.{_text(hmac.digest(key, text, hashlib.sha256))}"


def verify(path: str, key: bytes, now_ms: int) -> Link:
    """What the link says; raises BadLink."""
    body, _, signature = path.removeprefix(PREFIX).partition(".")
    try:
        text, given = _bytes(body), _bytes(signature)
    except (binascii.Error, ValueError):
        raise BadLink("This link is not valid.") from None
    if not hmac.compare_digest(given, hmac.digest(key, text, hashlib.sha256)):
        raise BadLink("This link is not valid.")
    link = _decode(text)
    if link.expires_s * 1000 <= now_ms:
        raise BadLink("The time of this link is over.")
    return link


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def choices_for(asked: dict[str, Any]) -> tuple[Choice, ...]:
    """What can be chosen if the link does not say: the prompt's choices, else yes or no. `asked` is as listed."""
    schema = asked.get("schema")
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if isinstance(properties, dict) and "approved" in properties:
        return APPROVE
    given = asked.get("choices")
    if isinstance(given, list) and given:
        return tuple(Choice(label, {"decision": value}) for label, value in map(_choice, given))[:_MOST_CHOICES]
    return APPROVE if asked.get("kind") == "token" else _DECIDE


def _choice(given: Any) -> tuple[str, Any]:
    """A plain value, or an object with `label` and `value`."""
    if isinstance(given, dict):
        value = given.get("value", given.get("label"))
        return str(given.get("label", value)), value
    return str(given), given
