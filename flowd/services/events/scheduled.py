"""Rules with a ScheduleExpression: when they fire, and the event that their targets get.

A rule that was due while nobody looked fires once, with the time of its latest fire time, as schedules of templates do
by default. User guide, "Creating an Amazon EventBridge rule that runs on a schedule".
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from flowd.services.events import names, targets
from flowd.services.events.tables import Rule, Tables
from flowd.services.ports import Call
from flowd.services.scheduler.expressions import SET_BACK_MS, Expression, ExpressionError, parse_expression

#: Windows in which the latest fire time is looked for: each holds some sixty of the next smaller one.
_WINDOWS_MS: Final = (60_000, 3_600_000, 86_400_000, 31 * 86_400_000, 366 * 86_400_000)


def check(expression: str, bus: str) -> None:
    """Raise ValidationException for a schedule that a rule of this bus cannot have."""
    if bus != names.DEFAULT:
        raise names.invalid("ScheduleExpression is supported only on the default event bus.")
    try:
        parse_expression(expression, service="rule")
    except ExpressionError as error:
        raise names.invalid(f"Parameter ScheduleExpression is not valid. {error}") from None


def arm(rule: Rule, call: Call) -> None:
    """Say when a rule fires next; one without a schedule, or that is off, never."""
    due_ms = _expression(rule).next_fire(call.now_ms) if rule.schedule and rule.enabled else None
    rule.due_ms = due_ms
    if due_ms is not None:
        call.due_ms.append(due_ms)


def tick(tables: Tables, call: Call) -> int | None:
    """Tell the targets of the rules that are due; returns when the next one is."""
    for rule in tables.due_rules(call.now_ms):
        fired_ms = _latest(_expression(rule), rule.due_ms or call.now_ms, call.now_ms)
        call.deliveries += targets.deliveries(tables, rule, _event(rule, fired_ms, call), call)
        arm(rule, call)
    for rule in tables.far_rules(call.now_ms + SET_BACK_MS):
        next_ms = _expression(rule).next_fire(call.now_ms)
        if next_ms is not None and rule.due_ms is not None and next_ms + SET_BACK_MS < rule.due_ms:
            arm(rule, call)  # it was planned by a clock that was far ahead
    return tables.next_rule_ms()


def _event(rule: Rule, fired_ms: int, call: Call) -> dict[str, Any]:
    return {
        "version": "0",
        "id": call.new_id(),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": call.account,
        "time": f"{datetime.fromtimestamp(fired_ms // 1000, UTC):%Y-%m-%dT%H:%M:%SZ}",
        "region": call.region,
        "resources": [names.rule_arn(call, rule)],
        "detail": {},
    }


def _expression(rule: Rule) -> Expression:
    return parse_expression(rule.schedule, service="rule")


def _latest(expression: Expression, first_ms: int, now_ms: int) -> int:
    """The last fire time that has come, of which the first is known."""
    for window_ms in _WINDOWS_MS:
        fired_ms = expression.next_fire(max(first_ms - 1, now_ms - window_ms - 1))
        if fired_ms is not None and fired_ms <= now_ms:
            while (later_ms := expression.next_fire(fired_ms)) is not None and later_ms <= now_ms:
                fired_ms = later_ms
            return fired_ms
    return first_ms
