"""From an object of the API to the cells of its row: one table of columns and one function for each list. Pure.

The functions take what the daemon answered (docs/api.md) and the present moment; they never ask for anything.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import tzinfo
from typing import Any, NamedTuple

from console.columns import Column
from console.jsonlines import parse
from console.looks import FILE, SCHEDULE, UNKNOWN, WAITING, Span, status
from console.text import ago, clean, moment, number, size, sparkline, took, until
from flowd.questions import meant_for

Item = dict[str, Any]


SPARK = 12  # cells of a sparkline


class Now(NamedTuple):
    """The present moment (epoch seconds) and the zone times are shown in; None is the machine's own."""

    at: float
    zone: tzinfo | None = None


class Sheet(NamedTuple):
    """How a list is shown: its columns, its row, and what identifies a row."""

    columns: Sequence[Column]
    cells: Callable[[Item, Now], list[Span]]
    key: Callable[[Item], str]


def execution_cells(item: Item, now: Now) -> list[Span]:
    look = status(item["status"])
    at, note = _where(item)
    stop = item.get("stopDate") or now.at
    gone = "faint" if item.get("gone") else ""
    return [
        Span(look.glyph, look.tone),
        Span(item_name(item) or clean(item["name"]), gone or "bold"),
        Span(clean(item["stateMachineName"]), gone),
        Span(look.word or "changed", gone or ("dim" if look.tone == "ok" else look.tone)),
        Span(moment(item["startDate"], now.at, now.zone), gone),
        Span("" if item.get("gone") else took(stop - item["startDate"]), gone),
        Span(at, gone),
        note,
    ]


def item_name(execution: Item) -> str:
    """Which items of a Distributed Map an execution has, whose own name is a UUID; "" if it is none of those."""
    first, count = execution.get("item"), execution.get("itemCount") or 1
    if first is None:
        return ""
    return f"item {number(first)}" if count == 1 else f"items {number(first)} – {number(first + count - 1)}"


def _where(item: Item) -> tuple[str, Span]:
    """The state an execution is in (or failed in), and why it stands there."""
    at = clean(item.get("state") or "")
    if item.get("error"):
        return at, Span(clean(item["error"]), "bad" if item["status"] == "FAILED" else "late")
    waiting = WAITING.get(item.get("waiting") or "")
    if waiting and item["status"] == "RUNNING":
        return at, Span(f"{waiting.glyph} {waiting.word}", waiting.tone)
    return at, Span("")


EXECUTIONS = Sheet(
    (
        Column("", 1),
        Column("name", 18, 80, middle=True),
        Column("machine", 12, 60, drop=1),
        Column("status", 9),
        Column("started", 8, 12, drop=3, words=True),
        Column("took", 6, drop=2, right=True),
        Column("at state", 8, 60, drop=4),
        Column("why", 10, 80),
    ),
    execution_cells,
    lambda item: str(item["id"]),
)


def prompt_cells(item: Item, now: Now) -> list[Span]:
    due = item.get("dueAt")
    late = due is not None and due < now.at
    answered = item.get("answer")
    token = item["kind"] == "token"
    title = clean(item.get("title") or item["state"])
    who = ", ".join(clean(name) for name in meant_for(item)) or "–"
    if item.get("claimedBy"):
        who = f"{clean(item['claimedBy'])}*"
    elif answered:
        who = clean(answered["by"])
    glyph = Span("✓", "ok") if answered else Span("ƒ", "dim") if token else Span("▣", "late" if late else "wait")
    return [
        glyph,
        _due(item, now),
        Span(title, "dim" if item.get("laterUntil") else "bold"),
        Span(clean(item["executionName"])),
        Span(clean(item.get("queue") or "–"), "dim"),
        Span(who, "accent" if item.get("claimedBy") else "dim"),
        Span(ago(item["askedAt"], now.at), "dim"),
    ]


def _due(item: Item, now: Now) -> Span:
    """When it must be answered, else until when it is put off."""
    due, later = item.get("dueAt"), item.get("laterUntil")
    if due is not None:
        return Span(until(due, now.at), "late" if due < now.at else "")
    return Span(f"◷ {until(later, now.at)}", "dim") if later else Span("–")


