"""One execution as rows: its definition in order, what the history says about each state, and bars of time. Pure.

Containers are indented, and so are the ways of a Choice (see `structure`). What ran many times (the body of a Map) is
one row with counts, never one row for each item. Definitions in the wild are wrong in many ways: whatever cannot be
read is left out, nothing here raises.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from rich.cells import cell_len

from console.journal import Journal, Path, Visit
from console.looks import STATE_TYPE, VISIT, WAITING, Span
from console.structure import caught, steps
from console.text import clean, clip, count_of, local, number, pad, took, until

NO_NOTE = Span("")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the outline: a state, or a title."""

    path: Path
    label: str
    guides: str
    type: str = ""  # "" for the title of a branch, or of a way of a Choice
    visits: tuple[Visit, ...] = ()
    many: bool = False  # inside a Map: counts instead of one status
    note: Span = NO_NOTE
    leads: str = ""  # where it goes next, when that is not simply the row below

    @property
    def status(self) -> str:
        """The word for the whole row: the worst of what goes on comes first."""
        if not self.many:
            return self.visits[-1].status if self.visits else ""
        present = {visit.status for visit in self.visits}
        order = ("RUNNING", "FAILED", "TIMED_OUT", "ABORTED", "CAUGHT", "SUCCEEDED")
        return next((name for name in order if name in present), "")

    @property
    def attempts(self) -> int:
        return self.visits[-1].attempts if self.visits and not self.many else 0

    @property
    def error(self) -> str:
        return next((visit.error for visit in reversed(self.visits) if visit.error), "")


def outline(definition: Any, journal: Journal, waits: dict[str, Span] | None = None) -> list[Row]:
    """The rows of an execution. `waits` says for a frame what it waits for (see `waits_of`)."""
    seen: dict[Path, list[Visit]] = {}
    for visit in journal.visits:
        seen.setdefault(visit.path, []).append(visit)
    return list(_machine(definition, (), "", False, seen, waits or {}))


def _machine(
    machine: Any, path: Path, guides: str, many: bool, seen: dict[Path, list[Visit]], waits: dict[str, Span]
) -> Iterator[Row]:
    states = machine.get("States") if isinstance(machine, dict) else None
    if not isinstance(states, dict):
        return
    for place, step in enumerate(steps(states, machine.get("StartAt"))):
        deeper = guides + step.guides
        if step.title:
            yield Row((*path, f"?{place}"), step.title, deeper)
            continue
        state, here = states[step.name], (*path, step.name)
        visits = tuple(seen.get(here, ()))
        note = next((waits[v.frame] for v in reversed(visits) if v.end is None and v.frame in waits), NO_NOTE)
        leads = "  ".join(part for part in (step.leads, _caught(state)) if part)
        yield Row(here, clean(step.name), deeper, str(state.get("Type", "?")), visits, many, note, leads)
        yield from _inside(state, here, deeper, many, seen, waits)


def _inside(
    state: dict[str, Any], here: Path, guides: str, many: bool, seen: dict[Path, list[Visit]], waits: dict[str, Span]
) -> Iterator[Row]:
    branches = state.get("Branches")
    if isinstance(branches, list):
        for index, branch in enumerate(branches):
            last = index == len(branches) - 1
            inner = (*here, str(index))
            yield Row(inner, f"branch {index + 1}", guides + ("└ " if last else "├ "))
            yield from _machine(branch, inner, guides + ("  " if last else "│ "), many, seen, waits)
    body = state.get("ItemProcessor") or state.get("Iterator")
    if isinstance(body, dict):
        yield from _machine(body, (*here, "*"), guides + "┆ ", True, seen, waits)


def _caught(state: dict[str, Any]) -> str:
    """Where its errors lead: `↯ Refund`."""
    targets = dict.fromkeys(map(clean, caught(state)))
    return "↯ " + ", ".join(targets) if targets else ""


def waits_of(execution: dict[str, Any], now: float) -> dict[str, Span]:
    """What each frame of a running execution waits for, from its open tasks and timers."""
    waits: dict[str, Span] = {}
    for task in execution.get("openTasks") or []:
        if task.get("promptId"):
            waits[task["frame"]] = Span(f"{WAITING['prompt'].glyph} prompt {clean(task['promptId'])}", "wait")
        elif task.get("worker"):
            waits[task["frame"]] = Span(f"at {clean(task['worker'])}", "dim")
        elif task.get("status") == "SCHEDULED" and "activity" in task.get("resource", ""):
            waits[task["frame"]] = Span("no worker yet", "late")
    for timer in execution.get("timers") or []:
        if timer.get("purpose") in ("wait", "retry"):
            look = WAITING["retry" if timer["purpose"] == "retry" else "timer"]
            word = "again" if timer["purpose"] == "retry" else "over"
            waits[timer["frame"]] = Span(f"{look.glyph} {word} {until(timer['dueAt'], now)}", look.tone)
    return waits


def tally(counts: Counter[str], total: int = 0) -> list[Span]:
    """`128: 120✓ 7▶ 1✗`: how often each status occurs, of `total` (or of as many as there are)."""
    if not counts:
        return [Span(count_of(total, "item"), "dim")]
    spans = [Span(f"{number(max(total, sum(counts.values())))}:", "dim")]
    for name in ("SUCCEEDED", "RUNNING", "CAUGHT", "FAILED", "TIMED_OUT", "ABORTED"):
        if counts[name]:
            spans += [Span(" "), Span(f"{number(counts[name])}{VISIT[name].glyph}", VISIT[name].tone)]
    return spans


