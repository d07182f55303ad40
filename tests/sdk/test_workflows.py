"""Workflows from end to end on the simulated clock: what their authors rely on."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from flowd import sdk
from flowd.sdk import Queue, Retry, Signal, activity, gather, sleep, workflow
from flowd.sdk.testing import Simulation, Stuck, WorkflowFailed, never


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
def test_a_wait_that_cannot_be_is_refused_with_the_reason(wait: object) -> None:
    @workflow
    async def waits() -> None:
        await wait()  # type: ignore[operator]

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
        decision = await desk.ask(f"Order {order.id}?", "please look", context=order, assignees=["ada"])
        return decision.approved

    simulation = Simulation()
    handle = simulation.start(approval, Order(7, []))
    (asked,) = simulation.asked
    assert (asked.queue, asked.title, asked.context) == ("order-desk", "Order 7?", {"id": 7, "items": []})
    prompt = handle.history[4]["activityTaskScheduledEventAttributes"]
    assert prompt["activityType"] == {"name": "order-desk", "version": "1"}
    assert '"Schema"' in prompt["input"] and '"Assignees":["ada"]' in prompt["input"]
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


def test_a_cancelled_workflow_cleans_up_and_is_canceled() -> None:
    undone: list[str] = []

    @activity
    def undo(what: str) -> None:
        undone.append(what)

    @workflow
    async def careful() -> None:
        try:
            await sleep(1000)
        finally:
            await undo("booking")
            await sleep(5)
            await undo("hotel")

    simulation = Simulation()
    handle = simulation.start(careful)
    simulation.cancel(handle)
    with pytest.raises(WorkflowFailed, match="CANCELED"):
        simulation.finish(handle)
    assert undone == ["booking", "hotel"]


def test_a_workflow_may_refuse_to_be_cancelled() -> None:
    @workflow
    async def stays() -> str:
        try:
            await sleep(1000)
        except sdk.CancelledError:
            return "no"
        return "yes"

    simulation = Simulation()
    handle = simulation.start(stays)
    simulation.cancel(handle)
    assert handle.result() == "no"


def test_a_shielded_block_is_finished_before_the_cancel_request_is_heard() -> None:
    done: list[str] = []

    @activity
    def step(what: str) -> None:
        done.append(what)

    @workflow
    async def careful() -> None:
        async with sdk.shield():
            await step("pay")
            await sleep(100)
            await step("book")
        await step("never")

    simulation = Simulation()
    handle = simulation.start(careful)
    simulation.cancel(handle)
    with pytest.raises(WorkflowFailed, match="CANCELED"):
        simulation.finish(handle)
    assert done == ["pay", "book"]


def test_a_timeout_ends_a_block_and_its_activity_is_asked_to_stop() -> None:
    @activity
    def endless() -> None:
        raise AssertionError("replaced")

    @workflow
    async def impatient() -> str:
        try:
            async with sdk.timeout(30):
                await endless()
        except TimeoutError as error:
            return str(error)
        return "done"

    simulation = Simulation()
    simulation.replace(endless, never)
    handle = simulation.start(impatient)
    assert simulation.finish(handle) == "not over after 30 s"
    assert "ActivityTaskCancelRequested" in kinds(handle.history)


def test_a_cancel_from_outside_is_no_timeout() -> None:
    @workflow
    async def impatient() -> str:
        try:
            async with sdk.timeout(30):
                await sleep(1000)
        except TimeoutError:
            return "timeout"
        return "done"

    simulation = Simulation()
    handle = simulation.start(impatient)
    simulation.cancel(handle)
    assert handle.status == "CANCELED"


def test_a_cancel_scope_ends_quietly() -> None:
    stop = Signal("stop")

    @workflow
    async def scoped() -> str:
        async with sdk.cancel_scope() as scope:

            async def watch() -> None:
                await stop.receive()
                scope.cancel()

            sdk.start(watch())
            await sleep(1000)
        return "stopped" if scope.cancelled else "slept"

    simulation = Simulation()
    handle = simulation.start(scoped)
    simulation.signal(handle, stop, None)
    assert handle.result() == "stopped"


def test_a_child_workflow_gives_its_result_or_its_failure() -> None:
    @workflow
    async def part(number: int) -> int:
        if number == 3:
            raise ValueError("three")
        return await double(number)

    @workflow
    async def whole(numbers: list[int]) -> list[int | str]:
        try:
            return list(await gather(*(part(n) for n in numbers)))
        except sdk.ChildFailed as failure:
            return [failure.status, failure.type, failure.message]

    assert Simulation().run(whole, [1, 2]) == [2, 4]
    assert Simulation().run(whole, [2, 3]) == ["FAILED", "ValueError", "three"]


def test_a_started_child_can_be_signaled_and_cancelled() -> None:
    note = Signal("note", str)

    @workflow
    async def listener() -> str:
        heard = await note.receive()
        try:
            await sleep(1000)
        except sdk.CancelledError:
            return f"{heard}, then stopped"
        return heard

    @workflow
    async def parent() -> str:
        child = await listener.start_child()
        await child.signal(note, "psst")
        await child.cancel()
        return await child.result

    assert Simulation().run(parent) == "psst, then stopped"


def test_a_parent_that_is_cancelled_cancels_its_child_and_waits_for_it() -> None:
    @workflow
    async def child() -> None:
        try:
            await sleep(1000)
        finally:
            await sleep(7)

    @workflow
    async def parent() -> None:
        await child()

    simulation = Simulation()
    handle = simulation.start(parent)
    simulation.cancel(handle)
    with pytest.raises(WorkflowFailed, match="CANCELED"):
        simulation.finish(handle)
    assert [run.status for run in simulation.swf.runs] == ["CANCELED", "CANCELED"]


def test_a_child_whose_id_is_taken_is_not_accepted() -> None:
    @workflow(workflow_id="the-one")
    async def single() -> None:
        await sleep(10)

    @workflow
    async def parent() -> str:
        try:
            await gather(single(), single())
        except sdk.NotAccepted as failure:
            return failure.type
        return "both"

    assert Simulation().run(parent) == "WORKFLOW_ALREADY_RUNNING"


def test_a_signal_to_nobody_is_an_external_failure() -> None:
    note = Signal("note", str)

    @workflow
    async def sends() -> str:
        try:
            await note.send("nobody", "hello")
        except sdk.ExternalFailed as failure:
            return failure.type
        return "sent"

    assert Simulation().run(sends) == "UNKNOWN_EXTERNAL_WORKFLOW_EXECUTION"


def test_continue_as_new_begins_a_short_history() -> None:
    @workflow
    async def counts(left: int) -> str:
        await sleep(60)
        if left:
            counts.continue_as_new(left - 1)
        return f"run {sdk.info().run_id}, after {sdk.info().continued_from_run_id}"

    simulation = Simulation()
    assert simulation.run(counts, 3) == "run run4, after run3"
    assert {len(run.events) for run in simulation.swf.runs} == {10}


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


def test_an_activity_is_asked_to_stop_and_waited_for_if_it_wishes_so() -> None:
    @activity(on_cancel="wait")
    def slow() -> None:
        raise AssertionError("replaced")

    @workflow
    async def waits() -> None:
        await slow()

    simulation = Simulation()
    simulation.replace(slow, never)
    handle = simulation.start(waits)
    simulation.cancel(handle)
    assert handle.status == "OPEN"
    (task,) = handle.run.tasks.values()
    simulation.swf.ended(task, "Canceled")
    simulation.settle()
    assert handle.status == "CANCELED"


def test_calling_workflow_functions_outside_of_a_workflow_is_explained() -> None:
    with pytest.raises(sdk.errors.NotInWorkflow, match="only be called by workflow code"):
        sdk.now()
