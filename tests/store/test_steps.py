"""Rows of one batch: what executions share must not get one row twice, and a bad row spoils only its own step."""

from __future__ import annotations

import sqlite3
from functools import partial
from itertools import count
from pathlib import Path

from flowd.payload import Payload
from flowd.store.database import Database, raw
from flowd.store.steps import ExecutionWrite, apply, apply_each


def test_a_payload_of_the_definition_has_a_row_of_its_own_in_each_execution_of_a_batch() -> None:
    ids = count(1).__next__
    shared = Payload.of({"result": "written in the definition"})
    one, two = ExecutionWrite(1), ExecutionWrite(2)
    assert (one.keep_payload(shared, ids), two.keep_payload(shared, ids)) == (1, 2)
    assert [ref for ref, _ in one.payloads + two.payloads] == [1, 2]


def test_a_failed_batch_forgets_only_the_rows_that_it_gave() -> None:
    ids = count(1).__next__
    shared = Payload.of([1])
    failed, later = ExecutionWrite(1), ExecutionWrite(2)
    failed.keep_payload(shared, ids)
    later.keep_payload(shared, ids)
    failed.forget()
    assert (shared.ref, shared.owner) == (2, 2)
    later.forget()
    assert (shared.ref, shared.owner) == (0, 0)


async def test_one_bad_step_of_a_batch_fails_alone(tmp_path: Path) -> None:
    db = Database(tmp_path / "flowd.db")
    await db.start()
    batch = [ExecutionWrite(i) for i in (1, 2, 3)]
    for write, payload_id in zip(batch, (10, 10, 30), strict=True):  # two rows of one id
        write.payloads.append((payload_id, Payload.of(write.execution_id)))
        write.count(7, "RUNNING", 1)
    refused = await db.submit_rows(partial(apply, batch=batch), partial(apply_each, batch=batch))
    rows = await db.read(lambda session: raw(session).execute("SELECT id, execution_id FROM payload").fetchall())
    counted = await db.read(lambda session: raw(session).execute("SELECT count FROM counter").fetchall())
    await db.stop()
    assert list(refused) == [2] and isinstance(refused[2], sqlite3.IntegrityError)
    assert rows == [(10, 1), (30, 3)] and counted == [(2,)]
