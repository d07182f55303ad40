"""Reads single files for the drop folder, without trusting them: size, kind, encoding, and whether they hold still.

Everything here blocks on the disk: call it in a thread.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable
from typing import NamedTuple

from flowd.errors import FlowdError

LARGEST_BYTES = 1024 * 1024
#: Of the machine, not of the file: too many open files, no memory, a network file system that is away.
_PASSING = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EINTR}


class Stamp(NamedTuple):
    """What tells one version of a file from another."""

    modified_ns: int
    changed_ns: int
    size: int
    inode: int
    mode: int


class Unusable(FlowdError):
    """A file cannot be used."""

    def __init__(self, message: str, line: int = 0, column: int = 0, passing: bool = False) -> None:
        """`passing`: the file is not to blame, and may be read the next time."""
        super().__init__(message)
        self.passing = passing
        self.line = line
        self.column = column


class Unsettled(FlowdError):
    """A file is still being written, and no earlier version of it is known."""


def _content(stamp: Stamp) -> tuple[int, int, int]:
    return stamp.inode, stamp.modified_ns, stamp.size


def stamp_of(path: str) -> Stamp | None:
    """The stamp of what `path` leads to; None if that is nothing, or cannot be reached."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return Stamp(found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino, found.st_mode)


class Reader:
    """Reads texts and remembers them by stamp, so that an unchanged file is not read again.

    With `settle` a new or changed file must be met twice with the same stamp before it is read, or be older than
    `still_s` by the machine's clock: one that is written again and again may never be met twice as it was. Until then
    its earlier version stands. One that was renamed is known: its old name goes and its new one comes in one look. The
    caller makes the looks far enough apart, and looks again while `moving`.
    """

    def __init__(self, still_s: float | None = None, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._still_ns = None if still_s is None else int(still_s * 1e9)
        self._now_ns = now_ns
        self._known: dict[str, tuple[Stamp, str | Unusable]] = {}
        self._met: dict[str, Stamp] = {}
        self._seen: set[str] = set()
        self._by_content: dict[tuple[int, int, int], str | Unusable] | None = None
        self.settle = False
        self.moving = False

    def text(self, path: str) -> str:
        """The text of a file. Raises Unusable (say so), Unsettled (say nothing yet), FileNotFoundError (gone)."""
        self._seen.add(path)
        known = self._known.get(path)
        stamp = stamp_of(path)
        if stamp is None:
            return _given(_read(path))
        if known is not None and known[0] == stamp:
            return _given(known[1])
        if known is None and (renamed := self._renamed(stamp)) is not None:
            self._known[path] = (stamp, renamed)
            return _given(renamed)
        if self.settle and self._met.get(path) != stamp and not self._is_still(stamp):
            self._met[path] = stamp
            self.moving = True
            if known is None:
                raise Unsettled
            return _given(known[1])
        found = _read(path)
        if isinstance(found, Unusable) and found.passing:
            self.moving = True
            if known is not None:
                return _given(known[1])
        else:
            self._known[path] = (stamp, found)
        return _given(found)

    def _is_still(self, stamp: Stamp) -> bool:
        """By the time of its last change, which no program can choose (the time of modification it can)."""
        return self._still_ns is not None and self._now_ns() - stamp.changed_ns >= self._still_ns

    def _renamed(self, stamp: Stamp) -> str | Unusable | None:
        """What is known of this file under another name; a rename changes neither inode nor what was written when."""
        if self._by_content is None:
            self._by_content = {_content(known): text for known, text in self._known.values()}
        return self._by_content.get(_content(stamp))

    def stamp(self, path: str) -> Stamp | None:
        """The stamp that was taken before `path` was last read by `text`; of any other path its stamp now."""
        known = self._known.get(path)
        return known[0] if known is not None else stamp_of(path)

    def touch(self, path: str) -> None:
        """`path` is still needed, though it was not read this time."""
        self._seen.add(path)

    def begin(self, settle: bool) -> None:
        """A new look at everything."""
        self.settle = settle
        self.moving = False
        self._seen = set()
        self._by_content = None

    def end(self) -> None:
        """Drop what was not asked for in this look."""
        self._known = {path: known for path, known in self._known.items() if path in self._seen}
        self._met = {path: stamp for path, stamp in self._met.items() if path in self._seen and self.moving}


def _given(found: str | Unusable) -> str:
    if isinstance(found, Unusable):
        raise found
    return found


def _read(path: str) -> str | Unusable:
    """The text, or why there is none. O_NONBLOCK: a FIFO must not hold the thread until somebody writes to it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        if os.path.islink(path):
            return Unusable("the symbolic link leads nowhere")
        raise
    except OSError as problem:
        return _unusable(problem)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            return Unusable("it is not a regular file")
        if found.st_size > LARGEST_BYTES:
            return Unusable(f"it has {found.st_size} bytes; files up to {LARGEST_BYTES} bytes (1 MiB) are read")
        with os.fdopen(os.dup(descriptor), "rb") as file:
            return _decoded(file.read(LARGEST_BYTES + 1))
    except OSError as problem:
        return _unusable(problem)
    finally:
        os.close(descriptor)


def _decoded(data: bytes) -> str | Unusable:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        before = data[: problem.start]
        line = before.count(b"\n") + 1
        column = len(before) - (before.rfind(b"\n") + 1) + 1
        return Unusable("it is not UTF-8", line, column)


def _why(problem: OSError) -> str:
    if problem.errno in (errno.EACCES, errno.EPERM):
        return "it may not be read by the user that runs the daemon (permission denied)"
    if problem.errno == errno.ELOOP:
        return "its symbolic links lead in a circle"
    return f"it cannot be read: {os.strerror(problem.errno or 0)}"


def _unusable(problem: OSError) -> Unusable:
    return Unusable(_why(problem), passing=problem.errno in _PASSING)


def shown(path: str) -> str:
    """A path as text that can be shown and sent, also when its bytes are no UTF-8."""
    return os.fsencode(path).decode("utf-8", "replace")
