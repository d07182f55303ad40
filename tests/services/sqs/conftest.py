from __future__ import annotations

from collections.abc import Iterator

import pytest

from flowd.services.sqs import SERVICE
from flowd.store.sqs import SqsTables
from tests.services.box import Box


@pytest.fixture
def sqs() -> Iterator[Box]:
    box = Box(SERVICE, SqsTables)
    yield box
    box.close()