def stretch(journal: Journal, now: float) -> tuple[float, float]:
    """From the first event to the last, or to now while it runs; never empty."""
    start = journal.started if journal.started is not None else now
    end = journal.ended if journal.ended is not None else now
    return start, max(end, start + 0.001)


EIGHTHS = " ▏▎▍▌▋▊▉"


def bar(visits: Iterable[Visit], over: tuple[float, float], width: int, now: float | None = None) -> str:
    """The stays as a bar of exactly `width` cells; the shortest one still shows as a hair. An unfinished one goes on to
    `now` (without it to the end) and has `▶` there."""
    cells = [" "] * width
    start, end = over
    there = end if now is None else min(now, end)
    for visit in visits:
        left = (visit.start - start) / (end - start) * width
        right = ((there if visit.end is None else visit.end) - start) / (end - start) * width
        first, last = min(max(0, int(left)), width - 1), min(int(right), width)
        for x in range(first, last):
            cells[x] = "█"
        if last <= first:
            cells[first] = "▏" if cells[first] == " " else cells[first]
        elif last < width and cells[last] == " ":
            cells[last] = EIGHTHS[int((right - last) * 8)]
        if visit.end is None:
            cells[max(first, last - 1)] = "▶"
    return "".join(cells)


def parts(width: int) -> tuple[int, int, int]:
    """Cells for the tree, for what happened, and for the bar; eight more hold the length of time."""
    tree, told = min(46, max(28, width * 21 // 50)), min(30, max(15, width // 4))
    return tree, told, max(0, width - tree - told - 8)


def ruler(over: tuple[float, float], width: int, zone: tzinfo | None) -> list[Span]:
    """The line above the rows: titles, and when the bars begin and end."""
    tree, told, rest = parts(width)
    start, end = (local(at, zone).strftime("%H:%M:%S") for at in over)
    axis = f"{start}{' ' * (rest - 16)}{end}" if rest >= 18 else ""
    return [Span(pad("state", tree)), Span(pad("came to", told)), Span("   took "), Span(axis)]


def render(row: Row, over: tuple[float, float], width: int, now: float) -> list[Span]:
    """One row as text of `width` cells: the tree, then what happened, how long, and the bar."""
    tree, told, rest = parts(width)
    spans = [*_tree(row, tree - 1), Span(" ")]
    if not row.type:
        return [*spans, Span(" " * (width - tree))]
    spans += _fitted(_told(row), told)
    length = _length(row, now)
    spans.append(Span(f" {length:>6} ", "dim"))
    if rest > 0:
        tone = VISIT.get(row.status, VISIT[""]).tone
        spans.append(Span(bar(row.visits, over, rest, now) if row.visits else " " * rest, tone))
    return spans


def plain(row: Row, width: int) -> list[Span]:
    """A row of a definition that nothing is known to have run: the tree over the whole width."""
    mark = f"{STATE_TYPE.get(row.type, '?')} " if row.type else ""
    label = Span(row.label, "" if row.type else "dim")
    spans = [Span(row.guides, "faint"), Span(mark, "key"), label, Span(f"  {row.leads}" if row.leads else "", "dim")]
    return _fitted(spans, width)


def _tree(row: Row, width: int) -> list[Span]:
    spans = [Span(row.guides, "faint")]
    room = width - len(row.guides)
    if not row.type:
        return [*spans, Span(pad(row.label, room), "dim")]
    glyph = STATE_TYPE.get(row.type, "?")
    look = VISIT.get(row.status, VISIT[""])
    spans.append(Span(glyph + " ", look.tone if row.visits else "faint"))
    label = clip(row.label, max(1, room - 2))
    spans.append(Span(label, "bold" if row.visits else "dim"))
    left = room - 2 - cell_len(label)
    more = f"  {row.leads}" if row.leads and left > 8 else ""
    return [*spans, Span(pad(more, left - 1) + " " if left > 0 else "", "faint")]


def _told(row: Row) -> list[Span]:
    """Status, attempts, error, or the counts of a Map."""
    if not row.visits:
        return []
    if row.many:
        return tally(Counter(visit.status for visit in row.visits))
    look = VISIT.get(row.status, VISIT[""])
    spans = [Span(f"{look.glyph} ", look.tone)]
    if row.attempts > 1:
        spans.append(Span(f"×{row.attempts} ", "late"))
    if len(row.visits) > 1:
        spans.append(Span(f"↺{len(row.visits)} ", "dim"))
    if row.note.text and row.status == "RUNNING":
        spans.append(row.note)
    elif row.visits[-1].items:
        spans += tally(row.visits[-1].tallied, row.visits[-1].items)
    elif row.status == "SUCCEEDED":
        spans.append(Span("ok", "dim"))
    else:
        spans.append(Span(clean(row.error) or look.word.lower(), look.tone))
    return spans


def _length(row: Row, now: float) -> str:
    if not row.visits:
        return ""
    if row.many:
        start = min(visit.start for visit in row.visits)
        return took(max(now if visit.end is None else visit.end for visit in row.visits) - start)
    return took(sum((now if visit.end is None else visit.end) - visit.start for visit in row.visits))


def _fitted(spans: list[Span], width: int) -> list[Span]:
    fitted: list[Span] = []
    for span in spans:
        room = width - sum(cell_len(done.text) for done in fitted)
        if room <= 0:
            break
        fitted.append(Span(pad(span.text, min(room, cell_len(span.text))), span.tone))
    used = sum(cell_len(span.text) for span in fitted)
    return [*fitted, Span(" " * (width - used))]
