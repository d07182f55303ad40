"""The items of a Distributed Map: counted beside its state, and one key away as executions of their own."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from console.app import FlowdApp
from console.client import Item
from tests.console.driver import screen_text, sees, sees_no, until
from tests.console.fake import FakeDaemon
from tests.console.stories import NOW

RUN = "arn:aws:states:us-east-1:000000000000:mapRun:orders/Each:5a1f-run"
EACH = {
    "Type": "Map",
    "ItemProcessor": {"StartAt": "One", "States": {"One": {"Type": "Pass", "End": True}}},
    "End": True,
}
EVENTS: list[dict[str, Any]] = [
    {"type": "ExecutionStarted", "executionStartedEventDetails": {}},
    {"type": "MapStateEntered", "stateEnteredEventDetails": {"name": "Each", "input": "[]"}},
    {"type": "MapStateStarted", "mapStateStartedEventDetails": {"length": 10_000}},
    {"type": "MapRunStarted", "mapRunStartedEventDetails": {"mapRunArn": RUN}},
]


class Mapping(FakeDaemon):
    """Every execution runs a Map over 10,000 items, of which every thousandth has failed."""

    def __init__(self) -> None:
        super().__init__(3)
        self.failed = 10

    async def execution(self, arn: str) -> Item:
        item = next((one for one in self.items() if one["executionArn"] == arn), None) or self._find(arn)
        counts = {"SUCCEEDED": 9_000 - self.failed, "FAILED": self.failed, "RUNNING": 1_000}
        run = {"mapRunArn": RUN, "frame": "0", "status": "RUNNING", "startDate": NOW - 60, "counts": counts}
        definition = json.dumps({"StartAt": "Each", "States": {"Each": EACH}})
        return {**item, "status": "RUNNING", "input": "[]", "definition": definition, "mapRuns": [run]}

    async def history(self, arn: str, after: int) -> Item:
        events = [
            {**event, "id": number, "timestamp": NOW - 60, "frame": "0", "attempt": 0}
            for number, event in enumerate(EVENTS, 1)
        ]
        return {"events": events[after:], "last": len(events), "more": False}

    def items(self) -> list[Item]:
        row = {**self.rows[0], "stateMachineName": "orders"}
        return [
            {**row, "id": 20_000 - i, "executionArn": f"item-{i}", "name": f"uuid-{i}", "item": i, "itemCount": 1}
            | {"status": "FAILED" if i % 1000 == 431 else "SUCCEEDED"}
            for i in range(9_999, 7_000, -1)
        ]

    def _matching(self, text: str) -> list[Item]:
        words = text.split()
        if "map:5a1f-run" not in words:
            return super()._matching(text)
        rows = self.items()
        for word in words[1:]:
            key, _, value = word.partition(":")
            rows = [row for row in rows if value in (str(row.get(key)), str(row["status"]).lower())]
        return rows


async def test_the_items_of_a_map_run_are_counted_found_and_opened(make_app: Callable[..., FlowdApp]) -> None:
    app = make_app(behind=Mapping())
    async with app.run_test(size=(110, 30)) as pilot:
        await sees(pilot, "-0003")
        await pilot.press("enter")
        await sees(pilot, "10,000: 8,990✓ 1,000▶ 10✗", "enter shows them")
        await pilot.press("enter")
        await sees(pilot, "› items", "item 9,999", "✗ 3")
        await pilot.press("slash", *"status:failed", "enter")
        await sees(pilot, "item 7,431", "item 9,431", "3 match")
        await sees_no(pilot, "item 9,999")
        await pilot.press("slash", *"item:7431", "enter")
        await sees(pilot, "item 7,431", "1 match")
        await pilot.press("enter")
        await sees(pilot, "item 7,431", "1 states")
        await pilot.press("escape", "escape")
        await sees(pilot, "10,000:")


async def test_the_counts_of_a_map_run_that_goes_on_are_read_again(make_app: Callable[..., FlowdApp]) -> None:
    daemon = Mapping()
    app = make_app(behind=daemon)
    async with app.run_test(size=(110, 30)) as pilot:
        await sees(pilot, "-0003")
        await pilot.press("enter")
        await sees(pilot, "8,990✓")
        daemon.failed = 11

        def counted() -> bool:
            app._tick()  # a second has gone by
            return "11✗" in screen_text(pilot)

        await until(pilot, counted, "11✗")
