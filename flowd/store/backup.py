"""Copies of the database: made while the daemon works, put back only while none does.

`hold` is the daemon's claim on its data folder; whoever has it may write there, nobody else. The lock falls with the
process that holds it, however that ends.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from flowd import durable
from flowd.errors import FlowdError, reason

LOCK = "flowd.lock"
_ALL_PAGES = -1  # in one step: a copy in several would begin anew with every commit of the daemon, perhaps for ever


class BackupError(FlowdError):
    """The copy could not be made or put back."""


class DataFolderUnusable(FlowdError):
    """The data folder cannot be used."""

    def __init__(self, folder: Path, error: OSError) -> None:
        super().__init__(
            f"the data folder {folder} cannot be used: {reason(error)}; make it a folder in which the user that runs "
            "flowd may write, or choose another with --data (FLOWD_DATA)"
        )


class InUse(FlowdError):
    """A daemon works on this data folder: stop it first."""


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Claim a data folder for this process, and make it if need be.

    Raises InUse if another process has it, DataFolderUnusable if it cannot be written."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        _give_to_owner_of(folder, lock)
    except OSError as error:
        raise DataFolderUnusable(folder, error) from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InUse(f"a daemon works on {folder}{_holder(lock)}: stop it first") from None
        os.truncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(lock)


def _holder(lock: int) -> str:
    pid = os.pread(lock, 20, 0).decode("ascii", "replace").strip()
    return f" (process {pid})" if pid.isdecimal() else ""


def backup(source: Path, target: Path) -> int:
    """Copy a database, in use or not, to a file that must not exist yet; returns its size in bytes.

    The copy is checked and has all that was acknowledged before the call. Raises BackupError; leaves no half copy."""
    if not source.is_file():
        raise BackupError(f"there is no database {source}")
    if target.exists():
        raise BackupError(f"{target} exists already: name a new file")
    try:
        with _copied(source, target) as part:
            os.link(part, target)  # unlike rename it never replaces a file that came in the meantime
            durable.sync(target.parent)
            return target.stat().st_size
    except FileExistsError:
        raise BackupError(f"{target} exists already: name a new file") from None
    except (sqlite3.Error, OSError) as error:
        raise BackupError(f"the copy to {target} failed: {reason(error)}") from None


def restore(source: Path, target: Path) -> Path | None:
    """Put a copy in the place of the database `target`; the one that was there is kept beside it and returned.

    Raises BackupError if the copy is not whole, InUse while a daemon works on the folder."""
    if not source.is_file():
        raise BackupError(f"there is no file {source}")
    with hold(target.parent):
        try:
            with _copied(source, target) as part:
                _give_to_owner_of(target.parent, part)
                kept = _set_aside(target)
                part.rename(target)
                durable.sync(target.parent)
                return kept
        except (sqlite3.Error, OSError) as error:
            raise BackupError(f"{source} could not be put back as {target}: {reason(error)}") from None


def _give_to_owner_of(folder: Path, file: Path | int) -> None:
    """What root makes in the folder of a service must be usable for the service. Links are not followed: the service
    could get a file of root's by one."""
    if os.geteuid() == 0:
        owner = folder.stat()
        if isinstance(file, int):
            os.fchown(file, owner.st_uid, owner.st_gid)
        else:
            os.lchown(file, owner.st_uid, owner.st_gid)


@contextmanager
def _copied(source: Path, target: Path) -> Iterator[Path]:
    """A copy beside `target`, checked and on disk. It is gone afterwards, whatever was made of it."""
    part = target.with_name(f".{target.name}.part")
    try:
        part.unlink(missing_ok=True)
        part.touch(mode=0o600, exist_ok=False)  # a link that came in between is not followed
        _copy(source, part)
        _check(part)
        durable.sync(part)
        yield part
    finally:
        part.unlink(missing_ok=True)


def _copy(source: Path, target: Path) -> None:
    with (
        closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True, timeout=30)) as origin,
        closing(sqlite3.connect(target)) as copy,
    ):
        origin.backup(copy, pages=_ALL_PAGES)
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, nothing beside it


def _check(database: Path) -> None:
    with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        findings = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(3)")]
        if findings != ["ok"]:
            raise BackupError(f"the database is damaged: {'; '.join(findings)}")
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' LIMIT 1").fetchone():
            raise BackupError("the file is no database of flowd: it has no tables")


def _set_aside(target: Path) -> Path | None:
    """Move the present database out of the way, with its write-ahead log; None if there is none."""
    if not target.exists():
        return None
    number = 1
    while (kept := target.with_name(f"{target.name}.before-restore-{number}")).exists():
        number += 1
    for suffix in ("-wal", "-shm"):
        beside = target.with_name(target.name + suffix)
        if beside.exists():
            beside.rename(kept.with_name(kept.name + suffix))
    target.rename(kept)
    return kept
