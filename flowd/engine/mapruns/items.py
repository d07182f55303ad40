"""Where the children of a Map Run get their inputs: the state's own items, or a dataset read into a spool file.

A dataset is read once, before the first child, so that its size is known, what is wrong with it is found at once, and a
later daemon goes on with the same items even if the objects have changed. Everything here blocks: threads call it.
"""

from __future__ import annotations

import csv
import gzip
import io
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext, suppress
from itertools import islice
from pathlib import Path
from typing import Any

from flowd import durable
from flowd.asl.datasets import BadDataset, Pair, file_items
from flowd.asl.distributed import MOST_ITEMS
from flowd.asl.items import ChildInput, Place, child_inputs
from flowd.decisions import MapRunPlan, Reading
from flowd.entropy import Entropy
from flowd.errors import FlowdError
from flowd.payload import InvalidJson, Payload, dumps, loads
from flowd.services.s3 import Buckets, NoSuchBucket, NoSuchKey


class ReaderFailed(FlowdError):
    """The dataset could not be read; the message is the cause of States.ItemReaderFailed."""


def read_dataset(buckets: Buckets, reading: Reading, spool: Path, left: Callable[[], bool]) -> int:
    """Read a dataset into `spool`, one item per line of JSON; returns how many. Raises ReaderFailed.

    The line of a pair of an object begins with a tab, which no other does.
    `left` says that nobody waits for it any more.
    """
    unfinished = spool.with_suffix(".part")
    try:
        durable.make_folders(spool.parent)
        count = 0
        with unfinished.open("w", encoding="utf-8", newline="\n") as file:
            for item in islice(_items(buckets, reading), reading.max_items or MOST_ITEMS):
                file.write(("\t" if isinstance(item, Pair) else "") + dumps(item) + "\n")
                count += 1
                if left():
                    raise ReaderFailed("nobody waits for this dataset any more")
            file.flush()
            os.fsync(file.fileno())
        durable.put(unfinished, spool)
    except (NoSuchBucket, NoSuchKey) as error:
        place = f"Bucket: {reading.bucket}" + (f", Key: {reading.key}" if isinstance(error, NoSuchKey) else "")
        raise ReaderFailed(f"{error} ({place})") from None
    except (BadDataset, InvalidJson) as error:
        raise ReaderFailed(str(error)) from None
    except (OSError, EOFError, UnicodeError) as error:
        raise ReaderFailed(f"s3://{reading.bucket}/{reading.key} cannot be read: {error}") from None
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
    return count


def _items(buckets: Buckets, reading: Reading) -> Iterator[Any]:
    if reading.action == "listObjectsV2":
        found = buckets.list(reading.bucket, reading.prefix)
        if reading.config.get("Transformation") == "LOAD_AND_FLATTEN":
            yield from _all_of(buckets, ((reading.bucket, each.key) for each in found), reading.config)
        else:
            yield from (each.item() for each in found)
    elif reading.config.get("ManifestType") == "ATHENA_DATA":
        yield from _all_of(buckets, _unloaded(buckets, reading), reading.config)
    elif reading.config.get("InputType") == "MANIFEST":
        yield from _inventory(buckets, reading)
    else:
        yield from _in_object(buckets, reading.bucket, reading.key, reading.config, reading.objects)


def _in_object(buckets: Buckets, bucket: str, key: str, config: dict[str, Any], objects: bool = False) -> Iterator[Any]:
    with (
        buckets.open(bucket, key) as stored,
        gzip.GzipFile(fileobj=stored) if key.endswith(".gz") else nullcontext(stored) as raw,
        io.TextIOWrapper(raw, "utf-8-sig", newline="") as text,
    ):
        yield from file_items(text, config, objects)


def _all_of(buckets: Buckets, places: Iterable[tuple[str, str]], config: dict[str, Any]) -> Iterator[Any]:
    """The items of several objects one after the other; keys that only stand for a folder are passed over."""
    for bucket, key in places:
        if not key.endswith("/"):
            try:
                yield from _in_object(buckets, bucket, key, config)
            except (BadDataset, NoSuchKey) as error:
                raise BadDataset(f"{error} (Bucket: {bucket}, Key: {key})") from None


