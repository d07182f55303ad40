"""What holds for all tests."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine

from flowd.store import database

#: As the daemon sets it. Python's own 700 had a quarter of the tests' time go into looking at what stays.
OBJECTS = 10_000
MEMORY = "/dev/shm"
ROOM = 4 << 30  # bytes; a run takes a hundredth of it, and the folders of the last three are kept


def pytest_configure() -> None:
    """Folders of tests are in memory if there is room: a thousand daemons wait for the disk at each of their commits.

    No test takes the disk itself away; those that cut the power have a disk of their own (tests/systemd).
    """
    if os.access(MEMORY, os.W_OK):
        found = os.statvfs(MEMORY)
        if found.f_bavail * found.f_frsize > ROOM and not found.f_flag & os.ST_NOEXEC:
            os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", MEMORY)


def pytest_collection_finish(session: pytest.Session) -> None:
    """What importing and collecting made stays to the end: the collector need not look at it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(OBJECTS)


@pytest.fixture(scope="session", autouse=True)
def _statements_are_compiled_once() -> Iterator[None]:
    """SQLAlchemy compiles each statement for each engine anew, which a daemon has for life, and a test for a moment."""
    first = create_engine("sqlite://")
    with first.connect():
        pass  # the dialect asks SQLite for its version
    make = database._engine

    def made(*where: Any, **how: Any) -> Engine:
        engine = make(*where, **how)
        engine.dialect, engine._compiled_cache = first.dialect, first._compiled_cache
        return engine

    database._engine = made
    yield
    database._engine = make
    first.dispose()
