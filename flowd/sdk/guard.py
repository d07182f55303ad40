"""While workflow code runs, some calls that would make its replay differ raise instead, naming what to call.

It is a help where the static check cannot see (a helper handed over, a name made up at run time); only calls that come
straight from a workflow file's own code are refused, so libraries, logging and activities go on.
"""

from __future__ import annotations

import builtins
import os
import random
import sys
import threading
import time
import uuid
from collections.abc import Callable, Collection
from typing import Any

from flowd.sdk.check import INSTEAD
from flowd.sdk.errors import MisuseError
from flowd.sdk.execution import running

_GUARDED: list[tuple[Any, str, str]] = [
    (time, "time", "time."), (time, "time_ns", "time."), (time, "monotonic", "time."), (time, "sleep", "time.sleep"),
    (time, "perf_counter", "time."),
    (random, "random", "random."), (random, "randint", "random."), (random, "choice", "random."),
    (random, "shuffle", "random."), (random, "uniform", "random."), (random, "randrange", "random."),
    (random, "sample", "random."),
    (uuid, "uuid4", "uuid.uuid4"), (uuid, "uuid1", "uuid.uuid1"), (os, "urandom", "os.urandom"),
    (os, "getenv", "os.getenv"), (builtins, "open", "open"), (builtins, "input", "input"),
    (threading.Thread, "start", "threading."),
]  # fmt: skip


class Guard:
    """Puts the refusals in place and takes them away again."""

    def __init__(self, files: Collection[str]) -> None:
        """`files`: absolute paths of the workflow files and their modules."""
        self._files = frozenset(files)
        self._before: list[tuple[Any, str, Any]] = []

    def __enter__(self) -> Guard:
        for owner, name, entry in _GUARDED:
            original = getattr(owner, name)
            self._before.append((owner, name, original))
            setattr(owner, name, self._refusing(original, f"{owner.__name__}.{name}", entry))
        return self

    def __exit__(self, *error: object) -> None:
        while self._before:
            owner, name, original = self._before.pop()
            setattr(owner, name, original)

    def _refusing(self, original: Callable[..., Any], name: str, entry: str) -> Callable[..., Any]:
        def guarded(*args: Any, **kwargs: Any) -> Any:
            if running() is not None:
                frame = sys._getframe(1)
                if frame.f_code.co_filename in self._files and "side_effect" not in _callers(frame):
                    place = f"{frame.f_code.co_filename}:{frame.f_lineno}"
                    plain = name.removeprefix("builtins.")
                    raise MisuseError(
                        f"{place}: {plain} in workflow code is not the same at every replay: use {INSTEAD[entry]}"
                    )
            return original(*args, **kwargs)

        guarded.__name__ = getattr(original, "__name__", name)
        guarded.__doc__ = original.__doc__
        return guarded


def _callers(frame: Any) -> list[str]:
    """Names of the functions between here and the driver."""
    names = []
    while frame is not None and frame.f_code.co_name != "_step":
        names.append(frame.f_code.co_name)
        frame = frame.f_back
    return names
