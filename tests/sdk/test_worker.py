"""A worker's two halves against a service that is played: what they ask, what they answer, and what they say."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from typing import Any

import pytest

from flowd import sdk
from flowd.sdk import Queue, activity, attempt, workflow
from flowd.sdk.deciding import Decider
from flowd.sdk.machines import state_machine_activity
from flowd.sdk.registration import register
from flowd.sdk.registry import Registry
from flowd.sdk.tracebacks import shown_file
from flowd.sdk.wire import Fault, Unreachable
from flowd.sdk.working import Activities
from tests.sdk.histories import History

Answer = dict[str, Any] | Exception


class Played:
    """Answers by operation, in order; the last one again and again. Keeps what was asked."""

    def __init__(self, **answers: list[Answer]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, operation: str, **members: Any) -> dict[str, Any]:
        self.asked.append((operation, members))
        listed = self.answers.get(operation, [{}])
        answer = listed.pop(0) if len(listed) > 1 else listed[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def of(self, operation: str) -> list[dict[str, Any]]:
        return [members for asked, members in self.asked if asked == operation]


@activity
def double(number: int) -> int:
    if number < 0:
        raise ValueError("negative")
    return number * 2


@activity
def leaves() -> None:
    sys.exit("bye")


@activity
async def leaves_later() -> None:
    sys.exit("bye")


@activity
async def patient() -> None:
    await asyncio.Event().wait()


@activity(heartbeat=5)
def beats() -> str:
    attempt.heartbeat({"at": 1})
    return "unheard"


@workflow
async def doubled(number: int) -> int:
    return await double(number) + await double(number)


REGISTRY = Registry(
    {"doubled": doubled}, {"double": double, "patient": patient, "beats": beats}, {"desk": Queue("desk", bool)}
)


def _task(history: History, name: str = "doubled") -> dict[str, Any]:
    return {
        "taskToken": "token",
        "workflowExecution": {"workflowId": "w", "runId": "r"},
        "workflowType": {"name": name, "version": "v1"},
        "events": list(history),
    }


def _decider(swf: Played) -> Decider:
    return Decider(swf, REGISTRY, "flowd", "lists")


# ---- decisions -----------------------------------------------------------------------------------------------------


def test_a_poll_reads_all_pages_of_a_history() -> None:
    events = History().began("4")
    first = {**_task(History()), "events": events[:2], "nextPageToken": "more"}
    swf = Played(PollForDecisionTask=[first, {"taskToken": "token", "events": events[2:]}])
    task = _decider(swf).poll("me")
    assert task is not None and task["events"] == events
    assert swf.of("PollForDecisionTask")[1]["nextPageToken"] == "more"


def test_a_poll_without_a_task_is_none() -> None:
    assert _decider(Played(PollForDecisionTask=[{"startedEventId": 0}])).poll("me") is None


def test_a_task_is_answered_and_the_next_one_goes_on_from_there() -> None:
    swf = Played()
    decider = _decider(swf)
    history = History().began("4")
    decider.work(_task(history))
    done = history.answered()
    history.completed(history.scheduled("double", "1", "4", done), "8")
    decider.work(_task(history.asked()))
    answers = [each["decisions"] for each in swf.of("RespondDecisionTaskCompleted")]
    ids = [each[0]["scheduleActivityTaskDecisionAttributes"]["activityId"] for each in answers]
    assert ids == ["1", "2"]


def test_a_lost_answer_makes_the_next_task_replay_from_the_beginning() -> None:
    swf = Played(RespondDecisionTaskCompleted=[Fault("UnknownResourceFault", "too late"), {}])
    decider = _decider(swf)
    history = History().began("4")
    decider.work(_task(history))
    history.event("DecisionTaskTimedOut", timeoutType="START_TO_CLOSE", scheduledEventId=2, startedEventId=3)
    decider.work(_task(history.asked()))
    assert len(swf.of("RespondDecisionTaskCompleted")) == 2


def test_a_kept_replay_whose_task_timed_out_is_not_gone_on_with() -> None:
    swf = Played()
    decider = _decider(swf)
    history = History().began("4")
    decider.work(_task(history))
    history.event("DecisionTaskTimedOut", timeoutType="START_TO_CLOSE", scheduledEventId=2, startedEventId=3)
    decider.work(_task(history.asked()))
    assert [len(each["decisions"]) for each in swf.of("RespondDecisionTaskCompleted")] == [1, 1]


def test_what_cannot_be_decided_is_not_answered_but_logged(caplog: pytest.LogCaptureFixture) -> None:
    swf = Played()
    history = History().began("4")
    history.event("TimerStarted", timerId="1", startToFireTimeout="5", decisionTaskCompletedEventId=history.answered())
    _decider(swf).work(_task(history.asked()))
    _decider(swf).work(_task(History().began("4"), "unknown"))
    assert swf.asked == []
    differs, unknown = [record.message for record in caplog.records]
    assert differs.startswith("doubled w (r): the workflow's code is not deterministic")
    assert "event 5 of the history is TimerStarted: start a timer of 5 s (id 1)\n" in differs
    assert f"at {shown_file(__file__)}:" in differs and "no workflow of that name" in unknown


# ---- activities ----------------------------------------------------------------------------------------------------


def _activity(name: str, input: str = "null") -> dict[str, Any]:
    return {
        "taskToken": "token",
        "activityId": "7",
        "workflowExecution": {"workflowId": "w", "runId": "r"},
        "activityType": {"name": name, "version": "v1"},
        "input": input,
    }


def _work(swf: Played, name: str, input: str = "null") -> list[tuple[str, dict[str, Any]]]:
    Activities(swf, REGISTRY, "flowd", "lists").work(_activity(name, input))
    return [asked for asked in swf.asked if asked[0].startswith("Respond")]


def test_a_result_is_the_answer() -> None:
    assert _work(Played(), "double", "4") == [("RespondActivityTaskCompleted", {"taskToken": "token", "result": "8"})]


@pytest.mark.parametrize(
    ("name", "input", "reason"),
    [("double", "-1", "ValueError"), ("double", '"x"', "DataError"), ("nothing", "1", "NoSuchActivity")],
)
def test_an_error_is_a_failure_with_its_class(name: str, input: str, reason: str) -> None:
    ((operation, members),) = _work(Played(), name, input)
    assert operation == "RespondActivityTaskFailed" and members["reason"] == reason


@pytest.mark.parametrize("leaving", [leaves, leaves_later], ids=["plain", "coroutine"])
def test_sys_exit_in_an_activity_is_answered_as_a_failure(leaving: Any) -> None:
    swf = Played()
    Activities(swf, Registry({}, {"leaving": leaving}, {}), "flowd", "lists").work(_activity("leaving"))
    ((operation, members),) = swf.asked
    assert (operation, members["reason"]) == ("RespondActivityTaskFailed", "SystemExit")


def test_an_answer_is_repeated_until_it_is_delivered(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("flowd.sdk.working.time.sleep", pauses.append)
    swf = Played(RespondActivityTaskCompleted=[Unreachable("gone"), Unreachable("gone"), {}])
    assert len(_work(swf, "double", "4")) == 3
    assert pauses == [0.1, 0.2]


def test_an_answer_that_comes_too_late_is_let_go(caplog: pytest.LogCaptureFixture) -> None:
    swf = Played(RespondActivityTaskCompleted=[Fault("UnknownResourceFault", "over")])
    assert len(_work(swf, "double", "4")) == 1
    assert "too late" in caplog.text


def test_a_heartbeat_of_its_own_tells_an_activity_to_stop() -> None:
    swf = Played(RecordActivityTaskHeartbeat=[{"cancelRequested": True}])
    assert [operation for operation, _ in _work(swf, "beats")] == ["RespondActivityTaskCanceled"]
    assert swf.of("RecordActivityTaskHeartbeat") == [{"taskToken": "token", "details": '{"at":1}'}]


def test_the_workers_own_heartbeat_cancels_an_activity_of_a_coroutine() -> None:
    swf = Played(RecordActivityTaskHeartbeat=[{"cancelRequested": True}])
    activities = Activities(swf, REGISTRY, "flowd", "lists")

    async def both() -> None:
        working = asyncio.create_task(asyncio.to_thread(activities.work, _activity("patient")))
        while not working.done():
            await asyncio.to_thread(activities.beat_all)
        await working

    asyncio.run(both())
    assert [operation for operation, _ in swf.asked if operation.startswith("Respond")] == [
        "RespondActivityTaskCanceled"
    ]


# ---- state machines, registration ----------------------------------------------------------------------------------


def _execute(states: Played, stop: Callable[[str], bool] = lambda details: False) -> Any:
    here = attempt.Attempt("7", "w", "r", stop)
    with attempt.running(here):
        return state_machine_activity(states).function("order", {"n": 1}, "name")


def test_a_state_machine_is_started_once_and_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowd.sdk.machines.time.sleep", lambda seconds: None)
    states = Played(
        StartExecution=[Fault("ExecutionAlreadyExists", "an earlier worker did")],
        DescribeExecution=[{"status": "RUNNING"}, {"status": "SUCCEEDED", "output": '{"ok": true}'}],
    )
    assert _execute(states) == {"ok": True}
    arn = states.of("DescribeExecution")[0]["executionArn"]
    assert arn.endswith(":execution:order:name")
    assert json.loads(states.of("StartExecution")[0]["input"]) == {"n": 1}


@pytest.mark.parametrize(
    ("answers", "kind"),
    [
        ({"DescribeExecution": [{"status": "FAILED", "error": "NoStock", "cause": "none left"}]}, "NoStock"),
        ({"DescribeExecution": [{"status": "TIMED_OUT"}]}, "TIMED_OUT"),
        ({"StartExecution": [Fault("StateMachineDoesNotExist", "")]}, "StateMachineDoesNotExist"),
    ],
)
def test_a_state_machine_that_fails_is_a_permanent_failure(answers: dict[str, list[Answer]], kind: str) -> None:
    with pytest.raises(sdk.PermanentError) as caught:
        given: dict[str, list[Answer]] = {"StartExecution": [{"executionArn": "arn"}]}
        _execute(Played(**(given | answers)))
    assert getattr(caught.value, "type", "") == kind


def test_types_are_registered_with_defaults_and_deprecated_ones_come_back() -> None:
    swf = Played(
        RegisterDomain=[Fault("DomainAlreadyExistsFault", "flowd")],
        RegisterActivityType=[Fault("TypeAlreadyExistsFault", ""), {}],
        DescribeActivityType=[{"typeInfo": {"status": "DEPRECATED"}}],
    )
    register(swf, REGISTRY, "flowd", "v1", "lists")
    (workflow_type,) = swf.of("RegisterWorkflowType")
    assert (workflow_type["name"], workflow_type["version"]) == ("doubled", "v1")
    assert workflow_type["defaultTaskList"] == {"name": "lists"} and workflow_type["defaultChildPolicy"] == "TERMINATE"
    assert [each["name"] for each in swf.of("RegisterActivityType")] == ["double", "patient", "beats", "desk"]
    assert swf.of("UndeprecateActivityType") == [
        {"domain": "flowd", "activityType": {"name": "double", "version": "v1"}}
    ]


def test_a_refused_registration_is_not_passed_over() -> None:
    with pytest.raises(Fault, match="LimitExceeded"):
        register(Played(RegisterDomain=[Fault("LimitExceededFault", "100")]), REGISTRY, "flowd", "v1", "lists")
