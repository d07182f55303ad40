"""Pictures of every screen at two sizes. Look at each new one before it is kept (`make snap`)."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import textual
from textual.pilot import Pilot

from console.app import FlowdApp
from tests.console.driver import goes_to, screen_text, sees, until
from tests.console.fake import FakeDaemon

Story = Callable[[Pilot[int]], Awaitable[None]]

pytestmark = pytest.mark.skipif(
    (sys.version_info[:2], textual.__version__) != ((3, 11), "8.2.8"),
    reason="the pictures are those of Python 3.11 and Textual 8.2.8",
)


async def executions(pilot: Pilot[int]) -> None:
    await sees(pilot, "● live", "order-1000", "▣ inbox 4")


async def filtered(pilot: Pilot[int]) -> None:
    await executions(pilot)
    await pilot.press("slash", *"status:failed", "enter")
    await sees(pilot, "126 match")


async def states(pilot: Pilot[int]) -> None:
    await executions(pilot)
    await pilot.press("j", "enter")
    await sees(pilot, "128: 128✓", "▣ prompt 19c2")


async def failed(pilot: Pilot[int]) -> None:
    await executions(pilot)
    await pilot.press("j", "j", "j", "enter")
    await sees(pilot, "Refund.Un")
    await pilot.press("f", "f", "f")
    await sees(pilot, "no such payment")


async def events(pilot: Pilot[int]) -> None:
    await states(pilot)
    await pilot.press("3")
    await sees(pilot, "ActivityStarted", '"name": "Approve"')


async def definition(pilot: Pilot[int]) -> None:
    await states(pilot)
    await pilot.press("6")
    await sees(pilot, '"Type": "Task"')


async def graph(pilot: Pilot[int]) -> None:
    await failed(pilot)
    await pilot.press("2")
    await sees(pilot, "ƒ Refund ✗]")


async def inspector(pilot: Pilot[int]) -> None:
    await failed(pilot)
    await pilot.press("tab")
    await sees(pilot, "refund.py:12 in handler")


async def redrive(pilot: Pilot[int]) -> None:
    await failed(pilot)
    await pilot.press("R")
    await sees(pilot, "will not run again")


async def inbox(pilot: Pilot[int]) -> None:
    await executions(pilot)
    await goes_to(pilot, "inbox")
    await sees(pilot, "Approve the refund", "due 1h late")


async def form(pilot: Pilot[int]) -> None:
    await inbox(pilot)
    await pilot.press("j", "enter")
    await sees(pilot, "E-mail *")
    await until(pilot, lambda: pilot.app.focused is not None)
    await pilot.press("ctrl+s")
    await sees(pilot, "✗ required")
    pilot.app.clear_notifications()


async def machines(pilot: Pilot[int]) -> None:
    await executions(pilot)
    await goes_to(pilot, "sm")
    await sees(pilot, "MISSING_TRANSITION_TARGET", "Old is never reached")


async def machine(pilot: Pilot[int]) -> None:
    await machines(pilot)
    await pilot.press("j", "j", "j", "enter")
    await sees(pilot, "machines › order-fulfilment", "PayAndTell")


async def schedules(pilot: Pilot[int]) -> None:
    await executions(pilot)
    await goes_to(pilot, "sched")
    await sees(pilot, "missed while down: last")


async def health(pilot: Pilot[int]) -> None:
    await executions(pilot)
    await goes_to(pilot, "health")
    await sees(pilot, "nobody polls", "✓ well")


async def batches(pilot: Pilot[int]) -> None:
    await executions(pilot)
    await goes_to(pilot, "batch")
    await sees(pilot, "21,333 of 60,014", "ExecutionNotRedrivable")


async def dead(pilot: Pilot[int]) -> None:
    await executions(pilot)
    await goes_to(pilot, "dead")
    await sees(pilot, "CardDeclined", "24 in 3 groups")


async def deploys(pilot: Pilot[int]) -> None:
    await executions(pilot)
    await goes_to(pilot, "deploy")
    await sees(pilot, "etl.asl.json", "order-fulfilment")


async def queues(pilot: Pilot[int]) -> None:
    await executions(pilot)
    await goes_to(pilot, "queues")
    await sees(pilot, "nobody polls 1 queue", "encode")


async def audit(pilot: Pilot[int]) -> None:
    await executions(pilot)
    await goes_to(pilot, "audit")
    await sees(pilot, "PauseSchedule", "AnswerPrompt")


async def log(pilot: Pilot[int]) -> None:
    await executions(pilot)
    await goes_to(pilot, "log")
    await sees(pilot, "notice dropped after 12 tries")


async def compared(pilot: Pilot[int]) -> None:
    await failed(pilot)
    await pilot.press("d")
    await sees(pilot, "compare", "not there")


async def in_out(pilot: Pilot[int]) -> None:
    await failed(pilot)
    await pilot.press("4")
    await sees(pilot, '"errorMessage": "no such payment"')


async def logs(pilot: Pilot[int]) -> None:
    await failed(pilot)
    await pilot.press("5")
    await sees(pilot, "[red]not markup[/red]")


async def bulk(pilot: Pilot[int]) -> None:
    await executions(pilot)
    await pilot.press("ctrl+a", "x")
    await sees(pilot, "Stop 127 executions?")


async def command(pilot: Pilot[int]) -> None:
    await executions(pilot)
    await pilot.press("colon", "d")
    await sees(pilot, "exec inbox machines", ":de")


async def refused(pilot: Pilot[int]) -> None:
    await executions(pilot)
    await pilot.press("slash", *"state:failed", "enter")
    await sees(pilot, "✗ unknown word in the filter: state:failed")


async def help_page(pilot: Pilot[int]) -> None:
    await executions(pilot)
    await pilot.press("question_mark")
    await sees(pilot, "keys · executions")


async def no_daemon(pilot: Pilot[int]) -> None:
    await executions(pilot)
    app = pilot.app
    assert isinstance(app, FlowdApp) and isinstance(app.daemon, FakeDaemon)
    app.link._attempt = 20
    app.daemon.cut()
    await sees(pilot, "✗ no daemon, again in 5s")


STORIES: list[Story] = [
    executions, filtered, states, failed, graph, events, inspector, definition, redrive, inbox, form, machines, machine,
    schedules, health, batches, dead, deploys, help_page, no_daemon, queues, audit, log, compared, in_out, logs, bulk,
    command, refused,
]  # fmt: skip


@pytest.mark.parametrize("size", [(80, 24), pytest.param((160, 48), marks=pytest.mark.slow)], ids=["80x24", "160x48"])
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_screen(story: Story, size: tuple[int, int], snap_compare: Any, make_app: Callable[..., FlowdApp]) -> None:
    assert snap_compare(make_app(), terminal_size=size, run_before=story)


LOOKED_AT: list[Story] = [executions, states, graph, form, redrive]


@pytest.mark.parametrize("story", LOOKED_AT, ids=lambda story: story.__name__)
def test_screen_in_ascii(story: Story, snap_compare: Any, make_app: Callable[..., FlowdApp]) -> None:
    async def plainly(pilot: Pilot[int]) -> None:
        """The stories wait for signs that are not there in ASCII: it is painted anew at their end."""
        await story(pilot)
        assert isinstance(pilot.app, FlowdApp)
        pilot.app.plain = True
        for screen in pilot.app.screen_stack:
            for widget in (screen, *screen.query("*")):
                widget.refresh()
        await until(pilot, lambda: screen_text(pilot).isascii())

    assert snap_compare(make_app(), terminal_size=(80, 24), run_before=plainly)


@pytest.mark.parametrize("story", LOOKED_AT, ids=lambda story: story.__name__)
def test_screen_in_the_light(story: Story, snap_compare: Any, make_app: Callable[..., FlowdApp]) -> None:
    assert snap_compare(make_app(theme="flowd-light"), terminal_size=(80, 24), run_before=story)


@pytest.mark.parametrize("story", LOOKED_AT, ids=lambda story: story.__name__)
def test_screen_without_colours(
    story: Story, snap_compare: Any, make_app: Callable[..., FlowdApp], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(make_app(), terminal_size=(80, 24), run_before=story)
