"""Files that people drop into a bucket's folder: EventBridge is told of them as of objects that were put.

It watches only while a rule wants S3's events. A file counts once it holds still; one whose facts are kept was put
through the API or told before. What was dropped while the daemon was down is found by its time against that of a mark
in the bucket. At least once: a daemon that ends between telling and keeping the facts tells again.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Final

import watchfiles

from flowd import background
from flowd.engine.objects import Objects
from flowd.services.objects import facts, notices
from flowd.services.s3 import FolderBuckets, NoSuchBucket

log = logging.getLogger(__name__)
SETTLE_S: Final = 1.0
AGAIN_S: Final = 5.0
MARK: Final = "watched"
WHO: Final = "a file that was dropped there"
Changes = Callable[[Path, asyncio.Event], AsyncIterator[set[Path]]]


async def watch_files(folder: Path, stop: asyncio.Event) -> AsyncIterator[set[Path]]:
    """What watchfiles notices."""
    async for changes in watchfiles.awatch(folder, stop_event=stop, recursive=True, ignore_permission_denied=True):
        yield {Path(path) for change, path in changes if change is not watchfiles.Change.deleted}


class BucketWatch:
    """The service."""

    def __init__(
        self, objects: Objects, buckets: FolderBuckets, changes: Changes = watch_files, settle_s: float = SETTLE_S
    ) -> None:
        self._objects = objects
        self._buckets = buckets
        self._changes = changes
        self._settle_s = settle_s
        self._stop = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        self._waiting: dict[Path, asyncio.Task[None]] = {}  # files that may still be written

    async def start(self) -> None:
        self._worker = asyncio.create_task(self._work(), name="buckets")

    async def stop(self) -> None:
        self._stop.set()
        await background.end(*self._waiting.values(), self._worker)
        self._worker = None

    async def _work(self) -> None:
        while True:
            await self._objects.wanted.until(True)
            self._stop.clear()
            beside = [asyncio.create_task(self._end_when_unwanted()), asyncio.create_task(self._catch_up())]
            try:
                self._buckets.folder.mkdir(parents=True, exist_ok=True)
                async for paths in self._changes(self._buckets.folder, self._stop):
                    self.look(paths)
            except OSError as error:
                log.warning("the folder of buckets cannot be watched, it is tried again: %s", error)
                await asyncio.sleep(AGAIN_S)
            finally:
                for task in beside:
                    task.cancel()
            if not self._objects.wanted():
                await asyncio.to_thread(self._unmark)

    async def _end_when_unwanted(self) -> None:
        await self._objects.wanted.until(False)
        self._stop.set()

    async def _catch_up(self) -> None:
        """While the watch has begun, so that nothing falls between."""
        try:
            await self.catch_up()
        except OSError as error:
            log.warning("what was dropped into buckets meanwhile is not told of: %s", error)

    async def catch_up(self) -> None:
        """Tell of what was dropped since the marks were set, then move them; a bucket without one begins now."""
        begun_ns = time.time_ns()
        paths = await asyncio.to_thread(self._since_marks)
        self.look(paths)
        tasks = [self._waiting[path] for path in paths if path in self._waiting]
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(self._mark, begun_ns)

    def look(self, paths: Iterable[Path]) -> None:
        """Something has changed there."""
        for path in paths:
            if path not in self._waiting:
                task = asyncio.create_task(self._tell(path), name=f"bucket file {path.name}")
                self._waiting[path] = task
                task.add_done_callback(partial(self._told, path))

    def _told(self, path: Path, task: asyncio.Task[None]) -> None:
        self._waiting.pop(path, None)

    async def settled(self) -> None:
        """Return when no file is waited for (tests)."""
        while self._waiting:
            await asyncio.gather(*self._waiting.values(), return_exceptions=True)
            await asyncio.sleep(0)

    async def _tell(self, path: Path) -> None:
        found = _place(self._buckets, path)
        if found is None or not await self._holds_still(path):
            return
        try:
            if await asyncio.to_thread(facts.kept, path) is not None:
                return
            made = await asyncio.to_thread(facts.worked_out, path)
            call = self._objects.new_call(WHO)
            notices.created(call, *found, made, "PutObject")
            await self._objects.tell(call)
            await asyncio.to_thread(facts.keep, path, made)
        except OSError as error:
            log.info("%s is not told of: %s", path, error)

    async def _holds_still(self, path: Path) -> bool:
        """Wait until it is not written any more; False if it is gone or no file."""
        last: tuple[int, int] | None = None
        while True:
            try:
                stat = await asyncio.to_thread(path.stat)
            except OSError:
                return False
            now = (stat.st_size, stat.st_mtime_ns)
            if now == last:
                return path.is_file()
            last = now
            await asyncio.sleep(self._settle_s)

    # -- in threads ------------------------------------------------------------------

    def _since_marks(self) -> list[Path]:
        found: list[Path] = []
        for bucket, _ in self._buckets.names():
            mark = self._buckets.own_folder(bucket, MARK)
            if not mark.exists():
                continue
            since_ns = mark.stat().st_mtime_ns
            for item in self._buckets.list(bucket):
                path = self._buckets.path(bucket, item.key)
                if path is not None and path.stat().st_ctime_ns > since_ns and facts.kept(path) is None:
                    found.append(path)
        return found

    def _mark(self, at_ns: int) -> None:
        for bucket, _ in self._buckets.names():
            mark = self._buckets.own_folder(bucket, MARK)
            mark.touch()
            os.utime(mark, ns=(at_ns, at_ns))

    def _unmark(self) -> None:
        for bucket, _ in self._buckets.names():
            self._buckets.own_folder(bucket, MARK).unlink(missing_ok=True)


def _place(buckets: FolderBuckets, path: Path) -> tuple[str, str] | None:
    """Bucket and key of a file; None for one that is no object."""
    try:
        bucket, *parts = path.relative_to(buckets.folder).parts
        key = "/".join(parts)
        return (bucket, key) if parts and buckets.path(bucket, key) is not None else None
    except (ValueError, NoSuchBucket):
        return None
