"""Workflows from end to end on the simulated clock: what their authors rely on."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from flowd import sdk
from flowd.sdk import Retry, Signal, activity, gather, sleep, workflow
from flowd.sdk.testing import Simulation, WorkflowFailed, never


@dataclass
class Order:
    id: int
    items: list[str]


@dataclass
class Decision:
    approved: bool


@activity
def double(number: int) -> int:
    return number * 2


@activity
def add(left: int, right: int = 1) -> int:
    return left + right


def kinds(history: list[dict[str, object]]) -> list[object]:
    return [event["eventType"] for event in history]


def test_results_are_typed_and_several_parameters_travel_by_name() -> None:
    @workflow
    async def total(order: Order) -> Order:
        count = await add(len(order.items), right=await double(order.id))
        return Order(count, [item.upper() for item in order.items])

    simulation = Simulation()
    assert simulation.run(total, Order(4, ["a", "b"])) == Order(10, ["A", "B"])
    assert simulation.calls == [("double", (4,)), ("add", (2, 8))]


def test_an_activity_of_a_coroutine_function_is_awaited() -> None:
    @activity
    async def greet(name: str) -> str:
        return f"hello {name}"

    @workflow
    async def greeting(name: str) -> str:
        return await greet(name)

    assert Simulation().run(greeting, "Ada") == "hello Ada"


def test_a_gather_runs_side_by_side_and_keeps_the_order() -> None:
    @workflow
    async def both() -> tuple[int, ...]:
        return await gather(*(double(n) for n in range(5)))

    simulation = Simulation()
    handle = simulation.start(both)
    assert list(handle.result()) == [0, 2, 4, 6, 8]
    assert kinds(handle.history).count("DecisionTaskCompleted") == 6
    scheduled = [e["eventId"] for e in handle.history if e["eventType"] == "ActivityTaskScheduled"]
    assert scheduled == [5, 6, 7, 8, 9]


def test_a_failure_in_a_gather_cancels_the_others_and_waits_for_their_cleanup() -> None:
    cleaned: list[str] = []

    @activity
    def breaks() -> None:
        raise ValueError("no")

    @activity
    def release(what: str) -> None:
        cleaned.append(what)

    async def patient() -> None:
        try:
            await sleep(1000)
        finally:
            await release("stock")

    @workflow
    async def pair() -> str:
        try:
            await gather(patient(), breaks())
        except sdk.ActivityFailed as failure:
            await release("rest")
            return f"{failure.type}: {failure.message}"
        return "fine"

    simulation = Simulation()
    assert simulation.run(pair) == "ValueError: no"
    assert cleaned == ["stock", "rest"]
    assert simulation.now == datetime(2030, 1, 1, tzinfo=UTC)


def test_an_activity_is_retried_with_growing_pauses_until_it_works() -> None:
    tries: list[int] = []

    @activity(retry=Retry(first=10, factor=3, maximum=50))
    def flaky() -> str:
        tries.append(1)
        if len(tries) < 5:
            raise ConnectionError("away")
        return "at last"

    @workflow
    async def stubborn() -> float:
        began = sdk.now()
        await flaky()
        return (sdk.now() - began).total_seconds()

    assert Simulation().run(stubborn) == 10 + 30 + 50 + 50


@pytest.mark.parametrize("error", [KeyError("k"), sdk.PermanentError("never")])
def test_what_cannot_be_mended_is_not_retried(error: Exception) -> None:
    @activity(retry=Retry(unless=("KeyError",)))
    def broken() -> None:
        raise error

    @workflow
    async def once() -> None:
        await broken()

    simulation = Simulation()
    with pytest.raises(WorkflowFailed, match=type(error).__name__):
        simulation.run(once)
    assert len(simulation.calls) == 1


@pytest.mark.parametrize("where", ["at once", "after a timer", "in a condition", "in an activity"])
def test_sys_exit_fails_the_execution_and_not_its_worker(where: str) -> None:
    @activity
    def leaves() -> None:
        sys.exit("bye")

    @workflow
    async def leaving(where: str) -> None:
        if where == "in an activity":
            await leaves()
        if where == "in a condition":
            await sdk.wait_until(lambda: sys.exit("bye"))
        if where == "after a timer":
            await sleep(60)
        sys.exit("bye")

    with pytest.raises(WorkflowFailed, match="SystemExit"):
        Simulation().run(leaving, where)


def test_a_worker_that_is_never_heard_of_again_times_out_and_is_replaced() -> None:
    @activity(start_to_close=60, retry=Retry(attempts=2, first=1))
    def charge() -> str:
        return "charged"

    @workflow
    async def pay() -> str:
        try:
            return await charge()
        except sdk.ActivityTimedOut as failure:
            return failure.type

    simulation = Simulation()
    simulation.replace(charge, never)
    assert simulation.run(pay) == "START_TO_CLOSE"
    assert simulation.now - datetime(2030, 1, 1, tzinfo=UTC) == timedelta(seconds=121)


def test_a_side_effect_happens_once_and_chance_is_the_same_at_every_replay() -> None:
    drawn: list[int] = []

    def draw() -> int:
        drawn.append(len(drawn))
        return len(drawn) * 11

    @workflow
    async def chance() -> list[object]:
        value = sdk.side_effect(draw, int)
        ids = [str(sdk.uuid4()), sdk.random().random()]
        await sleep(1)
        await sleep(1)
        assert [value, *ids] == [11, *ids]
        return [value, *ids, str(sdk.uuid4())]

    simulation = Simulation()
    result = simulation.run(chance)
    assert result[0] == 11 and len({str(each) for each in result}) == 4
    assert drawn == [0]


def test_a_state_machine_and_a_function_are_called_and_waited_for() -> None:
    @workflow
    async def calls() -> list[object]:
        output = await sdk.execute_state_machine("order", {"n": 1}, result=dict)
        return [output, await sdk.invoke_lambda("shop", {"m": 2})]

    simulation = Simulation()
    simulation.machine("order", lambda given: {"seen": given})
    simulation.function("shop", lambda given: given["m"])
    assert simulation.run(calls) == [{"seen": {"n": 1}}, 2]


def test_wait_until_looks_at_the_condition_after_everything_that_happens() -> None:
    item = Signal("item", int)

    @workflow
    async def collects() -> int:
        total = 0

        async def collect() -> None:
            nonlocal total
            while True:
                total += await item.receive()

        sdk.start(collect())
        await sdk.wait_until(lambda: total >= 10)
        return total

    simulation = Simulation()
    handle = simulation.start(collects)
    for value in (4, 5, 6):
        simulation.signal(handle, item, value)
    assert handle.result() == 15


def test_the_log_says_things_once_and_the_status_is_the_execution_context(caplog: pytest.LogCaptureFixture) -> None:
    @workflow
    async def talks() -> None:
        sdk.log.warning("before")
        sdk.set_status("asleep")
        await sleep(1)
        sdk.log.warning("after")

    simulation = Simulation()
    with caplog.at_level(logging.INFO, "workflow"):
        handle = simulation.start(talks)
        simulation.finish(handle)
    assert [record.message.partition(": ")[2] for record in caplog.records] == ["before", "after"]
    assert handle.run.context == "asleep"


def test_a_failure_of_a_started_task_that_nobody_awaits_fails_the_workflow() -> None:
    async def breaks() -> None:
        raise RuntimeError("lost")

    @workflow
    async def careless() -> str:
        sdk.start(breaks())
        await sleep(1)
        return "fine"

    with pytest.raises(WorkflowFailed, match="RuntimeError: lost"):
        Simulation().run(careless)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ('"x"', "Expected `object`"),
        ('{"id": 1}', "missing required field `items`"),
        ("{", "truncated"),
    ],
)
def test_an_input_that_does_not_fit_fails_the_workflow_with_the_place(given: str, message: str) -> None:
    @workflow
    async def total(order: Order) -> int:
        return order.id

    handle = Simulation().start_text(total, given)
    with pytest.raises(WorkflowFailed, match=f"the input of workflow total: .*{message}"):
        handle.result()


def test_a_result_that_is_too_large_is_a_failure_that_says_so() -> None:
    @workflow
    async def large() -> str:
        return "x" * 40_000

    with pytest.raises(WorkflowFailed, match="the result of workflow large has 40002 characters"):
        Simulation().run(large)


def test_calling_workflow_functions_outside_of_a_workflow_is_explained() -> None:
    with pytest.raises(sdk.errors.NotInWorkflow, match="only be called by workflow code"):
        sdk.now()
