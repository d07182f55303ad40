"""A whole batch of decisions is checked before any of it is carried out: one bad decision, and nothing happens.

The model's own constraints (required members, lengths, enums) were checked when the request was read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flowd.errors import ValidationException
from flowd.swf.closing import CLOSE_DECISIONS
from flowd.swf.rules import LAMBDA_S, check_duration, check_name, check_priority
from flowd.swf.starting import check_members

#: Decisions that need attributes: those of which the model requires a member.
_BARE = CLOSE_DECISIONS
Check = Callable[[Mapping[str, Any], str], None]


def check(decisions: Sequence[Mapping[str, Any]]) -> None:
    """Raise ValidationException if the batch cannot be accepted."""
    for number, decision in enumerate(decisions, 1):
        kind = decision["decisionType"]
        member = f"{kind[0].lower()}{kind[1:]}DecisionAttributes"
        place = f"decisions.{number}.member.{member}"
        if kind in CLOSE_DECISIONS and number != len(decisions):
            raise ValidationException("Close must be last decision in list")
        if kind not in _BARE and decision.get(member) is None:
            raise ValidationException(
                f"1 validation error detected: Value null at '{place}' failed to satisfy constraint: "
                "Member must not be null"
            )
        if kind in _CHECKS:
            _CHECKS[kind](decision.get(member) or {}, f"{place}.")


def _activity(asked: Mapping[str, Any], place: str) -> None:
    check_name(asked["activityId"], f"{place}activityId")
    for member in ("scheduleToCloseTimeout", "scheduleToStartTimeout", "startToCloseTimeout", "heartbeatTimeout"):
        if asked.get(member) is not None:
            check_duration(asked[member], place + member)
    if asked.get("taskPriority") is not None:
        check_priority(asked["taskPriority"], f"{place}taskPriority")
    if asked.get("taskList") is not None:
        check_name(asked["taskList"]["name"], f"{place}taskList.name")


def _timer(asked: Mapping[str, Any], place: str) -> None:
    check_name(asked["timerId"], f"{place}timerId")
    check_duration(asked["startToFireTimeout"], f"{place}startToFireTimeout", none=False)


def _function(asked: Mapping[str, Any], place: str) -> None:
    if asked.get("startToCloseTimeout") is not None:
        check_duration(asked["startToCloseTimeout"], f"{place}startToCloseTimeout", least=1, most=LAMBDA_S)


_CHECKS: dict[str, Check] = {
    "ScheduleActivityTask": _activity,
    "StartTimer": _timer,
    "ScheduleLambdaFunction": _function,
    "StartChildWorkflowExecution": check_members,
    "ContinueAsNewWorkflowExecution": check_members,
}
