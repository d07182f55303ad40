"""Who runs where: limits, fairness, retirement. With workers that obey the test instead of processes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from flowd.functions import FunctionSpec
from flowd.runner import outcomes, pool
from flowd.runner.attempts import Attempt
from flowd.runner.leftovers import Leftovers
from flowd.runner.outcomes import Outcome
from flowd.runner.pool import Limits, Pool
from flowd.runner.process import Hosting
from flowd.runner.worker import Worker
from tests.runner.harness import until


class Obedient(Worker):
    """Starts at once, unless its function is called `broken`; answers when told to."""

    started: list[Obedient]

    async def start(self) -> None:
        Obedient.started.append(self)
        if self.spec.name == "broken":
            self._end(partial(outcomes.exited, code=1))
            return
        self.ready = True
        self._owner.worker_ready(self)

    def _hand_over(self, attempt: Attempt, deadline_ms: int) -> None:
        pass

    def answer(self) -> None:
        self._answer(Outcome(output=b"1"))


@pytest.fixture(autouse=True)
def obedient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    Obedient.started = []
    monkeypatch.setitem(pool.WORKERS, "python", Obedient)
    yield


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "f.py"
    file.write_text("1")
    return file


class World:
    def __init__(self, file: Path, limits: Limits) -> None:
        self.file = file
        self.pool = Pool(Hosting(Leftovers(file.parent / "notes")), limits)
        self.register("a", "b", "broken")
        self._count = 0

    def register(self, *names: str, **more: Any) -> None:
        specs = [FunctionSpec(name=name, kind="python", path=str(self.file), **more) for name in names]
        self.pool.register(specs, {})

    def submit(self, name: str) -> Attempt:
        self._count += 1
        attempt = Attempt(str(self._count), name, b"{}")
        self.pool.submit(attempt)
        return attempt


def at_work(name: str = "") -> list[Obedient]:
    return [worker for worker in Obedient.started if worker.attempt is not None and worker.spec.name.startswith(name)]


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_function_has_no_more_processes_than_allowed(file: Path) -> None:
    world = World(file, Limits(per_function=2, total=10))
    attempts = [world.submit("a") for _ in range(5)]
    await settle()
    assert len(at_work()) == 2
    while workers := at_work():
        workers[0].answer()
        await settle()
    assert all(attempt.outcome == Outcome(output=b"1") for attempt in attempts)
    assert len(Obedient.started) == 2


async def test_calls_wait_in_order(file: Path) -> None:
    world = World(file, Limits(per_function=1))
    order: list[str] = []
    for _ in range(4):
        world.submit("a").when_ended(lambda ended: order.append(ended.key))
    await settle()
    while workers := at_work():
        workers[0].answer()
    assert order == ["1", "2", "3", "4"]


async def test_the_worker_used_last_is_used_next(file: Path) -> None:
    world = World(file, Limits(per_function=3, total=10))
    for _ in range(3):
        world.submit("a")
    await settle()
    last = at_work()[1]
    for worker in [*at_work()[::2], last]:
        worker.answer()
    world.submit("a")
    assert at_work() == [last]


async def test_a_full_runner_ends_an_idle_process_for_another_function(file: Path) -> None:
    world = World(file, Limits(per_function=2, total=2))
    for _ in range(2):
        world.submit("a")
    await settle()
    first, second = at_work()
    first.answer()
    second.answer()
    world.submit("b")
    await settle()
    assert first.gone and not second.gone
    assert [worker.spec.name for worker in at_work()] == ["b"]


async def test_a_busy_function_gives_up_a_process_for_one_that_has_none(file: Path) -> None:
    world = World(file, Limits(per_function=2, total=2))
    for _ in range(6):
        world.submit("a")
    await settle()
    world.submit("b")
    at_work("a")[0].answer()
    await settle()
    assert len(at_work("a")) == 1
    assert len(at_work("b")) == 1


async def test_more_functions_than_places_are_served_in_turn_with_one_process_a_call(file: Path) -> None:
    world = World(file, Limits(per_function=2, total=2))
    names = [f"f{number}" for number in range(6)]
    world.register(*names)
    attempts = [world.submit(name) for name in names]
    await settle()
    while workers := at_work():
        workers[0].answer()
        await settle()
    assert all(attempt.outcome == Outcome(output=b"1") for attempt in attempts)
    assert [worker.spec.name for worker in Obedient.started] == names


async def test_a_function_that_does_not_load_costs_one_process_a_call_and_slows_down(file: Path) -> None:
    world = World(file, Limits(per_function=4, total=4, failures=2))
    attempts = [world.submit("broken") for _ in range(4)]
    await settle()
    begun = asyncio.get_running_loop().time()
    await until(lambda: all(attempt.outcome for attempt in attempts))
    assert len(Obedient.started) == 4
    assert {attempt.outcome.error for attempt in attempts if attempt.outcome} == {"Runtime.ExitError"}
    world.submit("broken")
    await settle()
    assert len(Obedient.started) == 4  # it has to wait now
    await until(lambda: len(Obedient.started) == 5)
    assert asyncio.get_running_loop().time() - begun > 0.05


async def test_a_changed_function_may_start_at_once_again(file: Path) -> None:
    world = World(file, Limits(failures=1))
    world.submit("broken")
    await settle()
    world.submit("broken")
    await settle()
    assert len(Obedient.started) == 1
    world.register("broken", memory_mb=99)
    world.submit("broken")
    await settle()
    assert len(Obedient.started) > 1


async def test_idle_processes_end_after_a_while(file: Path) -> None:
    world = World(file, Limits(idle_s=0.05))
    world.submit("a")
    await settle()
    (worker,) = at_work()
    worker.answer()
    assert not worker.gone
    await until(lambda: worker.gone)
    world.submit("a")
    await settle()
    assert len(Obedient.started) == 2


async def test_a_changed_file_ends_idle_workers(file: Path) -> None:
    world = World(file, Limits())
    world.submit("a")
    await settle()
    (worker,) = at_work()
    worker.answer()
    file.write_text("22")
    world.submit("a")
    await settle()
    assert worker.gone
    assert len(at_work()) == 1


async def test_another_environment_ends_busy_workers_after_their_call(file: Path) -> None:
    world = World(file, Limits())
    attempt = world.submit("a")
    await settle()
    (worker,) = at_work()
    world.pool.register([worker.spec], {"NEW": "1"})
    assert not worker.gone
    worker.answer()
    assert worker.gone
    assert attempt.outcome == Outcome(output=b"1")


async def test_a_function_that_is_gone_is_unknown_but_its_calls_end_well(file: Path) -> None:
    world = World(file, Limits())
    attempt = world.submit("a")
    await settle()
    (worker,) = at_work()
    world.register("b")
    assert not world.pool.knows("a")
    worker.answer()
    assert attempt.outcome == Outcome(output=b"1")
    assert worker.gone


async def test_a_call_that_waits_can_be_cancelled(file: Path) -> None:
    world = World(file, Limits(per_function=1))
    running, waiting = world.submit("a"), world.submit("a")
    await settle()
    world.pool.cancel(waiting)
    assert waiting.outcome is not None and waiting.outcome.error == "Lambda.Unknown"
    at_work()[0].answer()
    assert running.outcome == Outcome(output=b"1")
    assert at_work() == []


async def test_a_call_beyond_its_time_ends_and_its_late_answer_counts_for_nothing(file: Path) -> None:
    world = World(file, Limits())
    world.register("a", timeout_s=0.02)
    attempt = world.submit("a")
    await settle()
    (worker,) = at_work()
    await until(lambda: attempt.outcome)
    assert attempt.outcome is not None and attempt.outcome.error == "Sandbox.Timedout"
    worker.answer()
    assert attempt.outcome.error == "Sandbox.Timedout"


async def test_closing_ends_every_call(file: Path) -> None:
    world = World(file, Limits(per_function=1))
    attempts = [world.submit("a"), world.submit("a"), world.submit("b")]
    await settle()
    await world.pool.close()
    assert all(attempt.outcome and attempt.outcome.error == "Lambda.Unknown" for attempt in attempts)
    assert all(worker.gone for worker in Obedient.started)
