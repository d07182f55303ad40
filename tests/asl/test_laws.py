"""The laws of the step, for machines nobody thought of: whatever runs, runs to an end and can be told again."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowd.decisions import Step
from flowd.history import TERMINAL, Event, News
from flowd.payload import Payload
from tests.driver import Silence, Story, TaskError, as_bytes

ERRORS = ["Out.Of.Luck", "States.TaskFailed", "States.ALL", "States.Timeout"]
TASKS = [
    "arn:aws:states:::sqs:sendMessage",
    "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
    "arn:aws:states:::states:startExecution.sync",
    "arn:aws:lambda:us-east-1:000000000000:function:f",
    "arn:aws:states:us-east-1:000000000000:activity:a",
]


class Names:
    """Names of states, unique in the whole machine."""

    def __init__(self) -> None:
        self.count = 0

    def next(self) -> str:
        self.count += 1
        return f"S{self.count}"


@st.composite
def machines(draw: Any) -> dict[str, Any]:
    return scope(draw, Names(), 3) | {"TimeoutSeconds": 3600}


def scope(draw: Any, names: Names, depth: int) -> dict[str, Any]:
    """States in a row; each goes on to a later one, so that every walk ends."""
    row = [names.next() for _ in range(draw(st.integers(1, 4)))]
    states = {}
    for index, name in enumerate(row):
        states[name] = state(draw, names, depth, row[index + 1 :])
    return {"StartAt": row[0], "States": states}


def state(draw: Any, names: Names, depth: int, later: list[str]) -> dict[str, Any]:
    kinds = ["Pass", "Wait", "Task", "JSONata"]
    if later:
        kinds.append("Choice")
    else:
        kinds += ["Succeed", "Fail"]
    if depth:
        kinds += ["Parallel", "Map", "Map"]
    made: dict[str, Any] = MAKE[draw(st.sampled_from(kinds))](draw, names, depth, later)
    if made["Type"] not in ("Choice", "Succeed", "Fail"):
        made |= {"Next": draw(st.sampled_from(later))} if later else {"End": True}
    if made["Type"] in ("Task", "Parallel", "Map"):
        made |= retry_and_catch(draw, later, "QueryLanguage" not in made)
    return made


def retry_and_catch(draw: Any, later: list[str], by_path: bool) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if draw(st.booleans()):
        retrier = {"ErrorEquals": [draw(st.sampled_from(ERRORS))], "MaxAttempts": draw(st.integers(0, 2))}
        made["Retry"] = [{**retrier, "JitterStrategy": draw(st.sampled_from(["NONE", "FULL"]))}]
    if later and draw(st.booleans()):
        catcher = {"ErrorEquals": [draw(st.sampled_from(ERRORS))], "Next": draw(st.sampled_from(later))}
        placed = {"ResultPath": draw(st.sampled_from(["$", "$.caught", None]))} if by_path else {}
        made["Catch"] = [{**catcher, **placed}]
    return made


def a_pass(draw: Any, names: Names, depth: int, later: list[str]) -> dict[str, Any]:
    extra = draw(
        st.sampled_from(
            [
                {},
                {"Result": [4, 5]},
                {"Comment": "passes through"},
                {"Result": [1, 2, 3]},
                {"Result": {"x": 1}, "ResultPath": "$.deep.down"},
                {"Parameters": {"all.$": "$", "at.$": "$$.State.EnteredTime"}},
                {"InputPath": "$.missing"},
                {"OutputPath": None},
                {"Assign": {f"v{names.next()}": 1}},
            ]
        )
    )
    return {"Type": "Pass", **extra}


def a_jsonata(draw: Any, names: Names, depth: int, later: list[str]) -> dict[str, Any]:
    output = draw(st.sampled_from(["{% $states.input %}", "{% $nothing %}", "{% [1..3] %}", {"n": "{% $uuid() %}"}]))
    return {"Type": "Pass", "QueryLanguage": "JSONata", "Output": output}


def a_wait(draw: Any, names: Names, depth: int, later: list[str]) -> dict[str, Any]:
    return {"Type": "Wait", **draw(st.sampled_from([{"Seconds": 0}, {"Seconds": 90}, {"SecondsPath": "$.s"}]))}


def a_task(draw: Any, names: Names, depth: int, later: list[str]) -> dict[str, Any]:
    extra = draw(
        st.sampled_from(
            [{}, {"TimeoutSeconds": 5}, {"HeartbeatSeconds": 2}, {"Parameters": {"x.$": "$"}}, {"ResultPath": "$.r"}]
        )
    )
    return {"Type": "Task", "Resource": draw(st.sampled_from(TASKS)), **extra}


def a_choice(draw: Any, names: Names, depth: int, later: list[str]) -> dict[str, Any]:
    tests = [
        {"Variable": "$.x", "IsPresent": True},
        {"Variable": "$", "IsNull": True},
        {"Variable": "$.x", "IsNull": True},
    ]
    rule = draw(st.sampled_from(tests))
    made: dict[str, Any] = {"Type": "Choice", "Choices": [{**rule, "Next": draw(st.sampled_from(later))}]}
    return made | ({"Default": draw(st.sampled_from(later))} if draw(st.booleans()) else {})


def a_parallel(draw: Any, names: Names, depth: int, later: list[str]) -> dict[str, Any]:
    branches = [scope(draw, names, depth - 1) for _ in range(draw(st.integers(1, 3)))]
    return {"Type": "Parallel", "Branches": branches}


def a_map(draw: Any, names: Names, depth: int, later: list[str]) -> dict[str, Any]:
    made = {"Type": "Map", "ItemProcessor": scope(draw, names, depth - 1), "MaxConcurrency": draw(st.integers(0, 2))}
    if draw(st.integers(0, 2)):
        return made | {"QueryLanguage": "JSONata", "Items": draw(st.sampled_from([[1, 2, 3], "{% [1..5] %}", [{}]]))}
    if draw(st.booleans()):
        made["ItemSelector"] = {"i.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value"}
    return made


MAKE = {
    "Pass": a_pass,
    "JSONata": a_jsonata,
    "Wait": a_wait,
    "Task": a_task,
    "Choice": a_choice,
    "Succeed": lambda draw, names, depth, later: {"Type": "Succeed"},
    "Fail": lambda draw, names, depth, later: {"Type": "Fail", "Error": "Out.Of.Luck"},
    "Parallel": a_parallel,
    "Map": a_map,
}
INPUTS = st.sampled_from([{}, [], [1, 2, 3], {"x": 1}, None, [[], [1], {"x": [1]}], {"s": 3}])


class Dice:
    """A handler for every Task: answers, fails or is silent, always in the same order."""

    def __init__(self, rolls: list[int]) -> None:
        self.rolls = rolls
        self.thrown = 0

    def __call__(self, parameters: Any) -> Any:
        self.thrown += 1
        roll = self.rolls[self.thrown % len(self.rolls)]
        if roll < 2:
            raise TaskError("Out.Of.Luck", "as thrown")
        if roll == 3:
            raise Silence
        return [1, 2] if roll == 2 else parameters


def told(machine: dict[str, Any], given_input: Any, rolls: list[int]) -> Story:
    dice = Dice(rolls)
    story = Story(machine, given_input, {f"S{number}": dice for number in range(1, 400)})
    return story.run()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(machines(), INPUTS, st.lists(st.integers(0, 9), min_size=1, max_size=5))
def test_any_machine_runs_to_an_end_and_the_same_story_can_be_told_again(
    machine: dict[str, Any], given_input: Any, rolls: list[int]
) -> None:
    story = told(machine, given_input, rolls)
    assert story.status in ("SUCCEEDED", "FAILED", "TIMED_OUT")
    assert [event.id for event in story.history] == list(range(1, len(story.history) + 1))
    assert [event.type in TERMINAL for event in story.history] == [False] * (len(story.history) - 1) + [True]
    assert not story.tasks and not story.alarms
    again = told(machine, given_input, rolls)
    assert again.wire == story.wire


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(machines(), INPUTS, st.lists(st.integers(0, 9), min_size=1, max_size=5), st.integers(1, 4))
def test_whatever_failed_can_be_redriven_until_it_succeeds_or_fails_again(
    machine: dict[str, Any], given_input: Any, rolls: list[int], times: int
) -> None:
    story = told(machine, given_input, rolls)
    for _ in range(times):
        if not story.redrive(story.clock.now_ms()):
            assert story.status == "SUCCEEDED"
            break
        story.go_on()
        assert story.status in ("SUCCEEDED", "FAILED", "TIMED_OUT")
    assert [event.id for event in story.history] == list(range(1, len(story.history) + 1))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(machines(), INPUTS, st.data())
def test_news_is_accepted_once_and_never_for_another_attempt(
    machine: dict[str, Any], given_input: Any, data: st.DataObject
) -> None:
    story = Story(machine, given_input).begin()
    for _ in range(8):
        if story.closed is not None or not story.tasks:
            break
        frame, attempt = data.draw(st.sampled_from(sorted(story.tasks)))
        before = (len(story.history), as_bytes_of(story))
        news = Event(News.TASK_SUCCEEDED, frame, attempt + 1, {"output": Payload.of(1)})
        assert not story.deliver(news, story.clock.now_ms())
        assert not story.deliver(Event(News.TIMER_FIRED, frame, attempt), story.clock.now_ms())
        assert (len(story.history), as_bytes_of(story)) == before
        taken = Event(News.TASK_SUCCEEDED, frame, attempt, {"output": Payload.of([1])})
        assert story.deliver(taken, story.clock.now_ms())
        assert not story.deliver(taken, story.clock.now_ms())


def as_bytes_of(story: Story) -> bytes:
    return as_bytes(Step([], [], story.frames))
