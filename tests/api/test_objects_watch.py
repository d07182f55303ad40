"""Who hears of objects: rules, and files that were dropped into a bucket's folder."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from flowd.engine.bucketwatch import BucketWatch
from flowd.services.ports import Delivery
from flowd.services.s3 import FolderBuckets
from tests.api.shop import Shop


async def test_rules_hear_of_objects_that_were_made_and_deleted(shop: Shop) -> None:
    told: list[dict[str, Any]] = []

    async def tell(delivery: Delivery, attempt: Any) -> None:
        told.append(json.loads(delivery.body))

    await shop.put("before")
    shop.world.core.deliveries.carriers["lambda"] = tell
    events = shop.client("events")
    pattern = {"source": ["aws.s3"], "detail": {"bucket": {"name": ["box"]}, "object": {"key": [{"suffix": ".csv"}]}}}
    await asyncio.to_thread(events.put_rule, Name="r", EventPattern=json.dumps(pattern))
    target = {"Id": "1", "Arn": "arn:aws:lambda:us-east-1:000000000000:function:f"}
    await asyncio.to_thread(events.put_targets, Rule="r", Targets=[target])
    await shop.put("in/a.csv", b"1,2")
    await shop.put("in/a.txt")
    await shop("delete_object", Bucket="box", Key="in/a.csv")
    await shop.world.settle()
    assert [event["detail-type"] for event in told] == ["Object Created", "Object Deleted"]
    created = told[0]
    assert (created["resources"], created["detail"]["reason"]) == (["arn:aws:s3:::box"], "PutObject")
    shown = created["detail"]["object"]
    assert (shown["key"], shown["size"], shown["etag"]) == ("in/a.csv", 3, hashlib.md5(b"1,2").hexdigest())


async def watched(shop: Shop, told: list[str]) -> BucketWatch:
    """A watch of the shop's buckets, and a rule that tells of every new object."""

    async def tell(delivery: Delivery, attempt: Any) -> None:
        told.append(json.loads(delivery.body)["detail"]["object"]["key"])

    shop.world.core.deliveries.carriers["lambda"] = tell
    invoke = shop.world.core.embedded.invoke
    await invoke("events", "PutRule", {"Name": "r", "EventPattern": '{"source": ["aws.s3"]}'})
    target = {"Id": "1", "Arn": "arn:aws:lambda:us-east-1:000000000000:function:f"}
    await invoke("events", "PutTargets", {"Rule": "r", "Targets": [target]})
    return BucketWatch(shop.objects, FolderBuckets(shop.folder), settle_s=0)


async def test_a_file_that_is_dropped_is_told_of_once(shop: Shop) -> None:
    told: list[str] = []
    watch = await watched(shop, told)
    (shop.folder / "box" / "in").mkdir()
    path = shop.folder / "box" / "in" / "a.csv"
    path.write_text("1,2")
    for _ in range(2):
        watch.look([path, path.parent, shop.folder / "box" / ".flowd-x", shop.folder / "stray"])
        await watch.settled()
    await shop.put("by/api")
    watch.look([shop.folder / "box" / "by" / "api"])
    await watch.settled()
    await shop.world.settle()
    assert told == ["in/a.csv", "by/api"]
    path.write_text("3,4,5")
    watch.look([path])
    await watch.settled()
    await shop.world.settle()
    assert told == ["in/a.csv", "by/api", "in/a.csv"]


async def test_what_was_dropped_while_nobody_watched_is_told_of_but_not_what_was_there_before(shop: Shop) -> None:
    told: list[str] = []
    (shop.folder / "box" / "old").write_text("x")
    watch = await watched(shop, told)
    await watch.catch_up()
    (shop.folder / "box" / "new").write_text("x")
    for _ in range(2):
        again = BucketWatch(shop.objects, FolderBuckets(shop.folder), settle_s=0)
        await again.catch_up()
        await shop.world.settle()
        assert told == ["new"]


async def test_the_watch_runs_only_while_a_rule_wants_it(shop: Shop) -> None:
    told: list[str] = []
    begun, queue = asyncio.Event(), asyncio.Queue[set[Path]]()

    async def changes(folder: Path, stop: asyncio.Event) -> AsyncIterator[set[Path]]:
        begun.set()
        while not stop.is_set():
            yield await queue.get()

    watch = BucketWatch(shop.objects, FolderBuckets(shop.folder), changes, settle_s=0)
    await watch.start()
    assert not begun.is_set()
    await watched(shop, told)
    await begun.wait()
    path = shop.folder / "box" / "k"
    path.write_text("x")
    queue.put_nowait({path})
    while not told:
        await asyncio.sleep(0)
        await watch.settled()
        await shop.world.settle()
    assert told == ["k"]
    await watch.stop()
