from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, event
from sqlmodel import Session, SQLModel, select

from flowd.errors import ServiceUnavailable
from flowd.store import activities, holds, mapruns, migrations, schema
from flowd.store import database as database_module
from flowd.store.database import Database, DatabaseUnusable, raw
from flowd.store.events import EventsTables
from flowd.store.migrations import LATEST, create_tables


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(tmp_path / "flowd.db", "first")
    await database.start()
    yield database
    await database.stop()


def put(key: str, value: str = "x") -> Callable[[Session], str]:
    def write(session: Session) -> str:
        session.add(schema.Meta(key=key, value=value))
        session.flush()
        return value

    return write


def keys(session: Session) -> set[str]:
    return set(session.exec(select(schema.Meta.key)).all())


async def test_what_was_written_is_read_by_the_next_read(db: Database) -> None:
    assert await db.write(put("a", "value")) == "value"
    assert "a" in await db.read(keys)


async def test_writes_that_come_together_share_a_commit(db: Database) -> None:
    batches: list[int] = []
    db.on_batch = lambda: batches.append(1)
    await asyncio.gather(*(db.write(put(f"k{i}")) for i in range(200)))
    assert len(await db.read(keys)) >= 200
    assert len(batches) < 50


async def test_a_write_that_raises_is_rolled_back_alone(db: Database) -> None:
    def bad(session: Session) -> None:
        session.add(schema.Meta(key="bad", value="x"))
        session.flush()
        raise ValueError("no")

    good, failed, also_good = await asyncio.gather(
        db.write(put("one")),
        db.write(bad),
        db.write(put("two")),
        return_exceptions=True,
    )
    assert (good, also_good) == ("x", "x")
    assert isinstance(failed, ValueError)
    found = await db.read(keys)
    assert {"one", "two"} <= found and "bad" not in found


