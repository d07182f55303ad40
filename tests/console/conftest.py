"""The console under test: a frozen clock, UTC, no blinking cursor, no animations, colours on, no fault unseen."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from console.app import FlowdApp
from tests.console.driver import Expected, quiet
from tests.console.fake import ZONE, FakeDaemon
from tests.console.stillness import still
from tests.console.stories import NOW

os.environ.pop("NO_COLOR", None)
os.environ["TEXTUAL_ANIMATIONS"] = "none"

Console = Callable[..., AbstractAsyncContextManager[Pilot[int]]]


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("TMUX", raising=False)
    monkeypatch.setattr("textual.app.wait_for_idle", still)
    monkeypatch.setattr("textual.pilot.wait_for_idle", still)


@pytest.fixture
def daemon() -> FakeDaemon:
    return FakeDaemon()


@pytest.fixture
def make_app(daemon: FakeDaemon, tmp_path: Path) -> Iterator[Callable[..., FlowdApp]]:
    made: list[FlowdApp] = []

    def make(readonly: bool = False, behind: FakeDaemon | None = None, **looks: Any) -> FlowdApp:
        """`behind` is another daemon than the fixture's."""
        looks |= {"now": lambda: NOW, "zone": ZONE, "state_dir": tmp_path, "settle": 0}
        app = FlowdApp(behind or daemon, readonly=readonly, **looks)
        made.append(quiet(app))
        return app

    yield make
    assert [fault for app in made for fault in app.faults if not isinstance(fault, Expected)] == []


@pytest.fixture
def console(make_app: Callable[..., FlowdApp]) -> Console:
    """`async with console() as pilot`: the running app, its first list read."""

    @asynccontextmanager
    async def start(width: int = 80, height: int = 24, readonly: bool = False) -> AsyncIterator[Pilot[int]]:
        app = make_app(readonly)
        async with app.run_test(size=(width, height)) as pilot:
            yield pilot

    return start
