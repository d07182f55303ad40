"""Pages of a history, of which a part may be in the archive and a part in chunks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from sqlmodel import Session

from flowd.history import HistoryEvent
from flowd.payload import Payload
from flowd.store import history
from flowd.store.codec import encoder
from flowd.store.database import Database, raw
from flowd.store.history import Packed, archive_rows

ME, SIZES, ARCHIVED = 7, (1, 4, 2, 5, 1, 3), 3  # events of each chunk; the first three are in the archive
LAST = sum(SIZES)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(tmp_path / "d.db")
    await database.start()
    yield database
    await database.stop()


def body(first: int, last: int) -> bytes:
    def keep(payload: Payload) -> int:
        raise AssertionError("these are small")

    numbers = range(first, last + 1)
    events = [HistoryEvent(number, number - 1, 0, "PassStateEntered", {"name": "A"}) for number in numbers]
    return encoder(keep).encode(events)


def chunks() -> list[tuple[int, int, bytes]]:
    found, first = [], 1
    for size in SIZES:
        found.append((first, first + size - 1, body(first, first + size - 1)))
        first += size
    return found


def store(session: Session, rows: list[tuple[int, int, bytes]]) -> None:
    connection = raw(session)
    archived = archive_rows([(ME, Packed(rows[:ARCHIVED], {}))])
    connection.executemany("INSERT INTO archive (execution_id, events, body) VALUES (?,?,?)", archived)
    connection.executemany(
        "INSERT INTO history_chunk (execution_id, first, last, body) VALUES (?,?,?,?)",
        [(ME, *row) for row in rows[ARCHIVED:]],
    )


async def page(database: Database, after: int, limit: int, reverse: bool) -> list[int]:
    found = await database.read(partial(history.page, execution_id=ME, after=after, limit=limit, reverse=reverse))
    return [event.id for event in found]


async def test_a_page_begins_and_ends_anywhere_in_both_directions(database: Database) -> None:
    await database.write(partial(store, rows=chunks()))
    for limit in range(1, LAST + 2):
        for after in range(LAST + 2):
            everything = list(range(after + 1, LAST + 1))
            assert await page(database, after, limit, False) == everything[:limit]
            before = list(range(min(after or LAST + 1, LAST + 1) - 1, 0, -1))
            assert await page(database, after, limit, True) == before[:limit]


async def test_a_page_of_a_long_history_reads_only_the_chunks_it_shows(database: Database) -> None:
    rows = chunks()
    unreadable = [(first, last, b"\xc1" if last < 8 or first > 12 else body) for first, last, body in rows]
    await database.write(partial(store, rows=unreadable))
    assert await page(database, 7, 5, False) == [8, 9, 10, 11, 12]
    assert await page(database, 13, 4, True) == [12, 11, 10, 9]
