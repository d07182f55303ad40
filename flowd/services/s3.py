"""Buckets of the kind that lie in a folder: a bucket is a folder, a key is the path of a file in it.

Everything here blocks, so it is called in threads. Nothing outside of the folder is ever read or written: a key that is
no path below its bucket names no object. Versions, metadata and access rights do not exist.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import stat
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

import msgspec

from flowd import durable
from flowd.errors import FlowdError

_BUCKET = re.compile(r"[a-z0-9](?:[a-z0-9.-]{1,61})[a-z0-9]")
KEY_BYTES = 1024  # of a key (S3's own limit)
NAME_BYTES = 255  # of one part of it (Linux's limit for a file's name)
_TRIES = 20  # deletions that may come in between when folders are made
_UNFINISHED = ".flowd-"  # how names of files that are being written begin; they are no objects


class NoSuchBucket(FlowdError):
    """The specified bucket does not exist"""


class LedOut(NoSuchBucket):
    """A bucket that is a link out of the folder of buckets: what is outside is nobody's object."""


class NoSuchKey(FlowdError):
    """The specified key does not exist."""


class BadKey(FlowdError):
    """A key that no file of a folder can have."""


class NotEmpty(FlowdError):
    """The bucket you tried to delete is not empty"""


class Interrupted(FlowdError):
    """A conflicting conditional operation is currently in progress against this resource. Try again."""


class S3Object(msgspec.Struct, frozen=True):
    """One object of a listing, with the members that ListObjectsV2 gives. `modified_ms`: since the epoch."""

    key: str
    size: int
    modified_ms: int
    etag: str

    def item(self) -> dict[str, object]:
        """What an ItemReader gives for it (members in the recorded order; LastModified in whole seconds)."""
        return {
            "Etag": self.etag,
            "LastModified": self.modified_ms // 1000,
            "Key": self.key,
            "Size": self.size,
            "StorageClass": "STANDARD",
        }


class Buckets(Protocol):
    """A port: whoever reads and writes objects of buckets. All methods block and may raise OSError."""

    def open(self, bucket: str, key: str) -> BinaryIO:
        """The object's bytes. Raises NoSuchBucket, NoSuchKey."""
        ...

    def list(self, bucket: str, prefix: str = "") -> Iterator[S3Object]:
        """Objects whose key begins with `prefix`, in the order of their keys' bytes. Raises NoSuchBucket."""
        ...

    def create(self, bucket: str, key: str) -> contextlib.AbstractContextManager[BinaryIO]:
        """A new object, there with all of its bytes once the context ends well. Raises NoSuchBucket, BadKey, and
        Interrupted if somebody wanted to delete the bucket meanwhile, and did not."""
        ...


class FolderBuckets:
    """The buckets below one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def open(self, bucket: str, key: str) -> BinaryIO:
        base = self._bucket(bucket)
        path = _below(base, key)
        if path is None or not path.is_file():
            raise NoSuchKey
        return path.open("rb")

    def list(self, bucket: str, prefix: str = "") -> Iterator[S3Object]:
        base = self._bucket(bucket)
        yield from _walk(base, base, "", prefix)

    @contextlib.contextmanager
    def create(self, bucket: str, key: str) -> Iterator[BinaryIO]:
        base = self._bucket(bucket)
        path = _below(base, key)
        if path is None or path == base or path.is_dir():
            raise BadKey(f"'{key}' cannot be a file below the folder of bucket {bucket}")
        unfinished = path.parent / f"{_UNFINISHED}{uuid.uuid4().hex}"
        try:
            with _begun(base, unfinished) as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            durable.put(unfinished, path)
        except FileNotFoundError:  # a deletion of the bucket took the unfinished file away
            raise (Interrupted if base.is_dir() else NoSuchBucket) from None
        finally:
            unfinished.unlink(missing_ok=True)

    def names(self) -> Sequence[tuple[str, int]]:
        """All buckets with the time of their making, by name."""
        if not self.folder.is_dir():
            return []
        found = [path for path in self.folder.iterdir() if self.has(path.name)]
        return sorted((path.name, path.stat().st_ctime_ns // 1_000_000) for path in found)

    def has(self, bucket: str) -> bool:
        return _BUCKET.fullmatch(bucket) is not None and (self.folder / bucket).is_dir() and self._leads(bucket) is None

    def check(self, bucket: str) -> None:
        """Raises NoSuchBucket, LedOut."""
        self._bucket(bucket)

    def make(self, bucket: str) -> bool:
        """A new bucket; False if it is there. Raises BadKey for a name that no bucket can have."""
        if not _BUCKET.fullmatch(bucket):
            raise BadKey(f"'{bucket}' cannot be the name of a bucket")
        durable.make_folders(self.folder)
        try:
            (self.folder / bucket).mkdir()
        except FileExistsError:
            return False
        durable.sync(self.folder)
        return True

    def remove(self, bucket: str) -> None:
        """Take a bucket away that holds no object. An object that is put meanwhile keeps it, or finds no bucket: no
        file system removes what is not empty. Raises NoSuchBucket, NotEmpty."""
        base, folder = self._bucket(bucket), self.folder / bucket
        for _ in range(_TRIES):
            if next(self.list(bucket), None) is not None:
                raise NotEmpty
            if folder.is_symlink():
                folder.unlink()  # somebody's own folder, which is here by a link only
                break
            _clear(base)
            try:
                folder.rmdir()
                break
            except FileNotFoundError:
                raise NoSuchBucket from None
            except OSError as error:
                if error.errno != errno.ENOTEMPTY:
                    raise
        else:
            raise NotEmpty
        durable.sync(self.folder)

    def path(self, bucket: str, key: str) -> Path | None:
        """Where an object is or would be; None for a key that no file can have. Raises NoSuchBucket."""
        base = self._bucket(bucket)
        path = _below(base, key)
        return None if path == base else path

    def delete(self, bucket: str, key: str) -> bool:
        """Remove an object, and folders that it leaves empty; False if there was none."""
        base, path = self._bucket(bucket), self.path(bucket, key)
        if path is None or not path.is_file():
            return False
        path.unlink(missing_ok=True)
        folder = path.parent
        while folder != base and folder.is_relative_to(base):
            try:
                folder.rmdir()
            except OSError:
                break
            folder = folder.parent
        while not _synced(folder):
            folder = folder.parent
        return True

    def base(self, bucket: str) -> Path:
        """The folder that a bucket is. Raises NoSuchBucket."""
        return self._bucket(bucket)

    def own_folder(self, bucket: str, name: str) -> Path:
        """A folder of flowd's own in a bucket, which holds no objects."""
        return self._bucket(bucket) / f"{_UNFINISHED}{name}"

    def _bucket(self, bucket: str) -> Path:
        """The bucket's real folder; a link to another folder below that of the buckets is followed."""
        path = self.folder / bucket
        if not _BUCKET.fullmatch(bucket) or not path.is_dir():
            raise NoSuchBucket
        outside = self._leads(bucket)
        if outside is not None:
            raise LedOut(
                f"the bucket {bucket} is a link to {outside}, which is outside of the folder of buckets {self.folder}: "
                "move the folder there, mount it there, or set `buckets` in flowd.toml to a folder that holds both"
            )
        return path.resolve()

    def _leads(self, bucket: str) -> Path | None:
        """Where a bucket that is a link out of the folder leads to."""
        path = (self.folder / bucket).resolve()
        return None if path.is_relative_to(self.folder.resolve()) else path


