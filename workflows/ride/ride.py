"""A taxi request as code: drivers race by signals, timers compete with them, the customer may cancel at any time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from flowd.sdk import (
    CancelledError,
    Retry,
    Signal,
    activity,
    first,
    log,
    now,
    random,
    set_status,
    sleep,
    workflow,
)

ROUNDS = 3
ROUND = timedelta(seconds=30)
SILENCE = timedelta(seconds=60)


@dataclass
class Request:
    pickup: str
    destination: str
    zones: list[str]


@dataclass
class Acceptance:
    driver: str
    minutes: int = 5


@dataclass
class Ride:
    status: str
    driver: str = ""
    positions: int = 0
    seconds: float = 0.0


# What the drivers' apps send: flowd signal, or SignalWorkflowExecution of any SWF client.
accepted = Signal("accepted", Acceptance)
position = Signal("position", str)
arrived = Signal("arrived", str)


@activity(start_to_close=10, retry=Retry(attempts=5))
def offer(zone: str, pickup: str, ride: int) -> str:
    """Tell the drivers of a zone. A real one would call their app."""
    return f"{zone}: pick up at {pickup}, round {ride}"


@activity(start_to_close=10, retry=Retry(attempts=5))
def withdraw(zone: str) -> str:
    """Take the offer back."""
    return zone


@workflow(execution_timeout=timedelta(hours=12))
async def ride(request: Request) -> Ride:
    """Up to three rounds of offers; then a ride that ends when the driver says so, or falls silent."""
    began = now()
    driver = await _find_driver(request)
    if driver is None:
        return Ride("nobody")
    status, positions = await _drive(driver)
    return Ride(status, driver.driver, positions, (now() - began).total_seconds())


async def _find_driver(request: Request) -> Acceptance | None:
    zones = list(request.zones)
    for round in range(1, ROUNDS + 1):
        random().shuffle(zones)  # fair, and the same at every replay
        set_status(f"offered in {', '.join(zones)}, round {round}")
        try:
            for zone in zones:
                await offer(zone, request.pickup, round)
            _, winner = await first(accepted.receive(), sleep(ROUND))
        except CancelledError:
            for zone in zones:
                await withdraw(zone)
            raise
        if winner is not None:
            log.info("%s takes it in round %d", winner.driver, round)
            return winner
    return None


async def _drive(driver: Acceptance) -> tuple[str, int]:
    """How it ended, and how many positions were heard."""
    heard = 0
    while True:
        set_status(f"{driver.driver} drives, heard {heard} times")
        which, _ = await first(arrived.receive(), position.receive(), sleep(SILENCE))
        if which == 0:
            return "arrived", heard
        if which == 2:
            return "lost", heard
        heard += 1
