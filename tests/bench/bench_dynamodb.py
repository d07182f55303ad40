"""How many items of DynamoDB one box puts, updates and reads a second through the engine's shell; fsync included.

python tests/bench/bench_dynamodb.py [CALLS]
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.engine.world import World

TABLE = {
    "TableName": "bench",
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "BillingMode": "PAY_PER_REQUEST",
}


def request(kind: str, number: int) -> tuple[str, dict[str, Any]]:
    key = {"id": {"S": f"k{number % 1000}"}}
    if kind == "put":
        return "PutItem", {"TableName": "bench", "Item": {**key, "text": {"S": "x" * 200}, "n": {"N": str(number)}}}
    if kind == "get":
        return "GetItem", {"TableName": "bench", "Key": key}
    update = {"UpdateExpression": "SET a = if_not_exists(a, :z) + :one", "ConditionExpression": "attribute_exists(id)"}
    values = {":z": {"N": "0"}, ":one": {"N": "1"}}
    return "UpdateItem", {"TableName": "bench", "Key": key, **update, "ExpressionAttributeValues": values}


async def measure(kind: str, calls: int, at_once: int) -> float:
    """Calls a second with so many under way."""
    with tempfile.TemporaryDirectory() as folder:
        async with World(Path(folder)) as world:
            invoke = world.core.embedded.invoke
            await invoke("dynamodb", "CreateTable", TABLE)
            for number in range(1000):
                await invoke("dynamodb", *request("put", number)) if at_once > 1 or number == 0 else None
            numbers = iter(range(calls))

            async def one() -> None:
                for number in numbers:
                    await invoke("dynamodb", *request(kind, number if at_once > 1 else 0))

            began = time.perf_counter()
            await asyncio.gather(*(one() for _ in range(at_once)))
            return calls / (time.perf_counter() - began)


async def main(calls: int) -> None:
    for kind in ("put", "update", "get"):
        for at_once, count in ((1, calls // 10), (50, calls)):
            print(f"{kind:7} {at_once:3} at once  {await measure(kind, count, at_once):8,.0f}/s")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000))
