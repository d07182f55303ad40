"""Full-text search over a real engine: what is found, when, and what happens to the index file."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from flowd.errors import ServiceUnavailable, ValidationException
from flowd.integrations.ports import Failed
from flowd.operators.desk import Desk
from flowd.operators.filters import parse
from flowd.store import history, matching
from flowd.store.search import IndexUnusable, SearchIndex
from tests.engine.world import World, function

ECHO = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}
CALL = {"StartAt": "Charge", "States": {"Charge": {"Type": "Task", "Resource": function("charge"), "End": True}}}


@asynccontextmanager
async def desk_of(world: World) -> AsyncIterator[Desk]:
    desk = Desk(world.core)
    await desk.start()
    try:
        yield desk
    finally:
        await desk.stop()


async def found(desk: Desk, text: str) -> list[str]:
    wanted = parse(text, 0)
    return [
        row.name for row in await desk.read(wanted, partial(matching.executions, wanted=wanted, before=None, limit=50))
    ]


async def test_a_word_is_found_in_names_errors_inputs_and_outputs(tmp_path: Path) -> None:
    async with World(tmp_path) as world, desk_of(world) as desk:
        world.functions.handlers["charge"] = lambda task: Failed("CardDeclined", "limit of Jürg's card")
        echo, call = await world.machine(ECHO, "echo"), await world.machine(CALL, "call")
        await world.start(echo, {"order": "ORD-0147", "note": "two words here"}, "first")
        await world.start(echo, {"order": "ORD-0148"}, "second-0147")
        await world.start(call, {"order": "X"}, "third")
        assert await found(desk, "ord-0147") == ["first"]
        assert await found(desk, "0147") == ["second-0147", "first"]
        assert await found(desk, "ORD-01") == ["second-0147", "first"]
        assert await found(desk, "carddeclined") == await found(desk, "jürg") == ["third"]
        assert await found(desk, '"words here" status:succeeded') == ["first"]
        assert await found(desk, '"here words"') == []
        assert await found(desk, "0147 second") == ["second-0147"]
        assert await found(desk, "input:0147") == ["first"]
        assert await found(desk, "machine:call 0147") == []


async def test_an_index_without_room_names_the_full_disk(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        index = SearchIndex(tmp_path / "full.db", world.core.db.path)
        await index.open("this one")
        assert index._write is not None
        index._write.execute("PRAGMA max_page_count=1")
        with pytest.raises(IndexUnusable, match="full"):
            await index.feed([], {"x" * 1_000_000: 1})
        await index.close()


async def test_counts_of_searched_words_are_exact(tmp_path: Path) -> None:
    async with World(tmp_path) as world, desk_of(world) as desk:
        echo = await world.machine(ECHO, "echo")
        for number in range(7):
            await world.start(echo, {"kind": "blue" if number % 2 else "red"}, f"n{number}")
        wanted = parse("blue", 0)
        assert await desk.read(wanted, partial(matching.count, wanted=wanted)) == ({"SUCCEEDED": 3}, False)
        page = await desk.read(wanted, partial(matching.executions, wanted=wanted, before=6, limit=1))
        assert [row.name for row in page] == ["n3"]


async def test_what_happened_without_the_index_is_caught_up(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        call = await world.machine(CALL, "call")
        world.functions.handlers["charge"] = lambda task: Failed("Early", "")
        async with desk_of(world) as desk:
            arn = await world.start(call, {"order": "one"}, "one")
            assert await found(desk, "early") == ["one"]
        world.functions.handlers["charge"] = lambda task: {"receipt": "R-99"}
        world.functions.outcomes.clear()
        await world.core.executions.redrive(arn, None)
        await world.settle()
        await world.start(call, {"order": "two"}, "two")
        async with desk_of(world) as desk:
            assert await found(desk, "R-99") == ["two", "one"]
            assert await found(desk, "early") == []


async def spoil_bytes(path: Path) -> None:
    path.write_bytes(b"no database at all " * 100)


async def spoil_owner(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE mark SET value = '1 of-another-database' WHERE key = 'of'")
    connection.close()


async def remove(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("spoil", [spoil_bytes, spoil_owner, remove])
async def test_an_index_that_cannot_be_used_is_made_anew(tmp_path: Path, spoil: Any) -> None:
    async with World(tmp_path) as world:
        echo = await world.machine(ECHO, "echo")
        await world.start(echo, {"order": "one"}, "first")
        async with desk_of(world) as desk:
            assert await found(desk, "one") == ["first"]
        await spoil(tmp_path / "search.db")
        async with desk_of(world) as desk:
            assert await found(desk, "one") == ["first"]


async def test_a_first_index_is_nothing_to_tell(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    async with World(tmp_path) as world, desk_of(world):
        pass
    assert "index" not in caplog.text


async def test_what_retention_deleted_leaves_the_index(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        echo = await world.machine(ECHO, "echo")
        await world.start(echo, {"order": "secret"}, "gone")
        async with desk_of(world) as desk:
            assert await found(desk, "secret") == ["gone"]
        await world.core.db.write(partial(history.delete, execution_ids=[1]))
        async with desk_of(world) as desk:
            assert await found(desk, "secret") == []
    with sqlite3.connect(tmp_path / "search.db") as connection:
        assert connection.execute("SELECT count(*) FROM document").fetchone() == (0,)
    connection.close()


async def test_signs_of_the_search_language_are_only_text(tmp_path: Path) -> None:
    async with World(tmp_path) as world, desk_of(world) as desk:
        await world.start(await world.machine(ECHO, "echo"), {"q": 'say "NEAR(a b)" OR'}, "one")
        assert await found(desk, "NEAR(a") == ["one"]
        assert await found(desk, "OR") == ["one"]
        assert await found(desk, "a*b^c:d") == []
        with pytest.raises(ValidationException, match="letter or a digit"):
            parse("***", 0)


async def test_without_its_index_a_daemon_says_which_keys_still_work(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        desk = Desk(world.core)
        with pytest.raises(ServiceUnavailable, match="not running"):
            await found(desk, "word")
        assert await found(desk, "name:x") == []
