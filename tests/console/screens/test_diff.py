"""Two executions compared, by keys only."""

from __future__ import annotations

from textual.pilot import Pilot

from console.comparing import differences, first_difference, pairs
from console.known import Known
from tests.console import stories
from tests.console.conftest import Console
from tests.console.driver import screen_text, sees
from tests.console.fake import FakeDaemon
from tests.console.stories import NOW, ORDER


def known(story: stories.Story) -> Known:
    told = Known()
    told.learn({"definition": ORDER, "status": "FAILED"}, story.events)
    return told


async def compared(pilot: Pilot[int]) -> None:
    await sees(pilot, "order-1000")
    await pilot.press("j", "j", "j", "enter")
    await sees(pilot, "✗ FAILED", "Refund.Un")
    await pilot.press("d")
    await sees(pilot, "2e0cee55-0997", "cc446806-0998", "not there")


async def test_a_failure_is_compared_with_the_last_success_and_begins_where_they_part(console: Console) -> None:
    async with console(100, 30) as pilot:
        await compared(pilot)
        text = await sees(pilot, '- "Card.Busy"')
        assert "PayAndTell" in next(line for line in text.splitlines() if line.startswith("▌~"))
        await pilot.press("f", "f")
        await sees(pilot, "only cc446806-0998 has been here")
        await pilot.press("x")
        await sees(pilot, "✓ SUCCEEDED  ✗ FAILED")
        heads = screen_text(pilot).splitlines()[1]
        assert heads.index("cc446806-0998") < heads.index("2e0cee55-0997")


async def test_enter_opens_the_left_one_at_the_state(console: Console) -> None:
    async with console(100, 30) as pilot:
        await compared(pilot)
        await pilot.press("j", "enter")
        await sees(pilot, "1 states", "PayAndTell › Charge")


async def test_a_fork_is_compared_with_its_origin(console: Console, daemon: FakeDaemon) -> None:
    daemon.rows[0]["trigger"] = "fork:" + daemon.rows[3]["executionArn"]
    async with console(100, 30) as pilot:
        await sees(pilot, "order-1000")
        await pilot.press("enter")
        await sees(pilot, "BigOrder")
        await pilot.press("d")
        await sees(pilot, "compare   ▶ RUNNING  ✗ FAILED", "order-1000", "2e0cee55-0997")


def test_the_same_twice_has_no_difference() -> None:
    found = pairs(known(stories.failed(NOW)), known(stories.failed(NOW + 5)))
    assert {pair.kind for pair in found} == {"same"} and first_difference(found) is None


def test_what_differs_is_named_by_its_place() -> None:
    left, right = stories.Story(NOW), stories.Story(NOW)
    for story, total in ((left, 3), (right, 4)):
        story.add("ExecutionStarted", input="{}")
        story.add("TaskStateEntered", name="Ship", input=f'{{"order": {{"total": {total}}}}}')
        story.after(total * 3).add("TaskStateExited", name="Ship", output="[red]")
    ours, theirs = known(left), known(right)
    pair = pairs(ours, theirs)[0]
    assert pair.kind == "differs" and not pair.slower
    assert differences(pair, ours, theirs) == [("input.order.total", "key"), ("  - 3", "bad"), ("  + 4", "ok")]
