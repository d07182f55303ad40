"""Payload: JSON text plus the value it means, each made from the other only when asked for.

What passes through a workflow unchanged keeps its text (white space, `1` against `1.0`, 2^70), as on AWS; what is
computed is written compactly. A payload is immutable: nobody may change the value it hands out.
"""

from __future__ import annotations

import json
from typing import Any, Final

import msgspec

from flowd.errors import FlowdError

_UNSET: Final = object()
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class InvalidJson(FlowdError):
    """The text is not JSON."""


class Payload:
    """One JSON document. `ref` is its row in the store once it has one, among the rows of execution `owner`."""

    __slots__ = ("_text", "_value", "owner", "ref")

    def __init__(self, *, text: str | None = None, value: Any = _UNSET, ref: int = 0, owner: int = 0) -> None:
        self._text = text
        self._value = value
        self.ref = ref
        self.owner = owner

    @classmethod
    def of(cls, value: Any) -> Payload:
        """From a JSON value (dict, list, str, int, float, bool, None)."""
        return cls(value=value)

    @classmethod
    def parse(cls, text: str) -> Payload:
        """From text that came from outside: parsed at once, so that InvalidJson is raised here and nowhere later."""
        return cls(text=text, value=loads(text))

    def twin(self) -> Payload:
        """The same document for another execution, which stores it in a row of its own."""
        return Payload(text=self._text, value=self._value)

    def fill(self, text: str) -> None:
        """Give the text to a payload that was read as a mere reference."""
        self._text = text

    @property
    def text(self) -> str:
        if self._text is None:
            self._text = dumps(self._value)
        return self._text

    @property
    def value(self) -> Any:
        if self._value is _UNSET:
            self._value = loads(self._text or "null")
        return self._value

    @property
    def size(self) -> int:
        """Bytes of UTF-8; AWS's limit of 262,144 counts these."""
        return len(self.text.encode())

    def longer_than(self, characters: int) -> bool:
        """True if its text is, or would be, longer; none is made for the answer. False for a mere reference."""
        if self._text is not None:
            return len(self._text) > characters
        return self._value is not _UNSET and measure(self._value, characters) > characters

    def __repr__(self) -> str:
        return f"Payload({self.text[:60]!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Payload) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)


def loads(text: str | bytes) -> Any:
    """The value of a JSON text; NaN, Infinity and lone surrogates are refused."""
    try:
        return _decode(text)
    except RecursionError:
        raise InvalidJson("JSON is nested too deeply") from None
    except (msgspec.DecodeError, UnicodeError) as error:
        raise InvalidJson(str(error)) from None


def dumps(value: Any) -> str:
    """Compact JSON text; integers of any size are kept, NaN and Infinity are refused."""
    try:
        return _encode(value).decode()
    except OverflowError:
        return _dumps_big(value)
    except (msgspec.EncodeError, TypeError, UnicodeError, RecursionError) as error:
        raise InvalidJson(str(error)) from None


def measure(value: Any, most: int) -> int:
    """About as many bytes as the JSON text of `value` has, without making it; gives up above `most`. What a value holds
    many times over is counted as often."""
    size = 0
    todo = [value]
    while todo and size <= most:
        found = todo.pop()
        kind = type(found)
        if kind is str:
            size += len(found) + 2
        elif kind is dict:
            size += sum(map(len, found)) + 4 * len(found) + 2
            todo.extend(found.values())
        elif kind is list:
            size += len(found) + 1
            todo.extend(found)
        elif kind is int:
            size += found.bit_length() // 4 + 1
        else:
            size += 5
    return size


def _dumps_big(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
