"""One at a time under a name: what somebody looked up stays true until what they make of it is on disk.

It keeps nothing of a name that nobody uses, and knows nothing of what is done in a turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class _Turn:
    """A lock that is free may still be waited for, so its users are counted."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0


class Turns:
    """Turns by name."""

    def __init__(self) -> None:
        self._turns: dict[Hashable, _Turn] = {}

    @asynccontextmanager
    async def alone(self, name: Hashable) -> AsyncIterator[None]:
        """Wait for the others who came under this name before."""
        turn = self._turns.setdefault(name, _Turn())
        turn.users += 1
        try:
            async with turn.lock:
                yield
        finally:
            turn.users -= 1
            if not turn.users:
                del self._turns[name]

    def __len__(self) -> int:
        return len(self._turns)
