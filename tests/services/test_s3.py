"""Buckets that are folders: keys are paths, nothing outside is reached, and an object is there whole or not at all."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from flowd import durable
from flowd.services.s3 import BadKey, FolderBuckets, Interrupted, NoSuchBucket, NoSuchKey, NotEmpty


@pytest.fixture
def buckets(tmp_path: Path) -> FolderBuckets:
    (tmp_path / "s3" / "data" / "a").mkdir(parents=True)
    (tmp_path / "secret").write_text("secret")
    for key in ("b.txt", "a/z", "a.txt", "a/b", "c"):
        (tmp_path / "s3" / "data" / key).write_text(key)
    return FolderBuckets(tmp_path / "s3")


def keys(buckets: FolderBuckets, prefix: str = "") -> list[str]:
    return [found.key for found in buckets.list("data", prefix)]


def test_objects_are_read_and_listed_in_the_order_of_their_keys(buckets: FolderBuckets) -> None:
    with buckets.open("data", "a/b") as file:
        assert file.read() == b"a/b"
    assert keys(buckets) == sorted(["b.txt", "a/z", "a.txt", "a/b", "c"])
    assert keys(buckets, "a") == ["a.txt", "a/b", "a/z"]
    assert keys(buckets, "a/") == ["a/b", "a/z"]
    assert keys(buckets, "a/z") == ["a/z"]
    assert keys(buckets, "nothing") == []


def test_an_item_has_the_members_of_a_listing(buckets: FolderBuckets) -> None:
    (found,) = buckets.list("data", "c")
    item = found.item()
    assert list(item) == ["Etag", "LastModified", "Key", "Size", "StorageClass"]
    assert (item["Key"], item["Size"], item["StorageClass"]) == ("c", 1, "STANDARD")
    assert isinstance(item["LastModified"], int)
    before = item["Etag"]
    (buckets.folder / "data" / "c").write_text("changed")
    (changed,) = buckets.list("data", "c")
    assert changed.etag != before


@pytest.mark.parametrize(
    "key", ["../data/c", "a/../c", "..", "", "/c", "a//b", "a/", "./c", "c\0", "a", "no", "x" * 999]
)
def test_a_key_that_is_no_path_below_its_bucket_names_no_object(buckets: FolderBuckets, key: str) -> None:
    with pytest.raises(NoSuchKey):
        buckets.open("data", key)


@pytest.mark.parametrize("bucket", ["nothing", "..", "../s3", "data/a", "", "DATA", "s"])
def test_only_folders_with_the_name_of_a_bucket_are_buckets(buckets: FolderBuckets, bucket: str) -> None:
    with pytest.raises(NoSuchBucket):
        buckets.open(bucket, "c")
    with pytest.raises(NoSuchBucket):
        list(buckets.list(bucket))
    with pytest.raises(NoSuchBucket), buckets.create(bucket, "k"):
        pass


def test_links_lead_nowhere_outside(buckets: FolderBuckets, tmp_path: Path) -> None:
    (buckets.folder / "data" / "link").symlink_to(tmp_path / "secret")
    (buckets.folder / "data" / "up").symlink_to(tmp_path)
    (buckets.folder / "data" / "loop").symlink_to(buckets.folder / "data")
    for key in ("link", "up/secret"):
        with pytest.raises(NoSuchKey):
            buckets.open("data", key)
        with pytest.raises(BadKey), buckets.create("data", key) as file:
            file.write(b"x")
    assert keys(buckets) == sorted(["b.txt", "a/z", "a.txt", "a/b", "c"])
    assert (tmp_path / "secret").read_text() == "secret"


def test_an_object_is_there_whole_or_not_at_all(buckets: FolderBuckets) -> None:
    with buckets.create("data", "new/one") as file:
        file.write(b"12")
        assert keys(buckets, "new") == []
    with buckets.open("data", "new/one") as made:
        assert made.read() == b"12"
    with pytest.raises(RuntimeError), buckets.create("data", "new/one") as file:
        file.write(b"half")
        raise RuntimeError
    with buckets.open("data", "new/one") as kept:
        assert kept.read() == b"12"
    assert [path.name for path in (buckets.folder / "data" / "new").iterdir()] == ["one"]


def test_a_folder_that_is_emptied_while_it_is_listed_is_passed_over(buckets: FolderBuckets) -> None:
    listed = buckets.list("data")
    assert next(listed).key == "a.txt"  # the bucket's own folder has been read by now
    for key in ("a/b", "a/z"):
        assert buckets.delete("data", key)
    assert [found.key for found in listed] == ["b.txt", "c"]


@pytest.mark.parametrize("key", ["", "../x", "a", "a/b/c", "/"])
def test_a_key_that_can_be_no_file_is_not_written(buckets: FolderBuckets, key: str) -> None:
    with pytest.raises((BadKey, OSError)), buckets.create("data", key) as file:
        file.write(b"x")
    assert keys(buckets) == sorted(["b.txt", "a/z", "a.txt", "a/b", "c"])


def test_a_put_and_the_deletion_of_its_bucket_never_both_succeed(tmp_path: Path) -> None:
    """What was put is in the bucket, whose deletion then failed; or it found no bucket."""
    buckets = FolderBuckets(tmp_path)
    for number in range(45):
        buckets.make("race")
        begin = threading.Barrier(4)

        def put(key: str, begin: threading.Barrier = begin) -> bool:
            begin.wait()
            try:
                with buckets.create("race", key) as file:
                    file.write(b"x")
            except (NoSuchBucket, Interrupted):
                return False
            return True

        def remove(begin: threading.Barrier = begin, pause: float = number % 15 / 10_000) -> bool:
            begin.wait()
            time.sleep(pause)  # so that it meets all moments of a put
            try:
                buckets.remove("race")
            except NotEmpty:
                return False
            return True

        with ThreadPoolExecutor(4) as threads:
            puts = {key: threads.submit(put, key) for key in ("a", "b/c", "b/d")}
            removed = threads.submit(remove).result()
            done = sorted(key for key, put_ in puts.items() if put_.result())
        if removed:
            assert (done, buckets.has("race")) == ([], False)
        else:
            assert [found.key for found in buckets.list("race")] == done
            for key in done:
                assert buckets.delete("race", key)
            buckets.remove("race")


def test_what_is_begun_does_not_bring_a_deleted_bucket_back(buckets: FolderBuckets) -> None:
    buckets.make("gone")
    with pytest.raises(NoSuchBucket), buckets.create("gone", "a/b") as file:
        file.write(b"x")
        buckets.remove("gone")
    assert not buckets.has("gone")
    with pytest.raises(FileNotFoundError):
        durable.make_folders(buckets.folder / "gone" / "a", buckets.folder / "gone")
    assert not buckets.has("gone")


def test_a_bucket_with_nothing_but_rests_in_it_goes(buckets: FolderBuckets, tmp_path: Path) -> None:
    buckets.make("rests")
    base = buckets.folder / "rests"
    (base / "empty" / "below").mkdir(parents=True)
    (base / ".flowd-uploads" / "u").mkdir(parents=True)
    (base / ".flowd-uploads" / "u" / "part-00001").write_text("x")
    (base / "empty" / ".flowd-1").write_text("x")
    (base / "out").symlink_to(tmp_path / "secret")
    buckets.remove("rests")
    assert not base.exists()
    assert (tmp_path / "secret").read_text() == "secret"
    with pytest.raises(NotEmpty):
        buckets.remove("data")
    assert len(keys(buckets)) == 5
