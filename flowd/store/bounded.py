"""Lists of executions for somebody who waits: looked for in pieces, newest first, and not longer than a moment.

What an index answers is there at once. Anything else is a walk over all rows, which on millions of them takes seconds:
it ends when the moment is over, and tells where to go on. Reads only.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from heapq import merge
from itertools import islice
from typing import Any, NamedTuple

from sqlmodel import Session, col, func, select

from flowd.store import matching, schema
from flowd.store.matching import Filter

MOST = 1 << 22  # ids in one piece


class Found(NamedTuple):
    """Executions, newest first. If time was up, `below` is the id to go on below, `searched` the share looked at."""

    rows: list[schema.Execution]
    below: int | None = None
    searched: float = 1.0


def look(session: Session, wanted: Filter, before: int | None, limit: int, patience_s: float) -> Found:
    """Up to `limit` executions that fit, with an id below `before`. At least one piece is looked at."""
    newest = session.exec(select(func.max(schema.Execution.id))).one() or 0
    narrow = matching.narrowed(session, wanted)
    pieces = _Pieces(session, narrow, min(before or newest + 1, newest + 1), patience_s)
    rows: list[schema.Execution] = []
    for rows_of_piece, below in pieces.rows(limit):
        rows += rows_of_piece
        if below is None or len(rows) >= limit:
            break
        if pieces.late:
            return Found(rows[:limit], below, 1 - (below - 1) / max(newest, 1))
    return Found(rows[:limit])


class _Pieces:
    """The pieces of one look; each is as large as the time for it allows."""

    def __init__(self, session: Session, wanted: Filter, high: int, patience_s: float) -> None:
        self._session = session
        self._wanted = wanted
        self._high = high
        self._patience_s = patience_s
        self._end = time.monotonic() + patience_s

    @property
    def late(self) -> bool:
        return time.monotonic() >= self._end

    def rows(self, limit: int) -> Iterator[tuple[list[schema.Execution], int | None]]:
        """The rows of each piece, and the id below which the next one begins; None behind the last."""
        if self._wanted.words:
            return self._searched(limit)
        return self._walked(limit)

    def _searched(self, limit: int) -> Iterator[tuple[list[schema.Execution], int | None]]:
        for ids in matching.searched(self._session, self._wanted, self._high):
            yield self._read([self._wanted], col(schema.Execution.id).in_(ids), limit), ids[-1]
        yield [], None

    def _walked(self, limit: int) -> Iterator[tuple[list[schema.Execution], int | None]]:
        parts, high = matching.parts(self._session, self._wanted), self._high
        size = matching.PIECE if self._wanted.ids is None else high
        while high > 1:
            low, began = max(1, high - size), time.monotonic()
            yield self._read(parts, col(schema.Execution.id).between(low, high - 1), limit), low if low > 1 else None
            took_s, high = time.monotonic() - began, low
            if took_s < self._patience_s / 4:
                size = min(size * 2, MOST)
            elif took_s > self._patience_s / 2:
                size = max(size // 2, 1)

    def _read(self, parts: list[Filter], piece: Any, limit: int) -> list[schema.Execution]:
        found = []
        for part in parts:
            query = select(schema.Execution).where(piece, *matching.conditions(part))
            found.append(self._session.exec(query.order_by(col(schema.Execution.id).desc()).limit(limit)).all())
        return list(islice(merge(*found, key=lambda row: -(row.id or 0)), limit))
