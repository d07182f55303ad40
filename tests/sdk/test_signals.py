"""Timers, signals and questions to people: what a workflow waits for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from flowd import sdk
from flowd.sdk import Queue, Signal, activity, sleep, workflow
from flowd.sdk.testing import Simulation, Stuck, WorkflowFailed
from tests.sdk.test_workflows import Decision, Order, kinds


def test_timers_are_relative_or_absolute_and_last_up_to_a_year() -> None:
    @workflow
    async def waits() -> list[datetime]:
        await sleep(timedelta(days=1))
        first = sdk.now()
        await sdk.until(datetime(2030, 6, 1, tzinfo=UTC))
        second = sdk.now()
        await sdk.until(datetime(2029, 1, 1, tzinfo=UTC))
        return [first, second, sdk.now()]

    june = datetime(2030, 6, 1, tzinfo=UTC)
    assert Simulation().run(waits) == [datetime(2030, 1, 2, tzinfo=UTC), june, june]


@pytest.mark.parametrize("wait", [lambda: sleep(40_000_000), lambda: sdk.until(datetime.now(UTC).replace(tzinfo=None))])
def test_a_wait_that_cannot_be_is_refused_with_the_reason(wait: Callable[[], Awaitable[None]]) -> None:
    @workflow
    async def waits() -> None:
        await wait()

    with pytest.raises(WorkflowFailed, match=r"longest|time zone"):
        Simulation().run(waits)


def test_the_first_of_a_signal_and_a_timer_wins() -> None:
    paid = Signal("paid", int)

    @workflow
    async def race() -> str:
        index, amount = await sdk.first(paid.receive(), sleep(60))
        return f"paid {amount}" if index == 0 else "too late"

    simulation = Simulation()
    assert simulation.run(race) == "too late"
    handle = simulation.start(race)
    simulation.signal(handle, paid, 7)
    assert handle.result() == "paid 7"
    assert kinds(handle.history)[-2:] == ["TimerCanceled", "WorkflowExecutionCompleted"]


def test_signals_wait_in_line_and_one_that_cannot_be_read_is_passed_over() -> None:
    word = Signal("word", str)

    @workflow
    async def listens() -> list[str]:
        heard = [await word.receive() for _ in range(2)]
        await sleep(10)
        assert word.waiting() == 1
        return [*heard, await word.receive()]

    simulation = Simulation()
    handle = simulation.start(listens)
    simulation.swf.signal(handle.run, "word", "{")
    simulation.swf.signal(handle.run, "word", "5")
    for text in ("a", "b", "c"):
        simulation.signal(handle, word, text)
    assert simulation.finish(handle) == ["a", "b", "c"]


def test_a_signal_is_not_lost_when_its_waiter_is_cancelled_in_the_same_decision() -> None:
    word = Signal("word", str)

    @workflow
    async def listens() -> str:
        async def loses() -> None:
            await word.receive()

        loser = sdk.start(loses())
        await sleep(10)
        loser.cancel()
        return await word.receive()

    simulation = Simulation()
    handle = simulation.start(listens)
    simulation.swf.now_ms += 10_000
    simulation.swf.fire_due()
    simulation.signal(handle, word, "kept")
    assert handle.result() == "kept"


def test_any_of_takes_the_first_success() -> None:
    @activity
    def fails() -> str:
        raise ValueError("no")

    @workflow
    async def tries(all_fail: bool) -> str:
        async def late() -> str:
            await sleep(5)
            if all_fail:
                raise KeyError("late")
            return "late"

        return await sdk.any_of(fails(), late())

    assert Simulation().run(tries, False) == "late"
    with pytest.raises(WorkflowFailed, match="KeyError"):
        Simulation().run(tries, True)


def test_a_person_is_asked_and_the_answer_is_typed() -> None:
    desk = Queue("order-desk", Decision)

    @workflow
    async def approval(order: Order) -> bool:
        decision = await desk.ask(f"Order {order.id}?", "please look", context=order, assignees=["ada"], groups=["ops"])
        return decision.approved

    simulation = Simulation()
    handle = simulation.start(approval, Order(7, []))
    (asked,) = simulation.asked
    assert (asked.queue, asked.title, asked.context) == ("order-desk", "Order 7?", {"id": 7, "items": []})
    prompt = handle.history[4]["activityTaskScheduledEventAttributes"]
    assert prompt["activityType"] == {"name": "order-desk", "version": "1"}
    assert '"Schema"' in prompt["input"] and '"Assignees":["ada"],"Groups":["ops"]' in prompt["input"]
    with pytest.raises(Stuck, match="'Order 7\\?' in order-desk"):
        simulation.finish(handle)
    simulation.answer(desk, Decision(True))
    assert handle.result() is True


def test_a_question_that_nobody_answers_in_time_is_a_timeout() -> None:
    desk = Queue("order-desk", Decision)

    @workflow
    async def approval() -> str:
        try:
            await desk.ask("Well?", timeout=timedelta(days=30))
        except sdk.ActivityTimedOut:
            return (sdk.now() - datetime(2030, 1, 1, tzinfo=UTC)).days.__str__()
        return "answered"

    assert Simulation().run(approval) == "30"