def insert(key: str, then: Exception | None = None) -> Callable[[sqlite3.Connection], None]:
    def write(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO meta (key, value) VALUES (?, 'x')", (key,))
        if then is not None:
            raise then

    return write


@pytest.mark.parametrize("many", [False, True], ids=["alone in its commit", "with others in one commit"])
async def test_rows_that_raise_are_rolled_back_and_the_other_way_is_taken(db: Database, many: bool) -> None:
    waiting: list[asyncio.Future[Any]] = [db.submit_rows(insert("before"))] if many else []
    failed = db.submit_rows(insert("bad", ValueError("no")), insert("instead"))
    refused = db.submit_rows(insert("worse", ValueError("no")), insert("worst", ValueError("not either")))
    await asyncio.gather(*waiting, failed)
    with pytest.raises(ValueError, match="not either"):
        await refused
    found = await db.read(keys)
    assert "instead" in found and not {"bad", "worse", "worst"} & found
    assert ("before" in found) is many


async def test_statements_below_a_session_that_raise_are_rolled_back_alone(db: Database) -> None:
    def bad(session: Session) -> None:
        insert("bad", ValueError("no"))(raw(session))

    good, failed, also_good = await asyncio.gather(
        db.submit_rows(insert("one")), db.submit(bad), db.write(put("two")), return_exceptions=True
    )
    assert (good, also_good) == (None, "x")
    assert isinstance(failed, ValueError)
    found = await db.read(keys)
    assert {"one", "two"} <= found and "bad" not in found


async def test_rows_are_on_disk_beside_a_session_that_has_nothing_to_write(db: Database, tmp_path: Path) -> None:
    def look(session: Session) -> None:
        session.add_all([])
        session.begin_nested().rollback()  # SQLAlchemy has a transaction, and no connection in it

    await asyncio.gather(db.submit_rows(insert("one")), db.submit(look))
    await db.submit_rows(insert("two"))
    await db.submit(look)
    await db.submit_rows(insert("three"))
    with closing(sqlite3.connect(tmp_path / "flowd.db")) as other:
        assert {"one", "two", "three"} <= {row[0] for row in other.execute("SELECT key FROM meta")}


async def test_a_full_disk_refuses_everything_and_heals_by_itself(
    db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    def limit(session: Session) -> None:
        pages = raw(session).execute("PRAGMA page_count").fetchone()[0]
        raw(session).execute(f"PRAGMA max_page_count={pages}")

    def unlimit(session: Session) -> None:
        raw(session).execute("PRAGMA max_page_count=100000")

    await db.write(limit)
    with pytest.raises(ServiceUnavailable, match="nothing was accepted"):
        await db.write(put("big", "x" * 200_000))
    assert not db.writable
    for _ in range(20):
        with pytest.raises(ServiceUnavailable, match="nothing was accepted"):
            await db.write(put("big", "x" * 200_000))
    assert caplog.text.count("commit failed") == 1  # the log may be on that disk
    await db.write(unlimit)
    assert "can be written again; 21 commits were refused" in caplog.text
    await db.write(put("big", "x" * 200_000))
    assert db.writable and "big" in await db.read(keys)


async def test_a_commit_that_fails_for_any_reason_is_told_and_the_writer_goes_on(db: Database) -> None:
    def fail(_: Connection) -> None:
        raise RuntimeError("the commit went wrong")

    event.listen(db._write_engine, "commit", fail, once=True)
    with pytest.raises(ServiceUnavailable, match="the commit went wrong"):
        async with asyncio.timeout(5):
            await db.write(put("lost"))
    async with asyncio.timeout(5):
        await db.write(put("kept"))
    found = await db.read(keys)
    assert "kept" in found and "lost" not in found


async def test_a_reader_cannot_write(db: Database) -> None:
    with pytest.raises(Exception, match="readonly"):
        await db.read(put("sneaky"))


async def test_the_database_keeps_its_id(tmp_path: Path) -> None:
    for offered in ("first", "second"):
        database = Database(tmp_path / "f.db", offered)
        await database.start()
        assert database.database_id == "first"
        await database.stop()


BEFORE_KEYS = ("ALTER TABLE activity DROP COLUMN encryption",)
BEFORE_REDRIVEN_RUNS = (
    *BEFORE_KEYS,
    "ALTER TABLE map_run DROP COLUMN redrive_count",
    "ALTER TABLE map_run DROP COLUMN redriven_ms",
)


async def opened_again(folder: Path, number: int, *statements: str) -> Database:
    """A database that is brought back to schema `number` by some statements, and then opened by this release."""
    path = folder / "f.db"
    database = Database(path)
    await database.start()

    def earlier(session: Session) -> None:
        for statement in (*statements, f"UPDATE meta SET value='{number}' WHERE key='schema'"):
            raw(session).execute(statement)

    await database.write(earlier)
    await database.stop()
    later = Database(path)
    await later.start()
    return later


async def test_a_database_of_before_scheduled_rules_keeps_its_rules(tmp_path: Path) -> None:
    later = await opened_again(
        tmp_path,
        3,
        "INSERT INTO event_rule (bus, name, pattern, schedule, enabled, description, role, owner, tags)"
        " VALUES ('default', 'r', '{}', '', 1, '', '', 'api', '{}')",
        "DROP INDEX ix_event_rule_due_ms",
        "ALTER TABLE event_rule DROP COLUMN due_ms",
        "ALTER TABLE event_rule DROP COLUMN schedule",
        "DROP TABLE prompt_hold",  # came later: it is made whole
        *BEFORE_REDRIVEN_RUNS,
    )
    found = await later.read(lambda session: EventsTables(session).rule("default", "r"))
    assert found is not None
    assert (found.pattern, found.schedule, found.due_ms) == ("{}", "", None)
    await later.stop()


async def test_a_database_of_before_prompts_could_be_put_off_keeps_its_claims(tmp_path: Path) -> None:
    later = await opened_again(
        tmp_path,
        4,
        "ALTER TABLE prompt_hold DROP COLUMN later_ms",
        "INSERT INTO prompt_hold (short, execution_id, claimed_by, claimed_until_ms, reminded, remind_ms)"
        " VALUES ('7f3a', 1, 'eva', 9, 0, 0)",
        *BEFORE_REDRIVEN_RUNS,
    )
    held = (await later.read(lambda session: holds.of(session, ["7f3a"])))["7f3a"]
    assert (held.claimed_by, held.later_ms) == ("eva", 0)
    await later.stop()


async def test_a_database_of_before_map_runs_were_redriven_keeps_its_runs(tmp_path: Path) -> None:
    later = await opened_again(
        tmp_path,
        5,
        *BEFORE_REDRIVEN_RUNS,
        "INSERT INTO map_run (arn, execution_id, frame, attempt, machine_arn, child_type, status, definition_id,"
        " items, plan, concurrency, started_ms, stopped_ms)"
        " VALUES ('r', 1, '0', 1, 'm', 'STANDARD', 'FAILED', 1, 1, '{}', 0, 5, 9)",
    )
    run = await later.read(lambda session: mapruns.by_arn(session, "r"))
    assert run is not None
    assert (run.status, run.redrive_count, run.redriven_ms) == ("FAILED", 0, 0)
    await later.stop()


def made(make: Callable[[Session], None]) -> list[str]:
    """The tables and indexes of a new database."""
    with Session(create_engine("sqlite://")) as session:
        make(session)
        return sorted(map(str, session.connection().exec_driver_sql("SELECT name, sql FROM sqlite_master")))


def test_the_tables_are_those_that_sqlalchemy_would_make() -> None:
    def the_rest(session: Session) -> None:
        session.connection().exec_driver_sql("CREATE TABLE meta (key VARCHAR)")
        create_tables(session)

    ours = made(create_tables)
    assert ours == made(lambda session: SQLModel.metadata.create_all(session.connection()))
    assert len(ours) > len(SQLModel.metadata.tables)
    assert [row for row in made(the_rest) if "meta" not in row] == [row for row in ours if "meta" not in row]


async def test_a_database_of_before_activities_had_keys_keeps_its_activities(tmp_path: Path) -> None:
    later = await opened_again(
        tmp_path,
        6,
        *BEFORE_KEYS,
        "INSERT INTO activity (name, arn, tags, implicit, created_ms) VALUES ('a', 'arn', '{}', 0, 5)",
    )
    found = await later.read(lambda session: activities.by_name(session, "a"))
    assert found is not None
    assert (found.created_ms, found.encryption) == (5, "{}")
    await later.stop()


async def test_a_conversion_that_breaks_off_leaves_the_database_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await (database := Database(tmp_path / "f.db")).start()
    await database.stop()
    steps = {LATEST + 1: ["ALTER TABLE execution ADD COLUMN more INTEGER"] * 2}
    with monkeypatch.context() as later:
        later.setattr(migrations, "STEPS", steps)
        later.setattr(migrations, "LATEST", LATEST + 1)
        with pytest.raises(DatabaseUnusable, match="duplicate column"):
            await Database(tmp_path / "f.db").start()
    with closing(sqlite3.connect(tmp_path / "f.db")) as file:
        assert "more" not in {row[1] for row in file.execute("PRAGMA table_info(execution)")}
    await (again := Database(tmp_path / "f.db")).start()
    await again.stop()


async def test_a_database_of_a_later_release_is_refused(tmp_path: Path) -> None:
    database = Database(tmp_path / "f.db")
    await database.start()

    def later(session: Session) -> None:
        raw(session).execute("UPDATE meta SET value='99' WHERE key='schema'")

    await database.write(later)
    await database.stop()
    with pytest.raises(DatabaseUnusable, match=r"f\.db cannot be used: .*later release.*schema 99.*flowd restore"):
        await Database(tmp_path / "f.db").start()


async def test_a_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "f.db")) as other:
        other.execute("CREATE TABLE person (name TEXT)")
    with pytest.raises(DatabaseUnusable, match=r"f\.db cannot be used: .*another program.*--data"):
        await Database(tmp_path / "f.db").start()
    with closing(sqlite3.connect(tmp_path / "f.db")) as other:
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("person",)]


