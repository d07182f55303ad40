"""5,000 events a second while a graph is open: what it costs the console to keep up, and how late it is.

A daemon in memory writes the history of a Map of many items; the console follows it in a headless terminal of 160 by
48 with graph, states, events and inspector in view. Printed are the CPU it took for each second of events, how often it
painted, and the longest time a key had to wait.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from console.screens.execution import ExecutionScreen
from tests.console.driver import quiet, sees
from tests.console.fake import FakeDaemon
from tests.console.stories import NOW, Story, begun

RATE, SECONDS, TURN_S = 5000, 6, 0.1


def endless(story: Story) -> Iterator[dict[str, Any]]:
    """The events of a Map that never ends, after those that the story has."""
    story.events = Tail(story.events)
    story.add("MapStateEntered", name="EachItem", input="{}").add("MapStateStarted", length=1_000_000)
    for index in itertools.count():
        frame = f"0/9.{index}"
        story.add("MapIterationStarted", frame, name="EachItem", index=index)
        story.task("Reserve", 0.001, frame).add("PassStateEntered", frame, name="Label", input="{}")
        story.add("PassStateExited", frame, name="Label", output="{}")
        story.add("MapIterationSucceeded", frame, name="EachItem", index=index)
        yield from story.events
        story.events = Tail(story.events)


class Tail(list[dict[str, Any]]):
    """No events, but the next one has the number after the last."""

    def __init__(self, before: list[dict[str, Any]]) -> None:
        super().__init__()
        self._count = len(before)

    def __len__(self) -> int:
        return self._count + super().__len__()


class Busy(FakeDaemon):
    """Its first execution gets events at the rate that is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.story = begun(NOW - 420)
        self.told = list(self.story.events)
        self._source = endless(self.story)
        self.pages = 0

    def grow(self, count: int) -> None:
        self.told += itertools.islice(self._source, count)
        row = self.rows[0]
        self.tell({"kind": "execution", "id": row["id"], "executionArn": row["executionArn"], "status": "RUNNING"})

    async def history(self, arn: str, after: int) -> dict[str, Any]:
        self.pages += 1
        page = self.told[after : after + 1000]
        return {"events": page, "last": after + len(page), "more": after + len(page) < len(self.told)}


async def main() -> None:
    from console.app import FlowdApp

    daemon = Busy()
    app = quiet(FlowdApp(daemon, now=lambda: NOW))  # the settling of the link stays: that is what is measured
    async with app.run_test(size=(160, 48)) as pilot:
        await sees(pilot, "order-1000")
        await pilot.press("enter")
        await sees(pilot, "┌┄ ▤ EachItem")
        screen = app.screen
        assert isinstance(screen, ExecutionScreen)
        painted = itertools.count()
        paint = screen.paint

        def counted() -> None:
            next(painted)
            paint()

        screen.paint = counted  # type: ignore[method-assign]
        began, cpu, slowest = time.monotonic(), time.process_time(), 0.0
        for turn in range(1, int(SECONDS / TURN_S) + 1):
            daemon.grow(int(RATE * TURN_S))
            await asyncio.sleep(max(0.0, began + turn * TURN_S - time.monotonic()))
            if turn % 10 == 0:
                pressed = time.monotonic()
                await pilot._wait_for_screen()
                slowest = max(slowest, time.monotonic() - pressed)
        fed, used = time.monotonic() - began, time.process_time() - cpu
        while screen.known.journal.last < len(daemon.told):
            await asyncio.sleep(0.01)
        late = time.monotonic() - began - fed
        events = len(daemon.told)
    sys.stdout.write(
        f"{events} events in {fed:.1f} s, {next(painted)} paintings, {used / fed:.2f} s CPU a second, "
        f"longest turn of the loop {slowest * 1000:.0f} ms, {late:.2f} s behind at the end\n"
    )


if __name__ == "__main__":
    asyncio.run(main())
