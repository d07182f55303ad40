"""Deliveries: exactly once to what is in the database, at least once to the outside, and what becomes of failures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from flowd.engine.deliveries.carriers import NotTaken, to_urls
from flowd.engine.deliveries.deliveries import IN_HAND
from flowd.engine.deliveries.outcomes import Attempt, NotNow, Refused
from flowd.services.ports import Delivery
from flowd.store.schema_embedded import DeliveryRow
from tests.engine.ledger import QUEUE
from tests.engine.test_embedded import Box
from tests.integrations.test_http import streamed

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:f"


class Told:
    """A target outside that fails as often as a test says."""

    def __init__(self) -> None:
        self.calls: list[tuple[Delivery, str]] = []
        self.fails: list[Exception] = []

    async def __call__(self, delivery: Delivery, attempt: Attempt) -> None:
        self.calls.append((delivery, attempt.key))
        if self.fails:
            raise self.fails.pop(0)


class Outbox(Box):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.told = Told()

    async def wire(self) -> None:
        await super().wire()
        self.core.deliveries.carriers["lambda"] = self.told
        self.core.deliveries.jitter = lambda: 1.0


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Outbox]:
    async with Outbox(tmp_path) as made:
        yield made


async def test_a_queue_has_a_delivery_once(box: Outbox) -> None:
    await box.add(7, Tell=[QUEUE])
    await box.settle()
    assert await box.receive() == ["7"]
    await box.reboot()
    assert await box.receive() == []


async def test_what_is_in_the_outbox_survives_the_daemon(box: Outbox) -> None:
    await box.core.deliveries.stop()
    await box.add(7, Tell=[QUEUE, FUNCTION])
    await box.reboot()
    assert await box.receive() == ["7"]
    assert [delivery.body for delivery, _ in box.told.calls] == ["7"]


async def test_one_that_fails_is_tried_again_under_the_same_name_with_growing_pauses(box: Outbox) -> None:
    box.told.fails = [OSError("no route"), OSError("no route")]
    await box.add(7, Tell=[FUNCTION])
    await box.settle()
    assert len(box.told.calls) == 1
    await box.pass_time(1)
    assert len(box.told.calls) == 2
    await box.pass_time(1)
    assert len(box.told.calls) == 2
    await box.pass_time(1)
    assert len(box.told.calls) == 3
    assert len({key for _, key in box.told.calls}) == 1
    await box.pass_time(3600)
    assert len(box.told.calls) == 3


async def test_pauses_grow_to_ten_minutes_and_a_day_has_room_for_185_tries(box: Outbox) -> None:
    row = DeliveryRow(uuid="a", target=FUNCTION, body="", tries=185, age_s=86_400, created_ms=0, due_ms=0)

    def pauses(jitter: float) -> list[int]:
        box.core.deliveries.jitter = lambda: jitter
        return [box.core.deliveries._pause_ms(row.model_copy(update={"attempts": number})) for number in range(184)]

    assert pauses(1.0)[:4] == [1_000, 2_000, 4_000, 8_000]
    assert (max(pauses(1.0)), max(pauses(0.0))) == (600_000, 300_000)
    assert 0.8 < sum(pauses(0.5)) / 86_400_000 < 1.0


async def test_a_target_that_takes_nothing_just_now_is_asked_again_without_using_up_its_tries(box: Outbox) -> None:
    box.told.fails = [NotNow("busy", "429", 7_000), *[NotNow("busy", "429")] * 2, OSError("no route"), OSError("no")]
    await box.core.embedded.post(Delivery(FUNCTION, "7", tries=2, dead_letter=QUEUE))
    await box.settle()
    heard = []
    for seconds in (6, 1, 6, 1, 13, 1, 1):  # first as it said, then as long again as it has waited, then one second
        await box.pass_time(seconds)
        heard.append(len(box.told.calls))
    assert heard == [1, 2, 2, 3, 3, 4, 5]
    assert await box.receive() == [f"7[ERROR_CODE=OSError][ERROR_MESSAGE=no][TARGET_ARN={FUNCTION}]"]


async def test_a_target_that_never_takes_it_is_given_up_when_it_is_too_old(box: Outbox) -> None:
    box.told.fails = [NotNow("busy", "429")] * 9
    await box.core.embedded.post(Delivery(FUNCTION, "8", age_s=60, dead_letter=QUEUE))
    for seconds in (1, 1, 2, 4, 8, 16, 32):
        await box.pass_time(seconds)
    assert await box.receive() == [f"8[ERROR_CODE=429][ERROR_MESSAGE=busy][TARGET_ARN={FUNCTION}]"]


async def test_what_follows_a_delivery_is_sent_with_its_end_and_so_is_its_last_will(box: Outbox) -> None:
    async def follow(delivery: Delivery, attempt: Attempt) -> list[Delivery]:
        if delivery.body == "bad":
            raise Refused("no")
        return [Delivery(QUEUE, "done")]

    settled: list[Attempt] = []

    async def settle(attempt: Attempt) -> None:
        settled.append(attempt)

    box.core.deliveries.carriers["lambda"] = follow
    box.core.deliveries.settle["lambda"] = settle
    box.core.deliveries.last_wills["lambda"] = lambda delivery, attempt, error: [Delivery(QUEUE, f"given up: {error}")]
    await box.core.embedded.post(Delivery(FUNCTION, "7", name="a"), Delivery(FUNCTION, "bad", dead_letter=QUEUE))
    await box.settle()
    assert sorted(await box.receive() + await box.receive()) == ["done", "given up: no"]
    assert len(settled) == 2 and Attempt("a") in settled


async def test_what_was_tried_often_enough_goes_to_the_dead_letter_queue(box: Outbox) -> None:
    box.told.fails = [OSError("no route")] * 9
    await box.add(7, Tell=[FUNCTION], Dead=QUEUE)
    for _ in range(5):
        await box.pass_time(10)
    assert len(box.told.calls) == 3
    said = f"7[ERROR_CODE=OSError][ERROR_MESSAGE=no route][TARGET_ARN={FUNCTION}]"
    assert await box.receive() == [said]


@pytest.mark.parametrize("target", [QUEUE + "-gone", "arn:aws:glacier:us-east-1:000000000000:vault/v", FUNCTION])
async def test_a_target_that_will_never_take_it_is_not_asked_again(box: Outbox, target: str) -> None:
    box.told.fails = [Refused("no such function")]
    await box.add(7, Tell=[target], Dead=QUEUE)
    await box.settle()
    [said] = await box.receive()
    assert said.startswith("7[ERROR_CODE=")
    assert f"[TARGET_ARN={target}]" in said


async def test_without_a_dead_letter_queue_or_with_one_that_is_gone_it_is_dropped(box: Outbox) -> None:
    box.told.fails = [Refused("no"), Refused("no")]
    await box.add(7, Tell=[FUNCTION])
    await box.add(7, Tell=[FUNCTION], Dead=QUEUE + "-gone")
    await box.settle()
    await box.reboot()
    assert len(box.told.calls) == 2


async def test_targets_that_do_not_answer_hold_up_no_queue(box: Outbox) -> None:
    never = asyncio.Event()

    async def hang(delivery: Delivery, attempt: Attempt) -> None:
        box.told.calls.append((delivery, attempt.key))
        await never.wait()

    box.core.deliveries.carriers["lambda"] = hang
    await box.add(7, Tell=[FUNCTION] * 300 + [QUEUE])
    assert await box.receive(wait_s=20) == ["7"]
    assert len(box.told.calls) <= IN_HAND
    never.set()
    await box.settle()
    assert len(box.told.calls) == 300


async def test_a_url_gets_a_post_and_its_answer_counts() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return streamed(httpx.Response(int(request.url.path[1:])))

    carry = to_urls(httpx.MockTransport(answer))
    await carry(Delivery("http://x/200", "body", options={"headers": {"X-A": "b"}}), Attempt("k"))
    assert (seen[0].method, seen[0].content, seen[0].headers["x-a"]) == ("POST", b"body", "b")
    with pytest.raises(Refused, match="answered 404"):
        await carry(Delivery("http://x/404", ""), Attempt("k"))
    for status in (429, 500):
        with pytest.raises(NotTaken):
            await carry(Delivery(f"http://x/{status}", ""), Attempt("k"))
