from __future__ import annotations

import pytest

from tests.api.box import Box
from tests.api.swf.shop import Shop


@pytest.fixture
async def shop(box: Box) -> Shop:
    made = Shop(box)
    await made.register()
    return made