@pytest.mark.parametrize("rest", [b"not a database at all" * 500, bytes(8192), b"half"], ids=["text", "zeros", "half"])
async def test_a_damaged_file_is_refused_with_its_name_and_a_way_out(tmp_path: Path, rest: bytes) -> None:
    file = tmp_path / "f.db"
    database = Database(file)
    await database.start()
    await database.stop()
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2] if rest == b"half" else rest)
    with pytest.raises(DatabaseUnusable, match="flowd restore") as refused:
        await Database(file).start()
    assert str(file) in str(refused.value)


async def test_a_file_that_cannot_be_opened_is_refused_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "f.db").mkdir()
    with pytest.raises(DatabaseUnusable, match=r"f\.db cannot be used: .*mode"):
        await Database(tmp_path / "f.db").start()


async def test_a_file_that_cannot_be_written_is_refused_at_the_start_with_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Database(tmp_path / "f.db")
    await first.start()
    await first.stop()
    real = database_module._engine
    monkeypatch.setattr(database_module, "_engine", lambda path, **_: real(path, writable=False))
    with pytest.raises(DatabaseUnusable, match=r"f\.db cannot be used: attempt to write a readonly .*its mode"):
        await Database(tmp_path / "f.db").start()


async def test_after_stop_a_write_is_refused_and_not_lost_in_silence(tmp_path: Path) -> None:
    database = Database(tmp_path / "f.db")
    await database.start()
    await database.stop()
    with pytest.raises(ServiceUnavailable):
        await database.write(put("late"))
    await database.stop()
