"""The real alarm clock on a machine whose clock is set."""

from __future__ import annotations

import asyncio

import pytest

from flowd.clock import ManualClock, SystemClock
from flowd.engine import alarms


async def test_a_clock_that_is_set_back_is_noticed_though_the_alarm_is_hours_away_by_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(alarms, "LONGEST_MS", 20)
    clock = ManualClock(SystemClock().now_ms() + 2 * 3_600_000)
    woken = asyncio.Event()
    clockwork = alarms.ApschedulerAlarms(clock, machine=clock)
    clockwork.start(woken.set)  # APScheduler waits for a time that the machine's clock shows two hours later
    try:
        clock.advance(-3600)
        async with asyncio.timeout(10):
            await woken.wait()
    finally:
        clockwork.stop()
    assert "the clock was set back by 3600 s" in caplog.text
