"""One step of one execution, as STANDARD and EXPRESS take it: worked out on the loop or, if heavy, in a thread.

A step that fails by a defect of ours becomes a failed execution that says so. Nothing here commits, and nothing here
knows whether anybody will.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import msgspec

from flowd.asl.model import StateMachine
from flowd.decisions import Step
from flowd.engine.commit import Effects, Recorder
from flowd.engine.deciders import Interpreted
from flowd.engine.live import Live
from flowd.entropy import Entropy
from flowd.history import Event, News
from flowd.payload import Payload

log = logging.getLogger(__name__)
HEAVY = 2  # heavy steps at once
BIG = 32_768  # characters of a payload from which a step is heavy
Work = Callable[[], Step | Exception | None]
Worked = Step | Exception | None


class Stepping:
    """Works steps out. One instance per daemon, so that HEAVY holds for everything that runs in it."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(HEAVY, "step")
        self._seeds = Entropy(os.urandom(32))  # the system's generator costs 30 us a call, a stream from it 1
        #: ARNs of activities that a definition names and that do not exist; whoever keeps activities hands it in.
        self.missing: Callable[[StateMachine], tuple[str, ...]] = _none_missing

    def work(self, live: Live, event: Event, now_ms: int) -> tuple[Work, bool]:
        """The step that is to be made of a piece of news, and whether it is heavy. Called, it gives the step or the
        exception it ended in."""
        try:
            return self._work(live, event, now_ms), _is_heavy(live, event)
        except Exception as error:
            defect = error
            return lambda: defect, False

    def _work(self, live: Live, event: Event, now_ms: int) -> Work:
        entropy = Entropy(self._seeds.take(16))
        if isinstance(live.decider, Interpreted) and live.machine.activities:
            missing = self.missing(live.machine)
            if missing != live.execution.missing_activities:
                live.execution = msgspec.structs.replace(live.execution, missing_activities=missing)
        return partial(_attempt, partial(live.decider.step, live.execution, live.frames, event, now_ms, entropy))

    def aside(self, live: Live, work: Work, back: Callable[[Worked], None]) -> None:
        """Work a step out in a thread: JSONata and big payloads never hold up the loop (law 9)."""
        live.stepping = True
        working = asyncio.get_running_loop().run_in_executor(self._threads, work)

        def done(future: asyncio.Future[Worked]) -> None:
            live.stepping = False
            if not future.cancelled():
                back(future.result())

        working.add_done_callback(done)


def _is_heavy(live: Live, event: Event) -> bool:
    """True if the step may take long: by what its definition does, or by the data that come or are there already."""
    if live.heavy:
        return True
    carried = [event.details.get("output")]
    if isinstance(live.decider, Interpreted):  # the steps of an SWF execution pass its data on and read none
        frame = live.frames.get(event.frame)
        carried.append(live.execution.input if frame is None else frame.input)
    return any(isinstance(payload, Payload) and payload.longer_than(BIG) for payload in carried)


def take(
    recorder: Recorder, live: Live, event: Event, step: Step | Exception, now_ms: int, effects: Effects
) -> list[Event]:
    """Record a step, or the failure of one; returns what must be stepped before all other news."""
    if isinstance(step, Exception):
        log.error("execution %s: the step for %s failed", live.execution.arn, event.news, exc_info=step)
        why = f"flowd could not take the step for {event.news.value}: {type(step).__name__}: {step}"
        recorder.record(live, live.decider.give_up(live.execution, live.frames, now_ms, why), now_ms, effects)
        return []
    if event.news in _BOOKKEEPING:
        _BOOKKEEPING[event.news](recorder, live, event, now_ms, effects)
    return recorder.record(live, step, now_ms, effects)


def _none_missing(machine: StateMachine) -> tuple[str, ...]:
    return ()


def _attempt(work: Callable[[], Step | None]) -> Worked:
    try:
        return work()
    except Exception as error:
        return error


def _task_started(recorder: Recorder, live: Live, event: Event, now_ms: int, effects: Effects) -> None:
    recorder.task_started(live, event, now_ms, effects)


def _task_submitted(recorder: Recorder, live: Live, event: Event, now_ms: int, effects: Effects) -> None:
    recorder.task_submitted(live, event, now_ms)
    recorder.keep_output(live, event, now_ms, effects)


def _task_alive(recorder: Recorder, live: Live, event: Event, now_ms: int, effects: Effects) -> None:
    recorder.task_alive(live, event, now_ms, effects)


def _task_answered(recorder: Recorder, live: Live, event: Event, now_ms: int, effects: Effects) -> None:
    recorder.keep_output(live, event, now_ms, effects)


def _timer_fired(recorder: Recorder, live: Live, event: Event, now_ms: int, effects: Effects) -> None:
    recorder.timer_over(live, event)


_BOOKKEEPING: dict[News, Callable[[Recorder, Live, Event, int, Effects], None]] = {
    News.TASK_STARTED: _task_started,
    News.TASK_ALIVE: _task_alive,
    News.TASK_SUBMITTED: _task_submitted,
    News.TASK_SUCCEEDED: _task_answered,
    News.TASK_FAILED: _task_answered,
    News.TIMER_FIRED: _timer_fired,
}