INBOX = Sheet(
    (
        Column("", 1),
        Column("due", 8),
        Column("asks", 18, 48),
        Column("execution", 12, 60, middle=True),
        Column("queue", 8, 40, drop=2),
        Column("who", 6, 20, drop=3),
        Column("asked", 9, drop=1),
    ),
    prompt_cells,
    lambda item: str(item["id"]),
)


def answer_cells(item: Item, now: Now) -> list[Span]:
    """A prompt that was answered: by whom, when, with what."""
    answer = item["answer"]
    failed = answer.get("output") is None
    return [
        Span("✗", "bad") if failed else Span("✓", "ok"),
        Span(ago(answer["at"], now.at)),
        Span(clean(item.get("title") or item["state"]), "bold"),
        Span(clean(answer["by"]), "accent"),
        Span(told_answer(answer), "bad" if failed else ""),
        Span(clean(item["executionName"])),
        Span(clean(item.get("queue") or "–"), "dim"),
    ]


def told_answer(answer: Item) -> str:
    """What somebody said, on one line: the decision and its comment, else the JSON; or the error it was failed with."""
    if answer.get("output") is None:
        return f"failed it: {clean(answer.get('error') or 'no error name')}"
    value = parse(answer["output"])[0]
    if isinstance(value, dict) and isinstance(value.get("decision"), str):
        rest = [f"{key}: {_plain(value[key])}" for key in value if key != "decision" and value[key] not in ("", None)]
        return clean(", ".join([value["decision"], *rest]), 400)
    return clean(answer["output"], 400)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


ANSWERS = Sheet(
    (
        Column("", 1),
        Column("answered", 8, 9),
        Column("asked", 14, 60),
        Column("by", 6, 16),
        Column("answer", 18, 120),
        Column("execution", 12, 60, drop=1, middle=True),
        Column("queue", 8, 40, drop=2),
    ),
    answer_cells,
    lambda item: str(item["id"]),
)


def machine_cells(item: Item, now: Now) -> list[Span]:
    """A row is a machine, or a file that was refused (it has `diagnostics`): its first error has the rest."""
    if "diagnostics" in item:
        look = FILE.get(item["status"], UNKNOWN)
        told = item["diagnostics"][0] if item["diagnostics"] else {}
        error = f"{place(told)} {clean(told.get('code', ''))} {clean(told.get('message', ''))}".strip()
        return [
            Span(look.glyph, look.tone),
            Span(clean(item.get("name") or item["path"]), "bold"),
            Span(look.word, look.tone),
            Span(error, "bad"),
        ]
    running = (item.get("counts") or {}).get("RUNNING", 0)
    plans = item.get("schedules") or []
    return [
        Span("▶", "run") if running else Span("✓", "dim"),
        Span(clean(item["name"]), "bold"),
        Span(clean(item["type"]).lower(), "dim"),
        Span(f"v{item['version']}" if item.get("version") else "–"),
        Span(str(item.get("states", "–")), "dim"),
        Span(number(running), "run" if running else "faint"),
        *_day_cells(item.get("day")),
        Span(", ".join(map(_plan, plans)) or "–", "" if plans else "faint"),
        Span(", ".join(clean(alias["name"]) for alias in item.get("aliases") or ()) or "–", "dim"),
        Span(clean(item.get("source") or item["owner"]), "dim"),
        Span("updated " + moment(item["updatedAt"], now.at, now.zone), "faint"),
    ]


def _day_cells(day: Item | None) -> list[Span]:
    """What ended in the last 24 hours, hour by hour, and how long 95 of 100 took at most."""
    if day is None:
        return [Span("–", "faint"), Span(""), Span("–", "faint")]
    p95 = day.get("p95Seconds")
    return [
        Span(f"{number(day['succeeded'])}✓ {number(day['failed'])}✗", "" if day["failed"] else "dim"),
        Span(sparkline(day["hours"], SPARK), "bad" if day["failed"] > day["succeeded"] else "run"),
        Span(took(p95) if p95 is not None else "–"),
    ]


def _plan(plan: Item) -> str:
    return clean(plan["expression"]) if plan["state"] == "ENABLED" else f"■ {clean(plan['expression'])}"


def place(told: Item) -> str:
    """Where a diagnostic points: `line:column`, or its location in the definition."""
    if told.get("line"):
        return f"{told['line']}:{told.get('column', 1)}"
    return clean(told.get("location") or "")


