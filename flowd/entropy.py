"""Chance as an argument: a stream of random bytes that is a pure function of its seed.

A step that is run again with the same seed draws the same tokens, jitter and UUIDs. The seed comes from the operating
system's generator (the stepper makes one per step), and SHA-256 in counter mode keeps what is drawn unguessable, as a
task token must be. This module never reads the operating system's generator itself.
"""

from __future__ import annotations

import hashlib
import uuid


class Entropy:
    """Random values drawn in order from one seed."""

    __slots__ = ("_counter", "_pool", "_seed")

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self._counter = 0
        self._pool = b""

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        while len(self._pool) < count:
            self._pool += hashlib.sha256(self._seed + self._counter.to_bytes(8, "big")).digest()
            self._counter += 1
        taken, self._pool = self._pool[:count], self._pool[count:]
        return taken

    def uniform(self) -> float:
        """A float in [0, 1) with 53 random bits."""
        return (int.from_bytes(self.take(7), "big") >> 3) / (1 << 53)

    def integer(self, below: int) -> int:
        """An int in [0, below)."""
        return int.from_bytes(self.take(16), "big") % below

    def uuid4(self) -> str:
        """A version 4 UUID in its usual text form."""
        return str(uuid.UUID(bytes=self.take(16), version=4))

    def token(self) -> str:
        """An unguessable, URL-safe handle of one attempt (48 characters, 192 bits)."""
        return self.take(24).hex()