def _unloaded(buckets: Buckets, reading: Reading) -> Iterator[tuple[str, str]]:
    """The objects that Athena's UNLOAD wrote: its manifest has a line of s3://BUCKET/KEY for each."""
    with buckets.open(reading.bucket, reading.key) as raw, io.TextIOWrapper(raw, "utf-8-sig") as lines:
        for line in lines:
            scheme, _, place = line.strip().strip('"').partition("://")
            bucket, _, key = place.partition("/")
            if line.strip() and (scheme != "s3" or not key):
                raise BadDataset(f"The manifest is not that of Athena: {line.strip()!r} is no s3://BUCKET/KEY")
            if line.strip():
                yield bucket, key


def _inventory(buckets: Buckets, reading: Reading) -> Iterator[dict[str, str]]:
    """The objects that an S3 inventory lists: its manifest names gzipped CSV files and their columns."""
    with buckets.open(reading.bucket, reading.key) as raw:
        manifest = loads(raw.read())
    if not isinstance(manifest, dict) or not isinstance(manifest.get("files"), list):
        raise BadDataset("The manifest is not that of an S3 inventory: it has no list 'files'")
    if manifest.get("fileFormat") != "CSV":
        raise BadDataset(f"Only inventories of fileFormat CSV can be read, not '{manifest.get('fileFormat')}'")
    columns = [column.strip() for column in str(manifest.get("fileSchema", "")).split(",")]
    bucket = str(manifest.get("destinationBucket", "")).rpartition(":")[2] or reading.bucket
    for file in manifest["files"]:
        with (
            buckets.open(bucket, str(file.get("key"))) as packed,
            gzip.GzipFile(fileobj=packed) as raw_rows,
            io.TextIOWrapper(raw_rows, "utf-8", newline="") as rows,
        ):
            for row in csv.reader(rows):
                yield dict(zip(columns, row, strict=False))


class Inputs:
    """The inputs of the children that have not been started, in order. Not for two threads at once."""

    def __init__(
        self,
        place: Place,
        plan: MapRunPlan,
        spool: Path | None,
        gaps: list[tuple[int, int]],
        now_ms: int,
        entropy: Entropy,
    ) -> None:
        """`gaps`: the half-open ranges of item numbers that no child got yet, in order."""
        self._file = None if spool is None else spool.open(encoding="utf-8", newline="\n")
        self._keyed = place.frame.keyed
        if self._file is not None:
            self._keyed = self._file.read(1) == "\t"
            self._file.seek(0)
        self._inputs = self._generate(place, plan, gaps, now_ms, entropy)

    def take(self, most: int) -> list[ChildInput]:
        """The next inputs; fewer than `most` only at the end. Raises Fault."""
        return list(islice(self._inputs, most))

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _generate(
        self, place: Place, plan: MapRunPlan, gaps: list[tuple[int, int]], now_ms: int, entropy: Entropy
    ) -> Iterator[ChildInput]:
        items = iter(self._items(place))
        position = 0
        for first, end in gaps:
            for _ in islice(items, first - position):
                pass
            some = islice(items, end - first)
            yield from child_inputs(place, plan, some, self._keyed, first, now_ms, entropy)
            position = end

    def _items(self, place: Place) -> Iterable[Payload]:
        if self._file is not None:
            return (Payload(text=line.strip("\t\n")) for line in self._file)
        held = place.frame.items
        return (Payload.of(value) for value in (held.value if held is not None else ()))


def uncovered(covered: list[tuple[int, int]], total: int) -> list[tuple[int, int]]:
    """The ranges below `total` that (first, count) pairs leave out. Commits fail alone, so there may be holes."""
    gaps: list[tuple[int, int]] = []
    position = 0
    for first, count in covered:
        if first > position:
            gaps.append((position, first))
        position = max(position, first + count)
    if position < total:
        gaps.append((position, total))
    return gaps
