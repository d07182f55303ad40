"""What holds for all tests."""

from __future__ import annotations

import gc

import pytest

#: As the daemon sets it. Python's own 700 had a quarter of the tests' time go into looking at what stays.
OBJECTS = 10_000


def pytest_collection_finish(session: pytest.Session) -> None:
    """What importing and collecting made stays to the end: the collector need not look at it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(OBJECTS)
