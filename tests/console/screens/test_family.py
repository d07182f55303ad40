"""Ways on from a state, each by keys only: it says what will run, then the daemon is asked, once."""

from __future__ import annotations

from typing import Any

import pytest
from textual.pilot import Pilot

from console.client import Item
from tests.console.conftest import Console
from tests.console.driver import notices, sees, sees_no, until
from tests.console.fake import FakeDaemon
from tests.console.stories import NOW


async def failed(pilot: Pilot[int], *keys: str) -> None:
    await sees(pilot, "order-1000")
    await pilot.press("j", "j", "j", "enter")
    await sees(pilot, "✗ FAILED", "Refund.Un")
    await pilot.press(*keys)


async def waiting(pilot: Pilot[int], *keys: str) -> None:
    await sees(pilot, "order-1000")
    await pilot.press("enter")
    await sees(pilot, "▶ RUNNING", "▣ prompt 19c2")
    await pilot.press(*keys)


async def test_a_fork_says_what_may_run_and_opens_the_new_execution(console: Console, daemon: FakeDaemon) -> None:
    async with console() as pilot:
        await failed(pilot, "K")
        await sees(pilot, "at Refund, with this input", "may run", "✓ Done", 'variables as they were: {"n": 2}')
        await pilot.press("shift+tab", *"the bank is back", "ctrl+s")
        await until(pilot, lambda: daemon.calls)
        verb, _, members = daemon.calls[0]
        assert (verb, members) == ("fork", {"state": "Refund", "reason": "the bank is back"})
        await sees(pilot, daemon.rows[1]["name"])


async def test_a_fork_inside_of_a_container_says_that_all_of_the_container_runs(console: Console) -> None:
    async with console(120, 30) as pilot:
        await failed(pilot, "slash", *"Charge", "enter", "K")
        await sees(pilot, "at PayAndTell, with this input")
        await sees(pilot, "! Charge is inside of PayAndTell; a fork begins at an outermost state, so all of PayAndTell")


async def test_input_that_was_edited_is_sent_and_broken_input_is_not(console: Console, daemon: FakeDaemon) -> None:
    async with console() as pilot:
        await failed(pilot, "E")
        await sees(pilot, "from its start, with this input")
        await pilot.press("x", "ctrl+s")
        await sees(pilot, "line 1, column 1")
        assert daemon.calls == []
        await pilot.press("backspace", "space", "ctrl+s")
        await until(pilot, lambda: daemon.calls)
        assert daemon.calls[0][2] == {"input": ' {\n  "order": "4711"\n}'}


async def test_stopping_needs_a_reason(console: Console, daemon: FakeDaemon) -> None:
    async with console() as pilot:
        await waiting(pilot, "x", "ctrl+s")
        await sees(pilot, "cause: say why")
        await pilot.press(*"wrong order", "ctrl+s")
        await until(pilot, lambda: daemon.calls)
        assert daemon.calls[0][0] == "stop" and daemon.calls[0][2:] == ("", "wrong order")


@pytest.mark.parametrize(
    ("keys", "call"),
    [
        (["ctrl+s"], ("answer", "19c2", {}, "")),
        (["shift+tab", "shift+tab", *"Too.Late", "ctrl+s"], ("fail", "19c2", "Too.Late", "")),
    ],
)
async def test_an_open_task_is_resolved_by_hand(
    console: Console, daemon: FakeDaemon, keys: list[str], call: tuple[Any, ...]
) -> None:
    async with console() as pilot:
        await waiting(pilot, "X")
        await sees(pilot, "Resolve Approve by hand")
        await pilot.press(*keys)
        await until(pilot, lambda: daemon.calls)
        assert daemon.calls[0] == call


async def test_a_heartbeat_by_hand(console: Console, daemon: FakeDaemon) -> None:
    async with console() as pilot:
        await waiting(pilot, "H")
        await until(pilot, lambda: daemon.calls == [("heartbeat", "19c2")])
        await until(pilot, lambda: "its heartbeat begins anew" in notices(pilot))


async def test_a_state_without_an_open_task_cannot_be_resolved(console: Console, daemon: FakeDaemon) -> None:
    async with console() as pilot:
        await waiting(pilot, "k", "X")
        await until(pilot, lambda: "no task of this state is open" in notices(pilot))
        assert daemon.calls == []


async def test_a_back_off_is_skipped_after_a_question(
    console: Console, daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = daemon.execution

    async def backing_off(arn: str) -> Item:
        timer = {"frame": "0", "state": "Approve", "purpose": "retry", "dueAt": NOW + 300}
        return await plain(arn) | {"timers": [timer]}

    monkeypatch.setattr(daemon, "execution", backing_off)
    async with console() as pilot:
        await sees(pilot, "order-1000")
        await pilot.press("enter")
        await sees(pilot, "↺ again in")
        await pilot.press("exclamation_mark")
        await sees(pilot, "Skip the back-off?", "Approve is tried again at once")
        await pilot.press("y")
        await until(pilot, lambda: daemon.calls and daemon.calls[0][0] == "retry_now")


async def test_without_a_back_off_it_says_so(console: Console) -> None:
    async with console() as pilot:
        await waiting(pilot, "exclamation_mark")
        await until(pilot, lambda: "retry now: nothing waits for a retry" in notices(pilot))


async def test_a_state_is_tested_alone_with_the_input_of_this_run(console: Console, daemon: FakeDaemon) -> None:
    async with console() as pilot:
        await failed(pilot, "T")
        await sees(pilot, "Test Refund with this input", "runs for real")
        await pilot.press("ctrl+s")
        await sees(pilot, "Refund: SUCCEEDED", '"fine": true', '"nextState": "Done"')
        assert daemon.calls == [("test", "Refund", "{}")]


async def test_a_read_only_console_has_none_of_it(console: Console, daemon: FakeDaemon) -> None:
    async with console(readonly=True) as pilot:
        await failed(pilot)
        await sees_no(pilot, "K fork here")
        await pilot.press("K", "E", "T", "X")
        await until(pilot, lambda: notices(pilot).count("the console is read-only") == 4)
        assert daemon.calls == []
