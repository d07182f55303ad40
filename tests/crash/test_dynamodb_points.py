"""The daemon dies at any commit of the deletion of a table, or of its index: it is whole or gone, and what it held
follows it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import text

from flowd.errors import ApiError
from flowd.services.dynamodb import backfill
from tests.crash.doom import deaths_are_expected, dies
from tests.engine.world import World

__all__ = ["deaths_are_expected"]
ITEMS, AT_ONCE, ROUNDS = 7, 3, 4
LARGE: dict[str, Any] = {
    "TableName": "large",
    "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in ("id", "kind")],
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "BillingMode": "PAY_PER_REQUEST",
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "by_kind",
            "KeySchema": [{"AttributeName": "kind", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"},
        }
    ],
}


async def ask(world: World, operation: str, **members: Any) -> dict[str, Any]:
    return await world.core.embedded.invoke("dynamodb", operation, members)


async def fill(world: World) -> None:
    await ask(world, "CreateTable", **LARGE)
    puts = [{"PutRequest": {"Item": {"id": {"S": str(n)}, "kind": {"S": "k"}}}} for n in range(ITEMS)]
    await ask(world, "BatchWriteItem", RequestItems={"large": puts})
    await world.settle()


async def left(world: World) -> list[int]:
    """Items, entries, and what is still to be done."""
    return await world.core.db.read(
        lambda session: [
            int(session.execute(text(f"SELECT count(*) FROM dynamodb_{kind}")).scalar_one())
            for kind in ("item", "entry", "build")
        ]
    )


async def pass_rounds(world: World) -> None:
    for _ in range(ROUNDS):
        await world.pass_time(1)


async def delete(world: World) -> None:
    await ask(world, "DeleteTable", TableName="large")
    await pass_rounds(world)


async def delete_index(world: World) -> None:
    await ask(
        world, "UpdateTable", TableName="large", GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "by_kind"}}]
    )
    await pass_rounds(world)


@pytest.fixture(
    params=[False, pytest.param(True, marks=pytest.mark.slow)], ids=["before the commit", "after the commit"]
)
def after(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


async def deaths(
    folder: Path, after: bool, deleting: Callable[[World], Coroutine[Any, Any, None]], refused: str
) -> AsyncIterator[tuple[World, int]]:
    """The world after a death at each commit of a deletion, and after none, with the commit: either the index is asked
    for and `refused`, or all is as it was, which only a death before the first commit leaves; then it is deleted."""
    at, struck = 1, True
    while struck:
        place = folder / str(at)
        place.mkdir()
        async with World(place) as world:
            await fill(world)
            struck, _ = await dies(world, at, after, partial(deleting, world))
            try:
                found = await ask(world, "Scan", TableName="large", IndexName="by_kind")
            except ApiError as error:
                assert refused in f"{error.code}: {error.message}"
            else:
                assert (struck, at, after, found["Count"]) == (True, 1, False, ITEMS)
                await deleting(world)
            yield world, at
        at += 1
    assert at > ITEMS / AT_ONCE


async def test_a_table_is_whole_or_gone_wherever_its_deletion_is_cut(
    tmp_path: Path, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "AT_ONCE", AT_ONCE)
    async for world, at in deaths(tmp_path, after, delete, "ResourceNotFoundException"):
        await ask(world, "CreateTable", **LARGE)  # the name is free, whatever is left of the old table
        assert (await ask(world, "Scan", TableName="large"))["Count"] == 0
        await pass_rounds(world)
        assert await left(world) == [0, 0, 0], f"a death at commit {at} left items behind"


async def test_an_index_is_whole_or_gone_wherever_its_deletion_is_cut(
    tmp_path: Path, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "AT_ONCE", AT_ONCE)
    async for world, at in deaths(tmp_path, after, delete_index, "does not have the specified index"):
        await pass_rounds(world)
        assert await left(world) == [ITEMS, 0, 0], f"a death at commit {at} left entries behind"
