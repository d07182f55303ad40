"""Long polls of SWF over boto3: who gets which task, long histories in pages, pollers that vanish, tokens that fit."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from flowd.api import swf_tasks
from flowd.api.wire.connection import Connection
from flowd.store import executions
from tests.api.swf.shop import CHARGE, DOMAIN, Shop, decision


def call(activity_id: str, **members: Any) -> dict[str, Any]:
    return decision("ScheduleActivityTask", activityType=CHARGE, activityId=activity_id, **members)


async def waiting(shop: Shop, pollers: int, name: str = "swf/decision/shop/orders") -> None:
    """Until so many polls wait."""
    async with asyncio.timeout(10):
        while shop.box.world.core.waiters.pollers(name) != pollers:
            await asyncio.sleep(0.001)


async def test_a_poll_that_finds_nothing_answers_with_zeros(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swf_tasks, "POLL_S", 0.01)
    assert await shop.poll() == {"taskToken": "", "startedEventId": 0, "previousStartedEventId": 0}
    assert await shop.work() == {"taskToken": "", "startedEventId": 0}


async def test_the_longest_waiting_poll_gets_the_task(shop: Shop) -> None:
    polls = []
    for number in range(3):
        polls.append(asyncio.create_task(shop.poll(identity=f"d{number}")))
        await waiting(shop, number + 1)
    run = await shop.start()
    task = await polls[0]
    assert task["workflowExecution"]["runId"] == run
    assert (await shop.last(run, "DecisionTaskStarted"))["identity"] == "d0"
    shop.box.world.core.waiters.stop()
    assert [each["taskToken"] for each in await asyncio.gather(*polls[1:])] == ["", ""]


async def test_high_priority_comes_first_then_the_oldest(shop: Shop) -> None:
    await shop.start()
    await shop.decide(call("low", taskPriority="-5"), call("first"), call("second"), call("high", taskPriority="9"))
    counted = await shop.call("count_pending_activity_tasks", domain=DOMAIN, taskList={"name": "work"})
    assert counted == {"count": 4, "truncated": False}
    assert [(await shop.work())["activityId"] for _ in range(4)] == ["high", "first", "second", "low"]


async def test_lists_of_the_same_name_for_decisions_and_activities_are_two(shop: Shop) -> None:
    await shop.start()
    await shop.decide(call("a", taskList={"name": "orders"}))
    await shop.call("signal_workflow_execution", domain=DOMAIN, workflowId="order-1", signalName="s")
    assert (await shop.work("orders"))["activityId"] == "a"
    assert (await shop.poll("orders"))["taskToken"]
    for kind in ("decision", "activity"):
        counted = await shop.call(f"count_pending_{kind}_tasks", domain=DOMAIN, taskList={"name": "never"})
        assert counted == {"count": 0, "truncated": False}


async def test_more_of_a_long_history_is_the_same_task(shop: Shop) -> None:
    run = await shop.start()
    marks = [decision("RecordMarker", markerName=str(number)) for number in range(20)]
    await shop.decide(*marks)
    await shop.call("signal_workflow_execution", domain=DOMAIN, workflowId="order-1", signalName="s")
    first = await shop.poll(maximumPageSize=10)
    await shop.call("signal_workflow_execution", domain=DOMAIN, workflowId="order-1", signalName="later")
    pages = [first]
    while "nextPageToken" in pages[-1]:
        pages.append(await shop.poll(maximumPageSize=10, nextPageToken=pages[-1]["nextPageToken"]))
    assert {page["taskToken"] for page in pages} == {first["taskToken"]}
    assert {page["startedEventId"] for page in pages} == {27}
    seen = [event["eventId"] for page in pages for event in page["events"]]
    assert seen == list(range(1, 28))  # what came after the start is for the next task
    assert (await shop.types(run)).count("DecisionTaskStarted") == 2


async def test_a_page_of_a_task_that_is_over_is_refused(shop: Shop) -> None:
    await shop.start()
    task = await shop.poll(maximumPageSize=1)
    await shop.respond(task)
    refused = await shop.refused(
        "poll_for_decision_task", domain=DOMAIN, taskList={"name": "orders"}, nextPageToken=task["nextPageToken"],
        maximumPageSize=1,
    )  # fmt: skip
    assert refused == ("UnknownResourceFault", "Unknown decision, scheduledEventId = 2")
    other = await shop.refused(
        "poll_for_decision_task", domain=DOMAIN, taskList={"name": "other"}, nextPageToken=task["nextPageToken"]
    )
    assert other == ("ValidationException", "Invalid token")


async def test_the_history_of_a_task_can_be_had_from_its_end(shop: Shop) -> None:
    await shop.start()
    await shop.decide(decision("RecordMarker", markerName="m"))
    await shop.call("signal_workflow_execution", domain=DOMAIN, workflowId="order-1", signalName="s")
    first = await shop.poll(reverseOrder=True, maximumPageSize=5)
    rest = await shop.poll(reverseOrder=True, maximumPageSize=5, nextPageToken=first["nextPageToken"])
    assert [event["eventId"] for event in [*first["events"], *rest["events"]]] == list(range(8, 0, -1))


async def test_a_poll_can_begin_at_the_decision_before(shop: Shop) -> None:
    await shop.start()
    await shop.decide(decision("RecordMarker", markerName="m"))
    await shop.call("signal_workflow_execution", domain=DOMAIN, workflowId="order-1", signalName="s")
    task = await shop.poll(startAtPreviousStartedEvent=True, maximumPageSize=4)
    more = await shop.poll(startAtPreviousStartedEvent=True, maximumPageSize=4, nextPageToken=task["nextPageToken"])
    events = [*task["events"], *more["events"]]
    assert [event["eventId"] for event in events] == [3, 4, 5, 6, 7, 8]
    assert task["previousStartedEventId"] == 3


async def test_both_at_once_end_at_the_decision_before(shop: Shop) -> None:
    await shop.start()
    await shop.decide(decision("RecordMarker", markerName="m"))
    await shop.call("signal_workflow_execution", domain=DOMAIN, workflowId="order-1", signalName="s")
    asked: dict[str, Any] = {"startAtPreviousStartedEvent": True, "reverseOrder": True, "maximumPageSize": 3}
    first = await shop.poll(**asked)
    rest = await shop.poll(**asked, nextPageToken=first["nextPageToken"])
    assert [event["eventId"] for event in [*first["events"], *rest["events"]]] == [8, 7, 6, 5, 4, 3]
    assert "nextPageToken" not in rest


async def test_a_first_poll_that_begins_at_the_decision_before_has_it_all(shop: Shop) -> None:
    await shop.start()
    task = await shop.poll(startAtPreviousStartedEvent=True)
    assert [event["eventId"] for event in task["events"]] == [1, 2, 3]


@pytest.mark.parametrize("kind", ["decision", "activity"])
async def test_a_poller_that_vanished_eats_no_task(shop: Shop, kind: str) -> None:
    core = shop.box.world.core
    name = f"swf/{kind}/shop/{'orders' if kind == 'decision' else 'work'}"
    there = True
    gone = asyncio.create_task(core.swf_tasks.poll(kind, DOMAIN, name.rpartition("/")[2], "gone", lambda: there, 30))
    await waiting(shop, 1, name)
    there = False
    run = await shop.start()
    if kind == "activity":
        await shop.decide(call("a"))
    assert await gone is None
    task = await (shop.poll(identity="next") if kind == "decision" else shop.work(identity="next"))
    assert task["taskToken"]
    assert (await shop.last(run, f"{'Decision' if kind == 'decision' else 'Activity'}TaskStarted"))["identity"] == (
        "next"
    )


async def test_a_poller_that_vanishes_while_its_claim_is_written_gives_the_task_back(shop: Shop) -> None:
    core = shop.box.world.core
    answers = iter([True])
    run = await shop.start()
    lost = await core.swf_tasks.poll("decision", DOMAIN, "orders", "lost", lambda: next(answers, False), 5)
    assert lost is None
    task = await shop.poll(identity="next")
    assert (await shop.types(run)).count("DecisionTaskStarted") == 1  # the same task under the same token
    await shop.respond(task)


async def test_a_poller_that_goes_while_its_history_is_read_gives_the_task_back_at_once(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = False
    read = swf_tasks._decision_task

    async def goes_meanwhile(*arguments: Any) -> Any:
        nonlocal gone
        body = await read(*arguments)
        gone = not gone
        return body

    monkeypatch.setattr(swf_tasks, "_decision_task", goes_meanwhile)
    monkeypatch.setattr(Connection, "there", lambda self: not gone)
    run = await shop.start()
    assert (await shop.poll(identity="lost"))["taskToken"] == ""
    monkeypatch.undo()
    task = await shop.poll(identity="next")
    assert (await shop.types(run)).count("DecisionTaskStarted") == 1  # the same task under the same token
    await shop.respond(task)


async def polled(shop: Shop) -> Any:
    """An activity task, without the wire."""
    return await shop.box.world.core.swf_tasks.poll("activity", DOMAIN, "work", None, lambda: True, 5)


async def test_pollers_that_come_at_once_read_what_waits_once_each(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = []
    real = executions.waiting_tasks

    def counted(session: Any, **members: Any) -> Any:
        reads.append(members["task_list"])
        return real(session, **members)

    monkeypatch.setattr(executions, "waiting_tasks", counted)
    await shop.start()
    await shop.decide(*(call(str(number)) for number in range(10)))
    reads.clear()
    tasks = await asyncio.gather(*(polled(shop) for _ in range(10)))
    assert {task.frame.activity_id for task in tasks} == {str(number) for number in range(10)}
    assert len(reads) == 10


async def test_a_task_that_its_poller_found_stored_is_not_passed_on(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first poller still reads when the task is offered to it, and finds it on disk."""
    core = shop.box.world.core
    gate, real = asyncio.Event(), core.waiters._claim_stored
    claims: list[str] = []

    async def slowly(*arguments: Any) -> Any:
        await gate.wait()
        return await real(*arguments)

    take = core.waiters._take

    async def counted(*arguments: Any) -> bool:
        claims.append(arguments[1])
        return await take(*arguments)

    await shop.start()
    task = await shop.poll()
    monkeypatch.setattr(core.waiters, "_take", counted)
    monkeypatch.setattr(core.waiters, "_claim_stored", slowly)
    first = asyncio.create_task(polled(shop))
    await waiting(shop, 1, "swf/activity/shop/work")
    monkeypatch.setattr(core.waiters, "_claim_stored", real)
    second = asyncio.create_task(polled(shop))
    await waiting(shop, 2, "swf/activity/shop/work")
    await shop.respond(task, call("a"))
    gate.set()
    assert (await first).frame.activity_id == "a"
    await shop.box.world.settle()
    assert claims == ["activity/a"] and not second.done()
    core.waiters.stop()
    assert await second is None


