"""Where user code stood: places and tracebacks without the frames that drive it, files named as they are imported."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from types import FrameType, TracebackType

from flowd.sdk.errors import Failure

_SDK = "flowd.sdk"
_DRIVERS = (_SDK, "asyncio")  # what calls user code, when it stands above all of it
_CAUSE = "\nThe above exception was the direct cause of the following exception:\n\n"
_CONTEXT = "\nDuring handling of the above exception, another exception occurred:\n\n"


def text(error: BaseException) -> str:
    """The traceback of an error and of those it came from, as Python writes it.

    What failed elsewhere (an activity, a child) comes first, as its own worker wrote it.
    """
    return "".join(_parts(error, set()))


def shown_file(name: str) -> str:
    """A file as it is found from `sys.path`: `shop.py`, `json/decoder.py`."""
    roots = (root for root in sys.path if root and name.startswith(root + os.sep))
    root = max(roots, key=len, default="")
    return name[len(root) + 1 :] if root else name


def is_ours(frame: FrameType) -> bool:
    """True for code of the SDK."""
    return _of(frame, _SDK)


def _of(frame: FrameType, *packages: str) -> bool:
    name = frame.f_globals.get("__name__", "")
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def _parts(error: BaseException, seen: set[int]) -> Iterator[str]:
    seen.add(id(error))
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None and id(before) not in seen:
        yield from _parts(before, seen)
        yield _CAUSE if error.__cause__ is not None else _CONTEXT
    elif isinstance(error, Failure) and error.traceback:
        yield error.traceback.rstrip() + "\n"
        yield _CAUSE
    frames = _users(error.__traceback__)
    if frames:
        yield "Traceback (most recent call last):\n"
        yield from frames.format()
    yield from traceback.format_exception_only(error)


def _users(trace: TracebackType | None) -> traceback.StackSummary:
    """The frames that are not what drives user code."""
    walked = list(traceback.walk_tb(trace))
    while walked and _of(walked[0][0], *_DRIVERS):
        del walked[0]
    found = traceback.StackSummary.extract(iter([pair for pair in walked if not is_ours(pair[0])]))
    renamed = [
        traceback.FrameSummary(shown_file(each.filename), each.lineno, each.name, line=each.line) for each in found
    ]
    return traceback.StackSummary.from_list(renamed)
