"""The in-memory host: timeouts, heartbeats and delayed answers in simulated time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flowd.asl.host import Answer, Host, drive, new_execution
from flowd.asl.parse import parse
from flowd.decisions import ScheduleTask
from flowd.history import News
from flowd.payload import Payload, dumps

CALLBACK = "arn:aws:states:::sqs:sendMessage.waitForTaskToken"


def host(**state: Any) -> Host:
    task = {"Type": "Task", "Resource": CALLBACK, "End": True, **state}
    return Host(parse(dumps({"StartAt": "S", "States": {"S": task}})), new_execution("{}", 0))


def test_an_answer_that_comes_in_time_wins_over_the_timeout() -> None:
    def after(ms: int) -> str:
        running = host(TimeoutSeconds=10)
        running.start(0)

        def answer(task: ScheduleTask) -> Iterator[Answer]:
            yield Answer(News.TASK_SUCCEEDED, {"output": Payload.of(1)}, after_ms=ms)

        ended = drive(running, answer, 0)
        assert ended == min(ms, 10_000)
        assert running.closed is not None
        return running.closed.status

    assert after(9_999) == "SUCCEEDED"
    assert after(10_001) == "FAILED"


def test_a_heartbeat_is_counted_anew_each_time_and_the_timeout_is_not() -> None:
    running = host(TimeoutSeconds=10, HeartbeatSeconds=4)
    running.start(0)
    for now_ms in (3_000, 6_000, 9_000):
        assert running.ring(now_ms) == 0
        running.heartbeat(("0", 1), now_ms)
    assert running.ring(9_999) == 0
    assert running.ring(10_000) == 1
    assert running.closed is not None and running.closed.error == "States.Timeout"


def test_nothing_more_to_come_ends_the_drive_with_the_execution_open() -> None:
    running = host()
    running.start(0)
    assert drive(running, lambda task: (), 5) == 5
    assert running.closed is None and list(running.tasks) == [("0", 1)]


def test_the_same_seed_draws_the_same_tokens() -> None:
    tokens = []
    for seed in (b"a", b"a", b"b"):
        running = host()
        running.seed = seed
        running.start(0)
        tokens.append(running.tasks["0", 1].token)
    assert tokens[0] == tokens[1] != tokens[2]
