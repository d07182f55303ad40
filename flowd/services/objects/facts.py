"""What S3 remembers of an object beside its bytes, as an extended attribute of its file: it moves with the file.

A file that was dropped into the folder, or changed in place, has none that counts: its facts are then taken from the
file itself. Where the file system has no such attributes, only these remain.
"""

from __future__ import annotations

import hashlib
import mimetypes
import os
from pathlib import Path
from typing import Final

import msgspec

ATTRIBUTE: Final = "user.flowd.s3"
DEFAULT_TYPE: Final = "binary/octet-stream"
_PIECE: Final = 1 << 20


class Facts(msgspec.Struct, frozen=True, omit_defaults=True):
    """`mtime_ns` and `size` are those of the file that is described; `headers` are members of GetObject's answer."""

    etag: str
    size: int
    mtime_ns: int
    headers: dict[str, str] = {}
    metadata: dict[str, str] = {}
    checksums: dict[str, str] = {}


def of(path: Path) -> Facts:
    """The facts of a file, worked out from its bytes if nobody has kept any. Raises OSError."""
    found = kept(path)
    if found is None:
        found = worked_out(path)
        keep(path, found)
    return found


def kept(path: Path) -> Facts | None:
    """The facts that were kept for the file as it is now."""
    stat = path.stat()
    try:
        found = msgspec.json.decode(os.getxattr(path, ATTRIBUTE), type=Facts)
    except (OSError, msgspec.DecodeError):
        return None
    return found if (found.size, found.mtime_ns) == (stat.st_size, stat.st_mtime_ns) else None


def keep(path: Path, facts: Facts) -> None:
    """Write them to the file, as far as the file system can."""
    try:
        os.setxattr(path, ATTRIBUTE, msgspec.json.encode(facts))
    except OSError:
        return  # no attributes there, or too many metadata for them: the object is served without


def worked_out(path: Path) -> Facts:
    """The facts of a file from its bytes and its name."""
    stat = path.stat()
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    guessed = mimetypes.guess_type(path.name)[0] or DEFAULT_TYPE
    return Facts(f'"{digest.hexdigest()}"', stat.st_size, stat.st_mtime_ns, {"ContentType": guessed})
