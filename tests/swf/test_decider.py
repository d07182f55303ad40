"""The pure step of SWF: the same arguments make the same bytes, stale news makes nothing, orders are as recorded."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from flowd.decisions import CloseExecution, EndFrame, ScheduleTask, StartTimer, Step
from flowd.entropy import Entropy
from flowd.frames import ROOT, Execution
from flowd.history import Event, HistoryEvent, News
from flowd.payload import Payload
from flowd.swf import batch, decider
from flowd.swf.registration import RegisteredType
from flowd.swf.rules import Limits
from flowd.swf.world import World
from flowd.swf_frames import Settings, SwfFrame, WorkflowFrame
from tests.swf import invariants

NOW = 1_700_000_000_000
TYPE = RegisteredType(
    kind="activity",
    name="A",
    version="1",
    created_ms=0,
    defaults={
        "defaultTaskList": "work",
        "defaultTaskStartToCloseTimeout": "60",
        "defaultTaskHeartbeatTimeout": "NONE",
        "defaultTaskScheduleToStartTimeout": "NONE",
        "defaultTaskScheduleToCloseTimeout": "NONE",
    },
)
SETTINGS = Settings(
    domain="d",
    workflow_id="w",
    run_id="r",
    type_name="W",
    type_version="1",
    task_list="list",
    execution_timeout="3600",
    task_timeout="300",
    child_policy="TERMINATE",
)


def decision(kind: str, **members: Any) -> dict[str, Any]:
    return {"decisionType": kind, f"{kind[0].lower()}{kind[1:]}DecisionAttributes": members}


CALL = decision("ScheduleActivityTask", activityType={"name": "A", "version": "1"}, activityId="a")


class Story:
    """One execution in memory: news in, its history out. Each step is taken twice and must give the same bytes."""

    def __init__(self, limit: int = 25_000, settings: Settings = SETTINGS) -> None:
        self.world = World({TYPE.key: TYPE}, Limits())
        self.execution = Execution(
            arn="a", name="w", machine_arn="", machine_name="W", role_arn="", input=Payload(text=""), started_ms=NOW,
            event_limit=limit,
        )  # fmt: skip
        self.frames: dict[str, SwfFrame] = {ROOT: WorkflowFrame(settings=settings)}
        self.events: list[HistoryEvent] = []
        self.asked: list[Any] = []

    def news(self, news: News, frame: str = ROOT, attempt: int = 0, **details: Any) -> bool:
        """False if it is stale."""
        event = Event(news, frame, attempt, details)
        first, second = self._take(event), self._take(event)
        assert _bytes(first) == _bytes(second)
        if first is None:
            return False
        self.events += first.events
        self.asked += first.decisions
        self.frames.update(first.frames)
        for asked in first.decisions:
            if isinstance(asked, EndFrame):
                self.frames.pop(asked.frame, None)
        self.execution = msgspec.structs.replace(
            self.execution, next_event=self.execution.next_event + len(first.events)
        )
        invariants.check(self.events, self.root)
        return True

    def _take(self, event: Event) -> Step | None:
        return decider.step(self.execution, self.frames, event, NOW, Entropy(b"seed"), self.world)

    @property
    def root(self) -> WorkflowFrame:
        root = self.frames[ROOT]
        assert isinstance(root, WorkflowFrame)
        return root

    def decided(self, *decisions: dict[str, Any], **members: Any) -> None:
        """A decider takes the open task and answers."""
        if not self.root.started:
            assert self.news(News.TASK_STARTED, ROOT, self.root.scheduled, workerName="me")
        assert self.news(News.DECIDED, ROOT, self.root.scheduled, decisions=list(decisions), **members)

    @property
    def types(self) -> list[str]:
        return [event.type for event in self.events]


def _bytes(step: Step | None) -> bytes:
    return msgspec.msgpack.encode(step, enc_hook=lambda value: value.text, order="deterministic")


@pytest.fixture
def story() -> Story:
    made = Story()
    assert made.news(News.STARTED)
    return made


def test_a_start_schedules_a_decision_and_arms_the_end(story: Story) -> None:
    assert story.types == ["WorkflowExecutionStarted", "DecisionTaskScheduled"]
    timer = next(each for each in story.asked if isinstance(each, StartTimer))
    task = next(each for each in story.asked if isinstance(each, ScheduleTask))
    assert (timer.purpose, timer.due_ms) == ("execution", NOW + 3_600_000)
    assert (task.family, task.task_list, task.timeout_ms) == ("decision", "swf/decision/d/list", 300_000)


def test_the_order_of_events_around_news_is_the_recorded_one(story: Story) -> None:
    """As AWS wrote it: an activity ends while a decider decides on a signal."""
    story.decided(CALL)
    story.news(News.TASK_STARTED, "activity/a", 5, workerName="w")
    story.news(News.SIGNALED, signalName="unexpected", input="Hi there!")
    story.news(News.TASK_STARTED, ROOT, 8, workerName="me")
    story.news(News.TASK_SUCCEEDED, "activity/a", 5, output=Payload(text='"sent"'))
    assert story.types[8:] == ["DecisionTaskStarted", "ActivityTaskCompleted", "DecisionTaskScheduled"]
    story.decided()
    story.decided(decision("CompleteWorkflowExecution", result="r"))
    assert story.types[11:] == [
        "DecisionTaskCompleted",
        "DecisionTaskStarted",
        "DecisionTaskCompleted",
        "WorkflowExecutionCompleted",
    ]
    assert story.events[12].details == {"identity": "me", "scheduledEventId": 11}


def test_news_is_taken_once(story: Story) -> None:
    story.decided(CALL)
    assert not story.news(News.DECIDED, ROOT, 2, decisions=[])
    assert not story.news(News.TASK_STARTED, ROOT, 2)
    assert story.news(News.TASK_STARTED, "activity/a", 5)
    assert not story.news(News.TASK_STARTED, "activity/a", 5)
    assert not story.news(News.TASK_TIMED_OUT, "activity/a", 5, timeoutType="SCHEDULE_TO_START")
    assert not story.news(News.TASK_SUCCEEDED, "activity/a", 4)
    assert story.news(News.TASK_SUCCEEDED, "activity/a", 5)
    assert not story.news(News.TASK_FAILED, "activity/a", 5)


def test_what_no_worker_has_taken_can_be_answered_by_hand(story: Story) -> None:
    story.decided(CALL)
    assert not story.news(News.TASK_ALIVE, "activity/a", 5)
    assert not story.news(News.TASK_CANCELED, "activity/a", 5)
    assert story.news(News.TASK_SUCCEEDED, "activity/a", 5)
    assert story.types[5:] == ["ActivityTaskStarted", "ActivityTaskCompleted", "DecisionTaskScheduled"]


def test_nothing_happens_after_the_end(story: Story) -> None:
    story.decided(decision("CompleteWorkflowExecution"))
    for news in (News.SIGNALED, News.CANCEL_REQUESTED, News.TERMINATED, News.TIMED_OUT):
        assert not story.news(news, signalName="s")


def test_an_id_may_end_and_begin_in_one_batch(story: Story) -> None:
    start = decision("StartTimer", timerId="t", startToFireTimeout="9")
    story.decided(start)
    story.news(News.SIGNALED, signalName="s")
    story.decided(decision("CancelTimer", timerId="t"), start)
    assert story.root.timers == 1
    assert not story.news(News.TIMER_FIRED, "timer/t", 5)  # that of the first
    assert story.news(News.TIMER_FIRED, "timer/t", story.events[-1].id)


def test_counts_stay_as_they_were_at_the_end(story: Story) -> None:
    """Recorded: an execution that was canceled with an open activity still counts it."""
    story.decided(CALL, decision("CancelWorkflowExecution"))
    assert (story.root.activities, story.root.close_status) == (1, "CANCELED")
    assert list(story.frames) == [ROOT]
    assert [asked.status for asked in story.asked if isinstance(asked, CloseExecution)] == ["ABORTED"]


@pytest.mark.parametrize("limit", [4, 7, 12])
def test_the_last_event_of_a_full_history_is_its_termination(limit: int) -> None:
    story = Story(limit)
    story.news(News.STARTED)
    marks = [decision("RecordMarker", markerName="m") for _ in range(20)]
    story.news(News.TASK_STARTED, ROOT, 2)
    if not story.root.close_status:
        story.news(News.DECIDED, ROOT, 2, decisions=[CALL, *marks])
    assert (len(story.events), story.types[-1]) == (limit, "WorkflowExecutionTerminated")
    assert story.events[-1].details["cause"] == "EVENT_LIMIT_EXCEEDED"


def test_tokens_tell_their_event_and_cannot_be_guessed(story: Story) -> None:
    token = next(asked.token for asked in story.asked if isinstance(asked, ScheduleTask))
    random, kind, number = token.split("-")
    assert (len(random), kind, number) == (48, "d", "2")


def test_a_batch_without_decisions_is_fine() -> None:
    batch.check([])
    batch.check([decision("CompleteWorkflowExecution")])