async def test_a_thousand_pollers_are_enough_for_a_list(shop: Shop) -> None:
    core = shop.box.world.core
    polls = [
        asyncio.create_task(core.swf_tasks.poll("activity", DOMAIN, "work", None, lambda: True, 30))
        for _ in range(1000)
    ]
    await waiting(shop, 1000, "swf/activity/shop/work")
    refused = await shop.refused("poll_for_activity_task", domain=DOMAIN, taskList={"name": "work"})
    assert refused[0] == "LimitExceededFault"
    core.waiters.stop()
    assert await asyncio.gather(*polls) == [None] * 1000


@pytest.mark.parametrize("token", ["nonsense", "0" * 48 + "-a-1", "0" * 48 + "-x-1"])
async def test_a_token_that_never_was_one_is_told_so(shop: Shop, token: str) -> None:
    refused = await shop.refused("respond_decision_task_completed", taskToken=token)
    assert refused == ("ValidationException", "Invalid token")


async def test_an_answer_given_twice_is_too_late(shop: Shop) -> None:
    await shop.start()
    await shop.decide(call("a"))
    work = await shop.work()
    await shop.call("respond_activity_task_failed", taskToken=work["taskToken"], reason="r", details="d")
    told = ("UnknownResourceFault", "Unknown activity, scheduledEventId = 5")
    assert await shop.refused("respond_activity_task_completed", taskToken=work["taskToken"]) == told
    task = await shop.poll()
    await shop.respond(task)
    assert await shop.refused("respond_decision_task_completed", taskToken=task["taskToken"]) == (
        "UnknownResourceFault",
        "Unknown decision, scheduledEventId = 8",
    )


