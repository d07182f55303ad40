"""Retry and Catch: who answers, how often, after how long."""

from __future__ import annotations

from typing import Any

import pytest

from flowd.asl.faults import Failure
from flowd.asl.model import Retrier
from flowd.asl.retry import error_output, matches, next_attempt
from flowd.entropy import Entropy
from tests.driver import Story, TaskError

SQS = "arn:aws:states:::sqs:sendMessage"


def task(**fields: Any) -> dict[str, Any]:
    return {
        "StartAt": "S",
        "States": {"S": {"Type": "Task", "Resource": SQS, "End": True, **fields}, "Z": {"Type": "Succeed"}},
    }


class Fails:
    """A handler that fails with each error in turn, then answers."""

    def __init__(self, *errors: str) -> None:
        self.errors = list(errors)

    def __call__(self, parameters: Any) -> Any:
        if self.errors:
            raise TaskError(self.errors.pop(0), "c")
        return "at last"


@pytest.mark.parametrize(
    ("names", "error", "expected"),
    [
        (["E"], "E", True),
        (["F"], "E", False),
        (["States.ALL"], "E", True),
        (["States.ALL"], None, True),
        (["States.TaskFailed"], "E", True),
        (["States.TaskFailed"], "States.Timeout", False),
        (["States.ALL"], "States.Timeout", True),
        (["States.ALL"], "States.DataLimitExceeded", False),
        (["States.DataLimitExceeded"], "States.DataLimitExceeded", True),
        (["States.Runtime", "States.ALL"], "States.Runtime", False),
        (["State.ALL"], "E", False),
    ],
)
def test_an_entry_matches_names_and_wildcards_as_aws_does(names: list[str], error: str | None, expected: bool) -> None:
    assert matches(tuple(names), Failure(error)) is expected


def test_delays_grow_up_to_the_limit() -> None:
    retrier = Retrier(error_equals=("E",), interval_s=3, backoff_rate=1.5, max_delay_s=10, max_attempts=5)
    delays: list[int] = []
    uses: tuple[int, ...] = ()
    while (again := next_attempt((retrier,), uses, Failure("E"), Entropy(b""))) is not None:
        delays.append(again.delay_ms)
        uses = again.uses
    assert delays == [3000, 4500, 6750, 10_000, 10_000]


def test_a_delay_that_would_overflow_stays_finite() -> None:
    retrier = Retrier(error_equals=("E",), backoff_rate=10.0, max_attempts=99_999_999)
    again = next_attempt((retrier,), (90_000_000,), Failure("E"), Entropy(b""))
    assert again is not None
    assert again.delay_ms == 2_147_483_647_000


def test_full_jitter_draws_from_the_entropy() -> None:
    retrier = Retrier(error_equals=("E",), interval_s=100, full_jitter=True)
    drawn = {next_attempt((retrier,), (), Failure("E"), Entropy(bytes([seed]))) for seed in range(20)}
    delays = [again.delay_ms for again in drawn if again is not None]
    assert len(delays) == 20
    assert all(0 <= delay < 100_000 for delay in delays)
    assert next_attempt((retrier,), (), Failure("E"), Entropy(b"a")) == next_attempt(
        (retrier,), (), Failure("E"), Entropy(b"a")
    )


