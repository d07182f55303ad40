"""Schedules of a template -> SamSchedule: the `Schedule` (EventBridge rules) and `ScheduleV2` (EventBridge Scheduler)
among the `Events` of a machine or function, and rules and schedules that are resources of their own."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from flowd.sam.intrinsics import Unresolvable
from flowd.sam.project import UNSUPPORTED
from flowd.sam.resources import Template
from flowd.sam.schedules import MISSED, OVERLAP, Missed, Overlap, SamSchedule, State
from flowd.services.scheduler.expressions import ExpressionError, Service, parse_expression

_NAME = re.compile(r"[0-9A-Za-z_.-]{1,64}")  # API references of both services
_SERVICES: dict[str, Service] = {"Schedule": "rule", "ScheduleV2": "scheduler"}
_EXPRESSION = {"rule": "Schedule", "scheduler": "ScheduleExpression"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_READ = {
    "rule": {"Schedule", "Input", "Name", "State", "Enabled", "RetryPolicy"},
    "scheduler": {
        *("ScheduleExpression", "ScheduleExpressionTimezone", "StartDate", "EndDate", "Input", "Name", "State"),
        *("RetryPolicy", "OmitName"),
    },
}
_IGNORED = {"Description", "GroupName", "KmsKeyArn", "PermissionsBoundary", "RoleArn", "Target"}


def read_schedules(template: Template, logical_id: str, target: str, source: str) -> list[SamSchedule]:
    """The schedules among the events of a machine (its name) or a function (its ARN); what cannot be one is in the
    template's problems."""
    events = template.properties(logical_id).get("Events")
    path = ("Resources", logical_id, "Properties", "Events")
    wanted = {} if not isinstance(events, dict) else events
    if events is not None and not isinstance(events, dict):
        template.problem("ERROR", logical_id, "Events must be a mapping", *path)
    schedules: list[SamSchedule] = []
    for event_id, event in wanted.items():
        kind = str(event.get("Type")) if isinstance(event, dict) else ""
        policies = _policies(template, logical_id) if kind in _SERVICES else None
        if policies is not None:
            given = event.get("Properties")
            reader = _Reader(template, logical_id, event_id, _SERVICES[kind], target, source)
            schedules.extend(reader.read(policies, given, (*path, event_id)))
    return schedules


def read_schedule(
    template: Template, logical_id: str, service: Service, target: str, source: str, given: dict[str, Any]
) -> list[SamSchedule]:
    """The schedule that is a resource of its own, with one target."""
    policies = _policies(template, logical_id)
    if policies is None:
        return []
    reader = _Reader(template, logical_id, "", service, target, source)
    return reader.read(policies, given, ("Resources", logical_id))


def _policies(template: Template, logical_id: str) -> tuple[Missed, Overlap] | None:
    """`Metadata: Flowd: {MissedRuns: ..., Overlap: ...}` of the machine; None if it says something else."""
    metadata = template.resources[logical_id].get("Metadata")
    given = metadata.get("Flowd") if isinstance(metadata, dict) else None
    missed, overlap = MISSED[1], OVERLAP[0]
    path = ("Resources", logical_id, "Metadata", "Flowd")
    if given is None:
        return cast(Missed, missed), cast(Overlap, overlap)
    if not isinstance(given, dict) or not set(given) <= {"MissedRuns", "Overlap"}:
        template.problem("ERROR", logical_id, "Metadata Flowd takes MissedRuns and Overlap", *path)
        return None
    missed, overlap = str(given.get("MissedRuns", missed)), str(given.get("Overlap", overlap))
    for name, value, allowed in (("MissedRuns", missed, MISSED), ("Overlap", overlap, OVERLAP)):
        if value not in allowed:
            message = f"{name} is {value!r}; allowed: {', '.join(allowed)}. Its schedules are not loaded"
            template.problem("ERROR", logical_id, message, *path, name)
            return None
    return cast(Missed, missed), cast(Overlap, overlap)


class _Invalid(Exception):
    """A property of the event is wrong."""

    def __init__(self, property_name: str, message: str) -> None:
        super().__init__(message)
        self.property = property_name


