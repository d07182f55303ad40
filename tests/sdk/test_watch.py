"""Workflow code that computes without end: the decider's thread comes back, and the log says where it was."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from flowd.sdk import workflow
from flowd.sdk.deciding import Decider
from flowd.sdk.registry import Registry
from flowd.sdk.watch import LONGEST_S, Endless, Watch
from tests.sdk.histories import History
from tests.sdk.test_worker import Played, _task

running = threading.Event()


@workflow
async def endless(number: int) -> int:
    running.set()
    while True:
        number += 1


class Clock:
    """Processor time as the test says."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self, thread: int) -> float:
        return self.seconds


@contextmanager
def computing(decider: Decider) -> Iterator[threading.Thread]:
    """A thread that decides a task of the endless workflow."""
    running.clear()
    task = _task(History().began("4"), "endless")
    thread = threading.Thread(target=decider.work, args=[task], daemon=True)
    thread.start()
    assert running.wait(10)
    yield thread
    thread.join(10)
    assert not thread.is_alive()


def test_an_endless_loop_is_ended_with_its_place_and_not_answered(caplog: pytest.LogCaptureFixture) -> None:
    swf, clock = Played(), Clock()
    decider = Decider(swf, Registry(workflows={"endless": endless}), "flowd", "lists")
    decider.watch = Watch(clock)
    with computing(decider) as thread:
        clock.seconds = LONGEST_S
        decider.watch.look()
        assert thread.is_alive()
        clock.seconds += 0.1
        decider.watch.look()
    (said,) = [record.message for record in caplog.records]
    assert said.startswith("endless w (r): its code computed for 5 s without waiting for anything, at ")
    assert "test_watch.py:" in said and swf.asked == []


def test_a_thread_that_has_decided_is_left_alone() -> None:
    clock = Clock()
    watch = Watch(clock)
    with watch.deciding():
        pass
    clock.seconds = LONGEST_S * 2
    watch.look()
    sum(range(1000))


def test_what_catches_everything_is_ended_again() -> None:
    clock, caught, spins = Clock(), 0, threading.Event()
    watch = Watch(clock)

    def stubborn() -> None:
        nonlocal caught
        with watch.deciding():
            while caught < 2:
                try:
                    spins.set()
                    while True:
                        pass
                except Endless:
                    caught += 1

    thread = threading.Thread(target=stubborn, daemon=True)
    thread.start()
    for _ in range(2):
        assert spins.wait(10)
        spins.clear()
        clock.seconds += LONGEST_S + 1
        watch.look()
    thread.join(10)
    assert caught == 2 and not thread.is_alive()


def test_time_is_the_processor_s_own() -> None:
    watch = Watch()
    with watch.deciding():
        (since,) = watch._since.values()
        end = time.thread_time() + 0.02
        while time.thread_time() < end:
            pass
        assert 0.01 < watch._spent(threading.get_ident()) - since < 5
