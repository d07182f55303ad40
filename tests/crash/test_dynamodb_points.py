"""The daemon dies at any commit of the deletion of a table, or of its index: it is whole or gone, and what it held
follows it."""

from __future__ import annotations

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


async def delete(world: World) -> None:
    await ask(world, "DeleteTable", TableName="large")
    for _ in range(ROUNDS):
        await world.pass_time(1)


async def delete_index(world: World) -> None:
    await ask(
        world, "UpdateTable", TableName="large", GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "by_kind"}}]
    )
    for _ in range(ROUNDS):
        await world.pass_time(1)


@pytest.mark.parametrize(
    "after", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["before the commit", "after the commit"]
)
async def test_a_table_is_whole_or_gone_wherever_its_deletion_is_cut(
    tmp_path: Path, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "AT_ONCE", AT_ONCE)
    at, struck = 1, True
    while struck:
        folder = tmp_path / str(at)
        folder.mkdir()
        async with World(folder) as world:
            await fill(world)
            struck, _ = await dies(world, at, after, partial(delete, world))
            try:
                found = await ask(world, "Scan", TableName="large", IndexName="by_kind")
            except ApiError as error:
                assert error.code == "ResourceNotFoundException"
            else:
                assert (struck, at, after, found["Count"]) == (True, 1, False, ITEMS)
                await delete(world)
            await ask(world, "CreateTable", **LARGE)  # the name is free, whatever is left of the old table
            assert (await ask(world, "Scan", TableName="large"))["Count"] == 0
            for _ in range(ROUNDS):
                await world.pass_time(1)
            assert await left(world) == [0, 0, 0], f"a death at commit {at} left items behind"
        at += 1
    assert at > ITEMS / AT_ONCE


@pytest.mark.parametrize(
    "after", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["before the commit", "after the commit"]
)
async def test_an_index_is_whole_or_gone_wherever_its_deletion_is_cut(
    tmp_path: Path, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "AT_ONCE", AT_ONCE)
    at, struck = 1, True
    while struck:
        folder = tmp_path / str(at)
        folder.mkdir()
        async with World(folder) as world:
            await fill(world)
            struck, _ = await dies(world, at, after, partial(delete_index, world))
            try:
                found = await ask(world, "Scan", TableName="large", IndexName="by_kind")
            except ApiError as error:
                assert "does not have the specified index" in error.message
            else:
                assert (struck, at, after, found["Count"]) == (True, 1, False, ITEMS)
                await delete_index(world)
            for _ in range(ROUNDS):
                await world.pass_time(1)
            assert await left(world) == [ITEMS, 0, 0], f"a death at commit {at} left entries behind"
        at += 1
    assert at > ITEMS / AT_ONCE
