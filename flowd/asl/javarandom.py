"""Java's seeded generator, since AWS's seeded random numbers are its: `$random(42)` is 0.7275636800328681 on AWS.

The algorithm is the one the documentation of java.util.Random prescribes; unseeded chance comes from `entropy` instead.
"""

from __future__ import annotations

from typing import Final

_MULTIPLIER: Final = 0x5DEECE66D
_MASK: Final = (1 << 48) - 1


class JavaRandom:
    """The numbers that follow from a 64-bit seed."""

    __slots__ = ("_state",)

    def __init__(self, seed: int) -> None:
        self._state = (seed ^ _MULTIPLIER) & _MASK

    def _bits(self, count: int) -> int:
        """The next `count` random bits, unsigned."""
        self._state = (self._state * _MULTIPLIER + 0xB) & _MASK
        return self._state >> (48 - count)

    def uniform(self) -> float:
        """nextDouble(): in [0, 1) with 53 random bits."""
        return ((self._bits(26) << 27) + self._bits(27)) / (1 << 53)

    def integer(self, below: int) -> int:
        """nextInt(below): in [0, below), for 1 <= below < 2^31; larger ranges, which Java has no call for, scale."""
        if below >= 1 << 31:
            return int(self.uniform() * below)
        if below & -below == below:
            return (below * self._bits(31)) >> 31
        while True:  # the top of the range is drawn again, so that no number is favoured
            bits = self._bits(31)
            if bits - bits % below + (below - 1) < 1 << 31:
                return bits % below