async def test_an_activity_that_fails_says_why(shop: Shop) -> None:
    run = await shop.start()
    await shop.decide(call("a"))
    work = await shop.work()
    await shop.call("respond_activity_task_failed", taskToken=work["taskToken"], reason="r", details="d")
    assert await shop.last(run, "ActivityTaskFailed") == {
        "reason": "r",
        "details": "d",
        "scheduledEventId": 5,
        "startedEventId": 6,
    }


async def test_unknown_domains_and_bad_lists_are_refused(shop: Shop) -> None:
    for operation in ("poll_for_decision_task", "poll_for_activity_task", "count_pending_activity_tasks"):
        unknown = await shop.refused(operation, domain="x", taskList={"name": "l"})
        assert unknown == ("UnknownResourceFault", "Unknown domain: x")
        assert (await shop.refused(operation, domain=DOMAIN, taskList={"name": "a:b"}))[0] == "ValidationException"
    assert (await shop.refused("poll_for_decision_task", domain=DOMAIN, taskList={"name": " l"}))[0] == (
        "ValidationException"
    )


# -- workers that are dead ----------------------------------------------------------


async def test_what_a_dead_worker_had_in_hand_is_lost_at_once(shop: Shop) -> None:
    """Its activity fails, since it may be half done; its decision is offered again. Others keep theirs."""
    run = await shop.start()
    await shop.decide(call("mine"), call("another's"), call("nobody's"))
    mine = await shop.work(identity="activities-3 code:v1")
    others = await shop.work(identity="activities-3 code:v2")
    await shop.call("signal_workflow_execution", domain=DOMAIN, workflowId="order-1", signalName="s")
    decided = await shop.poll(identity="decider-0 code:v1")
    dead = shop.box.world.core.swf_tasks.worker_died
    await dead(DOMAIN, "orders", "code:v1", "the process ended with exit status 137")
    again = await shop.poll(identity="decider-1 code:v1")
    assert (again["taskToken"], again["startedEventId"]) == (decided["taskToken"], decided["startedEventId"])
    await dead(DOMAIN, "work", "code:v1", "the process ended with exit status 137")
    await shop.box.world.settle()
    refused = await shop.refused("respond_activity_task_completed", taskToken=mine["taskToken"])
    assert refused[0] == "UnknownResourceFault"
    failed = await shop.last(run, "ActivityTaskFailed")
    assert failed["reason"] == "WorkerDied"
    assert failed["details"] == "its worker died while it ran: the process ended with exit status 137"
    await shop.call("respond_activity_task_completed", taskToken=others["taskToken"])
    assert (await shop.describe(run))["openCounts"]["openActivityTasks"] == 1
    assert (await shop.types(run)).count("ActivityTaskFailed") == 1
