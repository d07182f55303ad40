"""The shell around embedded services, on a toy service: transactions, Tasks, pollers, time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from flowd.engine.catalog import SERVICES
from flowd.errors import NotYetBuilt
from flowd.names import ENDPOINTS
from flowd.services.ports import ServiceError
from flowd.store import embedded as rows
from tests.engine.ledger import LEDGER, QUEUES, Rows
from tests.engine.world import World


class Box(World):
    async def wire(self) -> None:
        self.core.embedded.register(LEDGER, Rows)
        self.core.embedded.register(QUEUES, Rows)

    async def add(self, amount: int, key: str | None = None, **more: Any) -> Any:
        members = {"Name": "n", "Amount": amount, **more}
        answer = await self.core.embedded.invoke("ledger", "Add", members, task_key=key)
        return answer["Total"]

    async def total(self) -> int:
        return int((await self.core.embedded.invoke("ledger", "Read", {"Name": "n"}))["Total"])

    async def receive(self, wait_s: float = 0, connected: bool = True) -> list[str]:
        members = {"WaitTimeSeconds": wait_s} if wait_s else {}
        answer = await self.core.embedded.invoke("sqs", "ReceiveMessage", members, connected=lambda: connected)
        return list(answer["Messages"])

    async def send(self, text: str) -> None:
        await self.core.embedded.invoke("sqs", "SendMessage", {"QueueUrl": "http://q/0/jobs", "MessageBody": text})


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Box]:
    async with Box(tmp_path) as made:
        yield made


async def test_an_operation_that_refuses_changes_nothing(box: Box) -> None:
    await box.add(60)
    with pytest.raises(ServiceError, match="120 is too much"):
        await box.add(60)
    assert await box.total() == 60


async def test_a_task_s_call_has_its_effect_once_also_after_a_crash(box: Box) -> None:
    answer = await box.core.embedded.invoke("ledger", "Add", {"Name": "n", "Amount": 5}, task_key="1:0:1")
    assert answer == await box.core.embedded.invoke("ledger", "Add", {"Name": "n", "Amount": 5}, task_key="1:0:1")
    assert answer["Raw"] == b"\x00\xff"
    assert await box.total() == 5
    await box.core.embedded.forget("1:0:1")
    assert await box.add(5, key="1:0:1") == 10


async def test_outcomes_of_tasks_that_ended_are_forgotten_at_the_next_start(box: Box) -> None:
    await box.add(5, key="1:0:1")
    await box.reboot()
    assert await box.core.db.read(partial(rows.outcome, key="1:0:1")) is None


async def test_a_refusal_is_not_kept_for_a_task_it_may_succeed_later(box: Box) -> None:
    await box.add(60)
    with pytest.raises(ServiceError):
        await box.add(60, key="1:0:1")
    await box.add(-50)
    assert await box.add(60, key="1:0:1") == 70


async def test_what_is_not_registered_is_named(box: Box) -> None:
    for service, operation in (("glacier", "ListVaults"), ("ledger", "Burn")):
        with pytest.raises(NotYetBuilt, match=f"{service}:{operation} is not built"):
            await box.core.embedded.invoke(service, operation, {})
    assert box.core.embedded.offers("ledger", "Add")
    assert not box.core.embedded.offers("ledger", "Burn")


async def test_a_long_poll_gets_what_comes_while_it_waits(box: Box) -> None:
    poll = asyncio.create_task(box.receive(wait_s=20))
    await box.core.embedded.invoke("ledger", "Read", {"Name": "n"})
    assert not poll.done()
    await box.send("hello")
    assert await poll == ["hello"]


async def test_news_between_the_look_and_the_wait_is_not_missed(box: Box) -> None:
    embedded = box.core.embedded
    seen = embedded._wakes
    embedded.wake("sqs:jobs")
    assert await embedded.wait("sqs:jobs", 20, seen)
    assert not await embedded.wait("sqs:jobs", 0.001, embedded._wakes)


async def test_a_poll_of_somebody_who_left_takes_nothing(box: Box) -> None:
    poll = asyncio.create_task(box.receive(wait_s=20, connected=False))
    await box.core.embedded.invoke("ledger", "Read", {"Name": "n"})
    await box.send("hello")
    assert await poll == []
    assert await box.receive() == ["hello"]


async def test_polls_end_empty_when_their_time_is_over_or_the_daemon_stops(box: Box) -> None:
    assert await box.receive(wait_s=0.01) == []
    poll = asyncio.create_task(box.receive(wait_s=20))
    await box.core.embedded.invoke("ledger", "Read", {"Name": "n"})
    box.core.embedded.drain()
    assert await poll == []


async def test_time_brings_what_an_operation_asked_for(box: Box) -> None:
    await box.add(1, Later=5_000)
    asked_ms = box.clock.now_ms()
    assert box.alarms.armed_ms == asked_ms + 5_000
    await box.pass_time(4)
    assert await box.core.db.read(lambda session: Rows(session).get("ticked")) == ""
    await box.pass_time(1)
    assert await box.core.db.read(lambda session: Rows(session).get("ticked")) == str(asked_ms + 5_000)


async def test_what_became_due_while_the_daemon_was_down_is_done_at_its_start(box: Box) -> None:
    await box.add(1, Later=5_000)
    await box.core.stop()
    box.clock.set(box.clock.now_ms() + 60_000)
    await box.boot()
    assert await box.core.db.read(lambda session: Rows(session).get("ticked")) == str(box.clock.now_ms())


def test_every_service_of_a_daemon_has_a_variable_by_which_sdks_find_it() -> None:
    assert {service.name for service, _ in SERVICES} <= set(ENDPOINTS)
