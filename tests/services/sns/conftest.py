from __future__ import annotations

from collections.abc import Iterator

import pytest

from flowd.services.sns import SERVICE
from flowd.store.sns import SnsTables
from tests.services.box import Box


@pytest.fixture
def sns() -> Iterator[Box]:
    box = Box(SERVICE, SnsTables)
    yield box
    box.close()
