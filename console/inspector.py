"""The few lines under the outline: what is worth knowing about the state the cursor is on. Pure."""

from __future__ import annotations

from collections import Counter
from typing import Any

from console.event_rows import document
from console.journal import message_of
from console.jsonlines import flatten, spans
from console.looks import VISIT, Span
from console.outline import Row, tally
from console.rows import Now
from console.text import clean, count_of, moment, took, until

Item = dict[str, Any]


def inspect_lines(row: Row | None, execution: Item, now: Now) -> list[list[Span]]:
    """Place, time and trouble of a state; for a finished execution without a state its own error."""
    if row is None:
        return _trouble(execution.get("error"), execution.get("cause"))
    lines = [_title(row)]
    if not row.visits:
        lines.append([Span("not reached" if row.type else "", "dim")])
        return lines
    visit = row.visits[-1]
    if row.many:
        lines.append(tally(Counter(visit.status for visit in row.visits)))
    else:
        length = took((visit.end or now.at) - visit.start)
        told = [Span(f"entered {moment(visit.start, *now)}, {length}", "dim")]
        if visit.attempts > 1:
            told.append(Span(f", {count_of(visit.attempts, 'attempt')}", "late"))
        lines.append(told)
    if visit.run:
        lines.append([*tally(visit.tallied, visit.items or 0), Span("   enter", "press"), Span(" shows them", "dim")])
    lines += _open(row, execution, now)
    failed = next((v for v in reversed(row.visits) if v.error), None)
    return lines + (_trouble(failed.error, failed.cause) if failed else [])


def event_lines(event: Item) -> tuple[tuple[str, str], ...]:
    """One event as the lines of its JSON, with the texts in it opened up."""
    return tuple(("".join(span.text for span in spans(line, False)), "") for line in flatten(document(event)))


def _title(row: Row) -> list[Span]:
    parts = [clean(part) for part in row.path if part != "*" and not part.isdigit()]
    look = VISIT.get(row.status, VISIT[""])
    spans = [
        Span(" › ".join(parts[:-1]) + (" › " if parts[1:] else ""), "dim"),
        Span(parts[-1] if parts else "", "bold"),
    ]
    spans.append(Span(f"  {row.type}", "dim"))
    if row.status:
        spans.append(Span(f"  {look.glyph} {look.word.lower()}", look.tone))
    if row.leads:
        spans.append(Span(f"  {row.leads}", "dim"))
    return spans


def _open(row: Row, execution: Item, now: Now) -> list[list[Span]]:
    """The task or timer that the state waits for."""
    frames = {visit.frame for visit in row.visits if visit.end is None}
    lines = []
    for task in execution.get("openTasks") or []:
        if task.get("frame") in frames:
            deadline = f", times out {until(task['timeoutAt'], now.at)}" if task.get("timeoutAt") else ""
            worker = f" at {clean(task['worker'])}" if task.get("worker") else ""
            lines.append([Span(f"{clean(task['resource'])} {clean(task['status']).lower()}{worker}{deadline}", "dim")])
    timers = [timer for timer in execution.get("timers") or [] if timer.get("frame") in frames]
    lines += [[Span(f"{clean(t['purpose'])} timer, due {until(t['dueAt'], now.at)}", "dim")] for t in timers]
    return lines[:2]


def _trouble(error: str | None, cause: str | None) -> list[list[Span]]:
    if not error and not cause:
        return []
    return [[Span("✗ " + clean(error or "failed"), "bad"), Span(f"  {clean(message_of(cause), 1000)}")]]