MACHINES = Sheet(
    (
        Column("", 1),
        Column("name", 16, 60),
        Column("type", 8),
        Column("ver", 4),
        Column("states", 6, drop=9, right=True),
        Column("run", 4, right=True, drop=1),
        Column("24h", 9, 15, drop=2),
        Column("by hour", 12, 12, drop=5),
        Column("p95", 6, right=True, drop=3),
        Column("schedule", 10, 40, drop=6),
        Column("aliases", 8, 40, drop=7),
        Column("file", 16, 60, drop=8),
        Column("", 16, 99),
    ),
    machine_cells,
    lambda item: str(item.get("stateMachineArn") or item["path"]),
)


def schedule_cells(item: Item, now: Now) -> list[Span]:
    look = SCHEDULE.get(item["state"], UNKNOWN)
    upcoming = item.get("next") or []
    on = item["state"] == "ENABLED"
    when = f"{moment(upcoming[0], now.at, now.zone)} {until(upcoming[0], now.at)}" if upcoming and on else "–"
    last = item.get("last") or {}
    done = status(last["status"]) if last.get("status") else UNKNOWN
    return [
        Span(look.glyph, look.tone),
        Span(clean(item["name"]), "bold"),
        Span(look.word, look.tone),
        Span(clean(item["expression"])),
        Span(when, "" if on else "dim"),
        Span(f"{done.glyph} {ago(last['at'], now.at)}" if last else "never", done.tone),
        Span(clean(item["stateMachineName"])),
        Span(clean(item.get("timezone") or "UTC"), "dim"),
        Span(f"{item['overlap']} · missed {item['missed']}", "dim"),
    ]


SCHEDULES = Sheet(
    (
        Column("", 1),
        Column("name", 13, 60),
        Column("", 6),
        Column("expression", 17, 32),
        Column("next", 19, 20),
        Column("last", 9, 12),
        Column("machine", 14, 60, drop=1),
        Column("zone", 6, 16, drop=3),
        Column("overlap", 12, 22, drop=2),
    ),
    schedule_cells,
    lambda item: str(item["name"]),
)


def counts_line(counts: dict[str, int]) -> list[Span]:
    """`▶ 214  ✓ 899,786  ✗ 60,014` for the header; statuses nobody has are left out."""
    spans: list[Span] = []
    for name in ("RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"):
        if counts.get(name):
            look = status(name)
            spans += [Span(f"{look.glyph} {number(counts[name])}", look.tone), Span("  ")]
    return spans[:-1]


def health_lines(health: Item, now: Now) -> list[tuple[str, list[Span]]]:
    """Label and value of every line of the health page."""
    runner = health.get("runner") or {"status": "down"}
    up = runner["status"] == "up"
    nearest = health.get("nextDeadline")
    return [
        ("daemon", [Span(f"flowd {clean(health['version'])}", "bold"), Span(f"  pid {health['pid']}", "dim")]),
        ("up", [Span(took(now.at - health["startedAt"])), Span(f"  since {moment(health['startedAt'], *now)}", "dim")]),
        ("data", [Span(clean(health["dataDirectory"]))]),
        ("database", [Span(size(health["databaseBytes"])), Span(f"  journal {size(health['walBytes'])}", "dim")]),
        ("workflows", [Span(clean(health["workflowsDirectory"])), *_refused(health)]),
        ("listens on", [Span("  ".join(clean(name) for name in health["listeners"]))]),
        ("runner", [Span("✓ up" if up else "✗ down", "ok" if up else "bad"), Span(_detail(runner), "dim")]),
        ("executions", counts_line(health["executions"]) or [Span("none yet", "dim")]),
        ("deadlines", [Span(number(health["deadlines"])), Span(f"  next {until(nearest, now.at)}" if nearest else "")]),
        ("writable", [Span("✓ yes", "ok") if health["writable"] else Span("✗ no", "bad")]),
    ]


def _refused(health: Item) -> list[Span]:
    amount = health["rejectedFiles"]
    return [Span(f"  ✗ {amount} rejected", "bad")] if amount else [Span("  ✓ all loaded", "dim")]


def _detail(runner: Item) -> str:
    return f"  {clean(runner['detail'])}" if runner.get("detail") else ""