def test_the_example_of_the_specification() -> None:
    retry = [
        {"ErrorEquals": ["A", "B"], "IntervalSeconds": 1, "BackoffRate": 2.0, "MaxAttempts": 2},
        {"ErrorEquals": ["C"], "IntervalSeconds": 5},
    ]
    machine = task(Retry=retry, Catch=[{"ErrorEquals": ["States.ALL"], "Next": "Z"}])
    story = Story(machine, {}, {"S": Fails("A", "B", "C", "B")}).run()
    assert story.types[2:] == [
        "3<2 TaskScheduled",
        "4<3 TaskStarted",
        "5<4 TaskFailed",
        "6<5 TaskScheduled",
        "7<6 TaskStarted",
        "8<7 TaskFailed",
        "9<8 TaskScheduled",
        "10<9 TaskStarted",
        "11<10 TaskFailed",
        "12<11 TaskScheduled",
        "13<12 TaskStarted",
        "14<13 TaskFailed",
        "15<14 TaskStateExited",
        "16<15 SucceedStateEntered",
        "17<16 SucceedStateExited",
        "18<17 ExecutionSucceeded",
    ]
    at = [event.at_ms - story.history[0].at_ms for event in story.history if event.type == "TaskScheduled"]
    assert at == [0, 1000, 3000, 8000]
    assert len({call.token for call in story.calls}) == 4


def test_the_retry_count_is_in_the_context_and_starts_anew_with_each_visit() -> None:
    machine = task(Parameters={"n.$": "$$.State.RetryCount"}, Retry=[{"ErrorEquals": ["E"], "MaxAttempts": 5}])
    machine["States"]["S"] |= {"Next": "T"}
    del machine["States"]["S"]["End"]
    machine["States"]["T"] = {**machine["States"]["S"], "Next": "Z"}
    story = Story(machine, {}, {"S": Fails("E", "E"), "T": Fails("E")}).run()
    assert [call.parameters.value["n"] for call in story.calls] == [0, 1, 2, 0, 1]


def test_max_attempts_0_never_retries() -> None:
    story = Story(task(Retry=[{"ErrorEquals": ["States.ALL"], "MaxAttempts": 0}]), {}, {"S": Fails("E")}).run()
    assert len(story.calls) == 1
    assert story.error == ("E", "c")


def test_a_catcher_puts_the_error_into_the_raw_input() -> None:
    catch = [{"ErrorEquals": ["E"], "ResultPath": "$.error", "Next": "Z"}]
    machine = task(InputPath="$.in", OutputPath="$.nowhere", Catch=catch)
    story = Story(machine, {"in": {"a": 1}}, {"S": Fails("E")}).run()
    assert story.output == {"in": {"a": 1}, "error": {"Error": "E", "Cause": "c"}}


def test_nothing_catches_a_runtime_error() -> None:
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "Z"}]
    story = Story(task(Parameters={"a.$": "$.missing"}, Catch=catch)).run()
    assert story.types[1:] == ["2<0 TaskStateEntered", "3<2 ExecutionFailed"]
    assert story.error[0] == "States.Runtime"


def test_a_jsonata_catcher_sees_the_error_output() -> None:
    catch = [
        {
            "ErrorEquals": ["States.ALL"],
            "Output": {"was": "{% $states.errorOutput.Error %}", "in": "{% $states.input %}"},
            "Assign": {"why": "{% $states.errorOutput.Cause %}"},
            "Next": "Z",
        }
    ]
    machine = task(Catch=catch) | {"QueryLanguage": "JSONata"}
    story = Story(machine, 7, {"S": Fails("E")}).run()
    assert story.output == {"was": "E", "in": 7}
    assert story.details("TaskStateExited")[0]["assignedVariables"] == {"why": '"c"'}


def test_a_query_evaluation_error_of_a_task_is_retried_and_caught() -> None:
    catch = [{"ErrorEquals": ["States.QueryEvaluationError"], "Next": "Z"}]
    retry = [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 1}]
    machine = task(Arguments="{% $nothing %}", Retry=retry, Catch=catch) | {"QueryLanguage": "JSONata"}
    story = Story(machine).run()
    assert story.types[1:5] == [
        "2<0 TaskStateEntered",
        "3<0 EvaluationFailed",
        "4<3 EvaluationFailed",
        "5<4 TaskStateExited",
    ]


def test_the_error_output_of_a_timeout_has_an_empty_cause() -> None:
    assert error_output(Failure("States.Timeout")) == {"Error": "States.Timeout", "Cause": ""}
    assert error_output(Failure(None)) == {"Error": None, "Cause": None}
