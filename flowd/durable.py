"""Files that survive a power cut: a name is on disk when its folder has been synced, not when the file has.

A file system may lose a rename, a new file or a new folder for seconds after it was done, however often the file itself
was synced (fsync(2), rename(2)). Whoever answers for a file calls these before the answer. They block on the disk.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

#: What file systems answer that cannot sync a folder (some of those on other machines).
_NO_SUCH_THING = (errno.EINVAL, errno.ENOTSUP)


def sync(path: Path) -> None:
    """The bytes of a file, or the names in a folder, are on disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_SUCH_THING:
            raise
    finally:
        os.close(descriptor)


def make_folders(path: Path, within: Path | None = None) -> None:
    """The folder and those above it are there and on disk. Raises FileExistsError if a file has one of their names, and
    FileNotFoundError if `within`, a folder above it that others may take away, is not there."""
    missing = [each for each in (path, *path.parents) if not each.is_dir()]
    if within in missing:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(within))
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
        sync(folder.parent)


def put(unfinished: Path, path: Path) -> None:
    """A file that is written and synced takes its name, for good."""
    unfinished.replace(path)
    sync(path.parent)


def write(path: Path, data: bytes) -> None:
    """A file with these bytes. Its own name is the caller's to sync: often several are written into one folder."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