class _Reader:
    """Reads one event."""

    def __init__(
        self, template: Template, logical_id: str, event_id: str, service: Service, machine: str, source: str
    ) -> None:
        self.template = template
        self.logical_id = logical_id
        self.event_id = event_id
        self.service = service
        self.machine = machine
        self.source = source
        self.what = f"the event {event_id}" if event_id else "the schedule"
        self.path: tuple[str, ...] = ()
        self.given: dict[str, Any] = {}

    def read(self, policies: tuple[Missed, Overlap], given: Any, path: tuple[str, ...]) -> list[SamSchedule]:
        """`path` leads to what has these Properties."""
        self.path, self.given = path, given if isinstance(given, dict) else {}
        try:
            schedule = self._schedule(policies)
        except _Invalid as invalid:
            message = f"{self.what}: {invalid}"
            self.template.problem("ERROR", self.logical_id, message, *self.path, "Properties", invalid.property)
            return []
        except Unresolvable as problem:
            message = f"{self.what}: {problem.message}"
            self.template.problem("ERROR", self.logical_id, message, *self.path, code=UNSUPPORTED)
            return []
        self._list_unsupported()
        return [schedule]

    def _schedule(self, policies: tuple[Missed, Overlap]) -> SamSchedule:
        expression_property = _EXPRESSION[self.service]
        expression = self._text(expression_property)
        timezone = self._text("ScheduleExpressionTimezone", "UTC") if self.service == "scheduler" else "UTC"
        try:
            parse_expression(expression, timezone, self.service)
        except ExpressionError as problem:
            raise _Invalid(expression_property, problem.message) from None
        name = self._text("Name", f"{self.logical_id}{self.event_id}")
        if _NAME.fullmatch(name) is None:
            raise _Invalid("Name", f"{name!r} is no name of a schedule: 1 to 64 of A-Z a-z 0-9 - _ .")
        missed, overlap = policies
        return SamSchedule(
            name=name,
            machine=self.machine,
            expression=expression,
            timezone=timezone,
            service=self.service,
            input=self._input(),
            state=self._state(),
            start_ms=self._date("StartDate"),
            end_ms=self._date("EndDate"),
            missed=missed,
            overlap=overlap,
            max_age_ms=self._max_age_ms(),
            source=self.source,
            line=self.template.document.where(*self.path).line,
        )

    def _text(self, name: str, default: str | None = None) -> str:
        if name not in self.given:
            if default is None:
                raise _Invalid("", f"{name} is missing")
            return default
        return self.template.resolver.text(self.given[name])

    def _input(self) -> str | None:
        if "Input" not in self.given:
            return None
        text = self._text("Input")
        try:
            json.loads(text)
        except (ValueError, RecursionError) as problem:
            raise _Invalid("Input", f"Input is not JSON: {problem}") from None
        return text

    def _state(self) -> State:
        if "Enabled" in self.given and "State" not in self.given:
            return "ENABLED" if self._text("Enabled") == "true" else "DISABLED"
        state = self._text("State", "ENABLED")
        # Rules have a third state that differs in which management events they see; a schedule sees none.
        if state not in ("ENABLED", "DISABLED", "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"):
            raise _Invalid("State", f"State is {state!r}; allowed: ENABLED, DISABLED")
        return "DISABLED" if state == "DISABLED" else "ENABLED"

    def _date(self, name: str) -> int | None:
        if self.service != "scheduler" or name not in self.given:
            return None
        text = self._text(name)
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise _Invalid(name, f"{name} is {text!r}; allowed: a time such as 2024-06-01T00:00:00Z") from None
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
        return (moment - _EPOCH) // timedelta(milliseconds=1)

    def _max_age_ms(self) -> int | None:
        policy = self.given.get("RetryPolicy")
        if not isinstance(policy, dict) or "MaximumEventAgeInSeconds" not in policy:
            return None
        text = self.template.resolver.text(policy["MaximumEventAgeInSeconds"])
        if not text.isdecimal() or not 60 <= int(text) <= 86_400:
            raise _Invalid("RetryPolicy", f"MaximumEventAgeInSeconds is {text}; it must be from 60 to 86400")
        return int(text) * 1000

    def _list_unsupported(self) -> None:
        for name in self.given:
            message = f"{self.what}: {name} is not supported and left out"
            if name == "FlexibleTimeWindow":
                window = self.given[name]
                if isinstance(window, dict) and window.get("Mode") == "OFF":
                    continue
                message = f"{self.what}: FlexibleTimeWindow is ignored, runs begin on time"
            elif name in _READ[self.service] | _IGNORED:
                continue
            self.template.unsupported(self.logical_id, message, *self.path, "Properties", name)
