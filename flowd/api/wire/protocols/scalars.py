"""Simple values on the wire: time stamps in their three forms, blobs, numbers and truth as text."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import formatdate, parsedate_to_datetime
from typing import Any, Final

from botocore.model import Shape

from flowd.errors import SerializationException

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def read_text(shape: Shape, text: str, form: str = "iso8601") -> Any:
    """A value that stands as text in XML, a query or a header; `form` is how time stamps stand there by default."""
    kind = shape.type_name
    if kind == "timestamp":
        return read_time(text, shape.serialization.get("timestampFormat", form))
    reader = _READERS.get(kind)
    try:
        return text if reader is None else reader(text)
    except ValueError:
        raise SerializationException(f"'{text[:100]}' is no {kind}") from None


def write_text(shape: Shape, value: Any, form: str = "iso8601") -> str:
    """The inverse of `read_text`."""
    if shape.type_name == "timestamp":
        return str(write_time(value, shape.serialization.get("timestampFormat", form)))
    if shape.type_name == "blob":
        return write_blob(value)
    if shape.type_name == "boolean":
        return "true" if value else "false"
    return str(value)


def read_time(value: Any, form: str) -> float:
    """Seconds since the epoch. Clients are taken at their word: whatever form a stamp has, it is read."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value
        text = str(value)
        if text.replace(".", "", 1).removeprefix("-").isdigit():
            return float(text)
        at = parsedate_to_datetime(text) if "," in text else datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError):
        raise SerializationException(f"'{str(value)[:100]}' is no time stamp ({form})") from None


def write_time(seconds: float, form: str) -> str | float:
    if form == "unixTimestamp":
        return seconds
    if form == "rfc822":
        return formatdate(seconds, usegmt=True)
    at = datetime.fromtimestamp(seconds, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def read_blob(text: Any) -> bytes:
    try:
        return base64.b64decode(str(text), validate=True)
    except (ValueError, binascii.Error):
        raise SerializationException("a blob is no base64 text") from None


def write_blob(value: bytes | str) -> str:
    return base64.b64encode(value.encode() if isinstance(value, str) else value).decode()


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError
    return text.lower() == "true"


_READERS: Final[dict[str, Callable[[str], Any]]] = {
    "boolean": _boolean,
    "integer": int,
    "long": int,
    "float": float,
    "double": float,
    "blob": read_blob,
}
