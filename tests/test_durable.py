"""What is answered for is on disk: the order of names and syncs, as a power cut would find it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest

from flowd import durable
from flowd.decisions import Reading
from flowd.engine.mapruns.items import read_dataset
from flowd.services.objects import SERVICE
from flowd.services.ports import Call
from flowd.services.s3 import FolderBuckets


class Disk:
    """Notes what each folder held when it was synced last: what a power cut leaves of its names."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.names: dict[Path, set[str]] = {}
        self._sync: Callable[[int], None] = os.fsync
        monkeypatch.setattr(os, "fsync", self._note)

    def _note(self, descriptor: int) -> None:
        self._sync(descriptor)
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        if path.is_dir():
            self.names[path] = {each.name for each in path.iterdir()}

    def has(self, path: Path, root: Path) -> bool:
        return path == root or (path.name in self.names.get(path.parent, set()) and self.has(path.parent, root))


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def _write(buckets: FolderBuckets, *keys: str) -> None:
    for key in keys:
        with buckets.create("things", key) as file:
            file.write(b"x")


def test_an_object_is_on_disk_with_its_name_and_all_folders_above_it(tmp_path: Path, disk: Disk) -> None:
    buckets = FolderBuckets(tmp_path / "s3")
    assert buckets.make("things") and not buckets.make("things")
    _write(buckets, "deep/er/key")
    assert disk.has(tmp_path / "s3" / "things" / "deep" / "er" / "key", tmp_path)


def test_a_deleted_object_does_not_come_back(tmp_path: Path, disk: Disk) -> None:
    buckets = FolderBuckets(tmp_path / "s3")
    buckets.make("things")
    _write(buckets, "deep/key", "key")
    assert buckets.delete("things", "deep/key") and buckets.delete("things", "key")
    assert disk.names[tmp_path / "s3" / "things"] == set()


def test_the_parts_of_an_upload_and_what_was_said_of_it_are_on_disk(tmp_path: Path, disk: Disk) -> None:
    buckets = FolderBuckets(tmp_path / "s3")
    buckets.make("things")
    call = Call(now_ms=0, region="us-east-1", account="0" * 12, new_id=lambda: str(UUID(int=1)), who="me")
    place = {"Bucket": "things", "Key": "k"}
    place["UploadId"] = SERVICE.operations["CreateMultipartUpload"](buckets, place, call)["UploadId"]
    SERVICE.operations["UploadPart"](buckets, {**place, "PartNumber": 7, "Body": b"x"}, call)
    folder = buckets.own_folder("things", "uploads") / place["UploadId"]
    made = list(folder.iterdir())
    assert len(made) == 2 and all(disk.has(path, tmp_path) for path in made)


def test_the_items_that_a_map_has_read_are_on_disk(tmp_path: Path, disk: Disk) -> None:
    buckets = FolderBuckets(tmp_path / "s3")
    buckets.make("things")
    with buckets.create("things", "list.json") as file:
        file.write(b"[1, 2]")
    reading = Reading(action="getObject", bucket="things", key="list.json", config={"InputType": "JSON"})
    spool = tmp_path / "maps" / "one"
    assert read_dataset(buckets, reading, spool, lambda: False) == 2
    assert disk.has(spool, tmp_path)


def test_deletions_that_empty_a_folder_together_all_succeed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `aws s3 rm --recursive` deletes, many at a time."""
    buckets = FolderBuckets(tmp_path / "s3")
    buckets.make("things")
    _write(buckets, "deep/er/one", "deep/er/two")
    sync, others = durable.sync, ["deep/er/two"]

    def between(path: Path, *within: Path) -> None:
        while others:
            assert buckets.delete("things", others.pop())
        sync(path)

    monkeypatch.setattr(durable, "sync", between)
    assert buckets.delete("things", "deep/er/one")
    assert not (tmp_path / "s3" / "things" / "deep").exists()


def test_an_object_is_written_into_a_folder_that_is_just_being_emptied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    buckets = FolderBuckets(tmp_path / "s3")
    buckets.make("things")
    _write(buckets, "deep/er/one")
    make_folders, others = durable.make_folders, ["deep/er/one"]

    def between(path: Path, *within: Path) -> None:
        make_folders(path, *within)
        while others:
            assert buckets.delete("things", others.pop())

    monkeypatch.setattr(durable, "make_folders", between)
    _write(buckets, "deep/er/two")
    assert [each.key for each in buckets.list("things")] == ["deep/er/two"]


def test_a_file_in_the_way_of_a_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises((FileExistsError, NotADirectoryError)):
        durable.make_folders(tmp_path / "file" / "below")


def test_a_file_system_that_syncs_no_folders_is_used_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: int) -> None:
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(os, "fsync", refuse)
    durable.sync(tmp_path)
