"""Page tokens: opaque to clients, good for 24 hours and only for the request they were made for.

A token holds a position and is sealed, so that one from elsewhere, an old or a changed one is told apart.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

import msgspec

from flowd.clock import Clock
from flowd.errors import InvalidToken

LIFE_MS = 24 * 3600 * 1000
_SEAL_BYTES = 12
Position = int | str


class Pages:
    """Makes and reads tokens. `secret` is the same across restarts, so that a client may go on paging."""

    def __init__(self, secret: str, clock: Clock) -> None:
        self._secret = secret.encode()
        self._clock = clock

    def token(self, request: str, position: Position) -> str:
        """A token for the page behind `position`; `request` names the operation and what must not change."""
        body = msgspec.msgpack.encode((position, self._clock.now_ms() + LIFE_MS))
        return base64.urlsafe_b64encode(self._seal(request, body) + body).decode()

    def position(self, request: str, token: str | None) -> Position | None:
        """Where a page begins; None without a token. Raises InvalidToken."""
        if token is None:
            return None
        try:
            raw = base64.b64decode(token.encode(), altchars=b"-_", validate=True)
            seal, body = raw[:_SEAL_BYTES], raw[_SEAL_BYTES:]
            if not hmac.compare_digest(seal, self._seal(request, body)):
                raise InvalidToken
            position, good_until_ms = msgspec.msgpack.decode(body, type=tuple[Position, int])
        except (binascii.Error, ValueError, msgspec.DecodeError):
            raise InvalidToken from None
        if self._clock.now_ms() > good_until_ms:
            raise InvalidToken
        return position

    def _seal(self, request: str, body: bytes) -> bytes:
        return hmac.new(self._secret, request.encode() + b"\0" + body, hashlib.sha256).digest()[:_SEAL_BYTES]


def size(max_results: int | None) -> int:
    """How many results a page has: 0 and absent mean 100."""
    return max_results or 100
