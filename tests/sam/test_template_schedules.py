"""Schedules of machines in templates."""

from __future__ import annotations

import pytest

from tests.sam.test_template import PASS, read, said

SCHEDULED = f"""\
Resources:
  M:
    Type: AWS::Serverless::StateMachine
    Metadata: {{Flowd: {{MissedRuns: all, Overlap: queue}}}}
    Properties:
      Definition: {PASS}
      Events:
        Old:
          Type: Schedule
          Properties: {{Schedule: rate(1 hour), Input: '{{"a": 1}}', Enabled: false}}
        New:
          Type: ScheduleV2
          Properties:
            Name: nightly
            ScheduleExpression: cron(0 2 * * ? *)
            ScheduleExpressionTimezone: Europe/Berlin
            StartDate: '2024-06-01T00:00:00Z'
            EndDate: '2024-07-01T00:00:00.500Z'
            FlexibleTimeWindow: {{Mode: FLEXIBLE, MaximumWindowInMinutes: 5}}
            RetryPolicy: {{MaximumEventAgeInSeconds: 3600}}
        Web: {{Type: Kinesis}}
"""


def test_schedules_are_read_with_their_policies() -> None:
    project = read(SCHEDULED)
    old, new = project.schedules
    assert (old.name, old.machine, old.service, old.expression) == ("MOld", "M", "rule", "rate(1 hour)")
    assert (old.input, old.state, old.missed, old.overlap) == ('{"a": 1}', "DISABLED", "all", "queue")
    assert (new.name, new.service, new.timezone, new.state) == ("nightly", "scheduler", "Europe/Berlin", "ENABLED")
    assert (new.start_ms, new.end_ms) == (1_717_200_000_000, 1_719_792_000_500)
    assert (new.max_age_ms, new.input, new.line) == (3_600_000, None, 12)
    assert said(project).splitlines() == [
        "WARNING 20:13 M: the event New: FlexibleTimeWindow is ignored, runs begin on time",
        "WARNING 22:9 M: the event Web of type Kinesis is not supported: there is no Kinesis in flowd",
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("rate(1 hour)", "rate(1 hours)", "ERROR 11:24 M: the event Old: rate(1 hours) is not valid"),
        ("cron(0 2 * * ? *)", "cron(0 25 * * ? *)", "the event New: Hours '25' is not valid"),
        ("Europe/Berlin", "Europe/Atlantis", "Time zone 'Europe/Atlantis' is not known"),
        ("'{\"a\": 1}'", "'{a}'", "the event Old: Input is not JSON"),
        ("2024-06-01T00:00:00Z", "June", "StartDate is 'June'"),
        ("MaximumEventAgeInSeconds: 3600", "MaximumEventAgeInSeconds: 1", "it must be from 60 to 86400"),
        ("Name: nightly", "Name: every night", "'every night' is no name of a schedule"),
        ("ScheduleExpression: cron", "Expression: cron", "ScheduleExpression is missing"),
        ("Enabled: false", "State: OFF", "State is 'false'"),
        ("Name: nightly", "Name: !Ref Nowhere", "Nowhere is neither"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused_and_the_other_one_stays(old: str, new: str, message: str) -> None:
    project = read(SCHEDULED.replace(old, new))
    assert len(project.machines) == 1
    assert len(project.schedules) == 1
    assert message in said(project)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("MissedRuns: all", "MissedRuns: some", "MissedRuns is 'some'; allowed: skip, last, all"),
        ("Overlap: queue", "Overlap: wait", "Overlap is 'wait'; allowed: allow, skip, queue"),
        ("Overlap: queue", "Overlaps: queue", "Metadata Flowd takes MissedRuns and Overlap"),
    ],
)
def test_a_policy_that_does_not_exist_keeps_the_schedules_from_running(old: str, new: str, message: str) -> None:
    project = read(SCHEDULED.replace(old, new))
    assert (len(project.machines), project.schedules) == (1, ())
    assert message in said(project)
