"""Two executions side by side: aligned by state, what each came to, how long it took, and where they part. Pure."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import Any

from rich.cells import cell_len

from console.changes import Change, changes, pointer
from console.journal import Path, Visit, details_of
from console.jsonlines import parse
from console.known import Known
from console.looks import STATE_TYPE, VISIT, Span
from console.outline import Row, outline
from console.text import clean, clip, clip_middle, number, pad, took

SHOWN = 400
_SIGNS = {
    "same": Span("  ", "faint"),
    "differs": Span("~ ", "late"),
    "left": Span("- ", "bad"),
    "right": Span("+ ", "ok"),
}
#: Times differ always; they are worth a mark when one is so many times the other, and more than a moment.
SLOWER, MOMENT = 2.0, 0.5


@dataclass(frozen=True, slots=True)
class Pair:
    """One state of two executions. `kind`: same, differs, left or right (only one of them has been there)."""

    path: Path
    row: Row
    left: Visit | None
    right: Visit | None
    kind: str
    slower: bool = False


def origin_of(item: dict[str, Any]) -> str:
    """The ARN of what an execution is a fork of, or ""."""
    trigger = str(item.get("trigger", ""))
    return trigger.removeprefix("fork:") if trigger.startswith("fork:") else ""


def succeeded_like(item: dict[str, Any]) -> str:
    """The filter of what an execution that is no fork is compared with: those of its machine that succeeded."""
    return f"machine:{shlex.quote(str(item['stateMachineName']))} status:succeeded"


def pairs(left: Known, right: Known) -> list[Pair]:
    """The states that either has visited, in the order of the definition; those of an older one at the end."""
    ours, theirs = _visited(left), _visited(right)
    rows = [row for row in outline(left.definition, left.journal) if row.type]
    known = {row.path for row in rows}
    rows += [row for row in outline(right.definition, right.journal) if row.type and row.path not in known]
    return [
        _pair(row, ours.get(row.path), theirs.get(row.path), left, right)
        for row in rows
        if row.path in ours or row.path in theirs
    ]


def _visited(known: Known) -> dict[Path, Visit]:
    return {visit.path: visit for visit in known.journal.visits}


def _pair(row: Row, ours: Visit | None, theirs: Visit | None, left: Known, right: Known) -> Pair:
    if ours is None or theirs is None:
        return Pair(row.path, row, ours, theirs, "left" if theirs is None else "right")
    same = (ours.status, ours.attempts, ours.error) == (theirs.status, theirs.attempts, theirs.error)
    same = same and data_of(left, ours) == data_of(right, theirs)
    a, b = seconds_of(ours), seconds_of(theirs)
    slower = max(a, b) > MOMENT and max(a, b) > SLOWER * min(a, b)
    return Pair(row.path, row, ours, theirs, "same" if same else "differs", slower)


def seconds_of(visit: Visit) -> float:
    return (visit.end or visit.start) - visit.start


def data_of(known: Known, visit: Visit) -> dict[str, Any]:
    """What went in and what came out of one stay."""
    found: dict[str, Any] = {}
    for event in known.events_of(visit):
        details, kind = details_of(event), event["type"]
        if kind.endswith("StateEntered"):
            found["input"] = parse(details.get("input") or "null")[0]
        elif kind.endswith("StateExited"):
            found["output"] = parse(details.get("output") or "null")[0]
    if visit.error:
        found["error"], found["cause"] = visit.error, visit.cause
    return found


def first_difference(found: list[Pair]) -> Pair | None:
    """Where they part: of all states that differ, the one that the left one entered first."""
    apart = [pair for pair in found if pair.kind != "same"]
    return min(apart, key=lambda pair: (pair.left or pair.right or _NEVER).start, default=None)


_NEVER = Visit((), "", 0, float("inf"))


def head(width: int, names: tuple[str, str]) -> list[Span]:
    """The titles: both executions by name."""
    name, side = _columns(width)
    left, right = (pad(clip_middle(clean(each), side - 2), side) for each in names)
    return [Span("  "), Span(pad("state", name)), Span(left), Span(right)]


def line(pair: Pair, width: int) -> list[Span]:
    """One state: its name, what each came to and how long it took."""
    name, side = _columns(width)
    label = f"{pair.row.guides}{STATE_TYPE.get(pair.row.type, '?')} {pair.row.label}"
    tone = "bold" if pair.kind != "same" else "dim"
    return [
        _SIGNS[pair.kind], Span(pad(label, name), tone),
        *_side(pair.left, side, pair.slower and seconds_of(pair.left or _NEVER) > seconds_of(pair.right or _NEVER)),
        *_side(pair.right, side, pair.slower and seconds_of(pair.right or _NEVER) > seconds_of(pair.left or _NEVER)),
    ]  # fmt: skip


def _columns(width: int) -> tuple[int, int]:
    name = max(20, width * 2 // 5)
    return name, max(12, (width - 2 - name) // 2)


def _side(visit: Visit | None, width: int, slower: bool) -> list[Span]:
    if visit is None:
        return [Span(pad("not there", width), "faint")]
    look = VISIT.get(visit.status, VISIT[""])
    time = took(seconds_of(visit))
    told = f"×{visit.attempts} " if visit.attempts > 1 else ""
    error = "" if visit.status == "SUCCEEDED" else clean(visit.error)  # what it failed with before is in its attempts
    told = clip(told + (error or look.word.lower()), width - cell_len(time) - 5)
    spans = [Span(f"{look.glyph} ", look.tone), Span(f"{told} ", look.tone if error else "dim")]
    used = 3 + cell_len(told)
    return [*spans, Span(pad(time, width - used), "late" if slower else "faint")]


def changed(pair: Pair, left: Known, right: Known) -> list[Change]:
    """What differs in input, output and error of a state that both have visited."""
    if pair.left is None or pair.right is None:
        return []
    return list(changes(data_of(left, pair.left), data_of(right, pair.right)))


def differences(pair: Pair, left: Known, right: Known) -> list[tuple[str, str]]:
    """What differs in the data of one state, as lines of text and tone."""
    if pair.left is None or pair.right is None:
        there = right if pair.left is None else left
        which = clean((there.item or {}).get("name", "one of them"), 80)
        return [(f"only {which} has been here", "dim")]
    found = changed(pair, left, right)
    if not found:
        return [("input and output are the same", "dim")]
    lines = [text for change in found[:SHOWN] for text in _change(change)]
    more = len(found) - SHOWN
    return [*lines, (f"… and {number(more)} more", "dim")] if more > 0 else lines


def _change(change: Change) -> list[tuple[str, str]]:
    lines = [(clean(pointer(change.path)), "key")]
    if change.sign != "+":
        lines.append((f"  - {_short(change.before)}", "bad"))
    if change.sign != "-":
        lines.append((f"  + {_short(change.after)}", "ok"))
    return lines


def _short(value: Any) -> str:
    return clean(json.dumps(value, ensure_ascii=False), 300)