def _begun(base: Path, unfinished: Path) -> BinaryIO:
    """A new file, with the folders above it: again if a deletion found one of them empty and took it away meanwhile."""
    for _ in range(_TRIES):
        with contextlib.suppress(FileNotFoundError, FileExistsError):
            durable.make_folders(unfinished.parent, base)
            return unfinished.open("wb")
    durable.make_folders(unfinished.parent, base)
    return unfinished.open("wb")


def _clear(folder: Path) -> None:
    """Remove what is no object: empty folders, and what was begun and not finished."""
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            path = Path(entry.path)
            if not entry.is_dir(follow_symlinks=False):
                if entry.name.startswith(_UNFINISHED) or not _is_object(entry):
                    path.unlink(missing_ok=True)
            elif entry.name.startswith(_UNFINISHED):
                shutil.rmtree(path, ignore_errors=True)
            else:
                _clear(path)
                with contextlib.suppress(OSError):  # it is not empty any more
                    path.rmdir()


def _is_object(entry: os.DirEntry[str]) -> bool:
    try:
        entry.name.encode()
    except UnicodeError:
        return False
    return entry.is_file(follow_symlinks=False)


def _synced(folder: Path) -> bool:
    """False if another deletion has taken it away: then the one above tells what is gone."""
    try:
        durable.sync(folder)
    except FileNotFoundError:
        return False
    return True


def _below(base: Path, key: str) -> Path | None:
    """The path of a key, or None if the key leaves the bucket or is no path."""
    parts = key.split("/")
    encoded = key.encode("utf-8", "surrogatepass")
    if len(encoded) > KEY_BYTES or any(len(part) > NAME_BYTES for part in encoded.split(b"/")):
        return None
    if any(part in ("", ".", "..") or "\0" in part or part.startswith(_UNFINISHED) for part in parts):
        return None
    try:
        path = base.joinpath(*parts).resolve()
    except (OSError, UnicodeError):
        return None
    return path if path.is_relative_to(base) else None


def _walk(base: Path, folder: Path, at: str, prefix: str) -> Iterator[S3Object]:
    """Files below `folder`, whose keys begin with `at`; a folder sorts as if its name ended in a slash, as keys do."""
    try:
        with os.scandir(folder) as entries:
            found = [(entry.name + "/" if entry.is_dir(follow_symlinks=False) else entry.name) for entry in entries]
    except FileNotFoundError:  # emptied since the folder above it was read
        return
    for name in sorted(found, key=os.fsencode):
        key = at + name
        if name.startswith(_UNFINISHED) or not (key.startswith(prefix) or (name[-1] == "/" and prefix.startswith(key))):
            continue
        path = _below(base, key.rstrip("/"))
        if path is None:
            continue
        if name.endswith("/"):
            yield from _walk(base, path, key, prefix)
        elif (shown := _shown(path, key)) is not None:
            yield shown


def _shown(path: Path, key: str) -> S3Object | None:
    try:
        key.encode()
        facts = path.stat()
    except (OSError, UnicodeError):  # gone since the folder was read, or a name that is no text
        return None
    if not stat.S_ISREG(facts.st_mode):
        return None
    etag = f'"{facts.st_ino & 0xFFFFFFFF:08x}{facts.st_size & 0xFFFFFFFF:08x}{facts.st_mtime_ns:016x}"'
    return S3Object(key, facts.st_size, facts.st_mtime_ns // 1_000_000, etag)
