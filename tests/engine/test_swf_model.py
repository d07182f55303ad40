"""Whatever deciders, workers and clients do, and whenever the daemon dies: every SWF history holds what must hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.swf_model import play


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 12))])
async def test_random_deciders_and_crashes_leave_histories_in_order(tmp_path: Path, seed: int) -> None:
    assert await play(tmp_path, seed, 40) >= 40
