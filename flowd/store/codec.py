"""Frames, events and payloads as bytes: msgpack with one extension for payloads. Knows no SQL.

A payload of at most INLINE bytes travels inside the row that uses it; a larger one is a row of its own, written once
and referred to. Decoding leaves references unfilled and lists them, so that one query fetches all texts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from flowd.frames import Frame
from flowd.history import HistoryEvent
from flowd.payload import Payload
from flowd.swf_frames import SwfFrame

INLINE = 1024
_TEXT, _REFERENCE = 1, 2

Intern = Callable[[Payload], int]


def encoder(intern: Intern) -> msgspec.msgpack.Encoder:
    """An encoder that hands payloads too large to travel inline to `intern`, which answers with their row id."""

    def hook(value: Any) -> Any:
        if isinstance(value, Payload):
            text = value.text
            if len(text) <= INLINE:
                return msgspec.msgpack.Ext(_TEXT, text.encode())
            return msgspec.msgpack.Ext(_REFERENCE, intern(value).to_bytes(8, "big"))
        raise TypeError(f"{type(value).__name__} has no place in a frame or an event")

    return msgspec.msgpack.Encoder(enc_hook=hook)


class Decoder:
    """Turns rows of one execution back into values; `missing` collects the payloads whose text is still to be read."""

    def __init__(self, owner: int) -> None:
        self._owner = owner
        self.missing: list[Payload] = []
        self._frame = msgspec.msgpack.Decoder(Frame, ext_hook=self._payload, dec_hook=_as_is)
        self._swf_frame = msgspec.msgpack.Decoder(SwfFrame, ext_hook=self._payload, dec_hook=_as_is)
        self._events = msgspec.msgpack.Decoder(list[HistoryEvent], ext_hook=self._payload, dec_hook=_as_is)

    def _payload(self, code: int, data: memoryview) -> Payload:
        if code == _TEXT:
            return Payload(text=bytes(data).decode())
        payload = Payload(ref=int.from_bytes(data, "big"), owner=self._owner)
        self.missing.append(payload)
        return payload

    def frame(self, body: bytes) -> Frame:
        decoded: Frame = self._frame.decode(body)
        return decoded

    def swf_frame(self, body: bytes) -> SwfFrame:
        decoded: SwfFrame = self._swf_frame.decode(body)
        return decoded

    def events(self, body: bytes) -> list[HistoryEvent]:
        decoded: list[HistoryEvent] = self._events.decode(body)
        return decoded

    def fill(self, texts: dict[int, str]) -> None:
        """Give every unfilled payload its text."""
        for payload in self.missing:
            payload.fill(texts[payload.ref])
        self.missing.clear()


def _as_is(_type: type, value: Any) -> Any:
    return value


def wanted(payloads: Iterable[Payload]) -> list[int]:
    """The distinct row ids of unfilled payloads."""
    return sorted({payload.ref for payload in payloads})
