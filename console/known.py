"""What the console knows of one execution: its latest answer, its events, and where it stood at any of them. Pure.

Looking back (`past`) is replaying the events up to one of them; nothing is asked of the daemon for it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from console.client import Item
from console.graph.story import Story, story
from console.journal import Journal, Path, Visit, details_of, state_of
from console.jsonlines import parse
from console.looks import Span
from console.outline import Row, outline, stretch, waits_of
from console.swfoutline import events_of as swf_events
from console.swfoutline import reference, swf_rows, swf_state


@dataclass
class Known:
    """One execution. `past` is the number of events that count while looking back, None for the present."""

    item: Item | None = None
    definition: Any = None
    events: list[Item] = field(default_factory=list)
    journal: Journal = field(default_factory=Journal)
    past: int | None = None
    _then: Journal = field(default_factory=Journal)
    _then_count: int = 0
    _names: dict[str, str] = field(default_factory=dict)
    _begun: dict[int, str] = field(default_factory=dict)
    _by_frame: dict[str, list[Item]] = field(default_factory=dict)

    def learn(self, item: Item, fresh: list[Item]) -> None:
        """Take in a newer answer and the events that are new."""
        if self.item is None or item.get("definition") != self.item.get("definition"):
            text = item.get("definition")
            self.definition = parse(text)[0] if isinstance(text, str) else text
        self.item = item
        self.journal.add(fresh)
        self.journal.count_items({run["mapRunArn"]: run["counts"] for run in item.get("mapRuns") or ()})
        for event in fresh:
            named = swf_state(event, self._begun) if self.swf else state_of(event, self._names)
            event = {**event, "state": named}
            self.events.append(event)
            self._by_frame.setdefault(event.get("frame", "0"), []).append(event)

    # -- looking back

    def look_back(self, count: int | None) -> None:
        """Show how it stood after so many events; None is the present again."""
        if count is not None:
            count = max(1, min(len(self.events), count))
            if count < self._then_count:
                self._then, self._then_count = Journal(), 0
            self._then.add(self.events[self._then_count : count])
            self._then_count = count
        self.past = count

    @property
    def shown(self) -> Journal:
        return self.journal if self.past is None else self._then

    def moment(self, now: float) -> float:
        """The time that is shown: now, or that of the last event that counts."""
        return now if self.past is None or not self.events else float(self.events[self.past - 1]["timestamp"])

    # -- views

    @property
    def swf(self) -> bool:
        return self.item is not None and self.item.get("type") == "SWF"

    def rows(self, now: float) -> list[Row]:
        if self.swf:
            return swf_rows(self.visible_events())
        waits: dict[str, Span] = waits_of(self.item, now) if self.item is not None and self.past is None else {}
        return outline(self.definition, self.shown, waits)

    def over(self, now: float) -> tuple[float, float]:
        """The stretch of time of the bars; looking back does not change the scale."""
        if self.swf and self.events and self.item is not None:
            start = float(self.events[0]["timestamp"])
            return start, max(float(self.item.get("stopDate") or now), start + 0.001)
        return stretch(self.journal, now)

    def story(self, rows: list[Row]) -> Story:
        return story(rows, self.shown)

    def visible_events(self) -> list[Item]:
        return self.events if self.past is None else self.events[: self.past]

    # -- one state

    def visits(self, path: Path) -> list[Visit]:
        if self.swf:
            return [visit for row in swf_rows(self.visible_events()) if row.path == path for visit in row.visits]
        return [visit for visit in self.shown.visits if visit.path == path]

    def events_of(self, visit: Visit) -> list[Item]:
        """The events of one stay: from its entry to the exit, in its own line of control."""
        if self.swf:
            return swf_events(self.events, visit)
        found: list[Item] = []
        for event in self._by_frame.get(visit.frame, ()):
            if event["id"] < visit.entered or event["type"].startswith("Execution"):
                continue
            if event["id"] > visit.entered and event["type"].endswith("StateEntered"):
                break
            found.append(event)
            if event["type"].endswith("StateExited"):
                break
        return found

    def path_of(self, event: Item) -> Path:
        """The state an event belongs to, as a path; () for events of the execution itself."""
        frame, number = event.get("frame", "0"), event["id"]
        if self.swf:
            begun = {number, reference(details_of(event))}
            rows = swf_rows(self.events)
            return next((row.path for row in rows if any(visit.entered in begun for visit in row.visits)), ())
        best: Visit | None = None
        for visit in self.journal.visits:
            if visit.frame == frame and visit.entered <= number:
                best = visit
        return best.path if best is not None else ()


def definition_path(definition: Any, path: Path) -> tuple[str | int, ...]:
    """The path of a state in the JSON text of its definition."""
    steps: list[str | int] = []
    here = definition
    for place, part in enumerate(path):
        state = here if isinstance(here, dict) else {}
        if part == "*" and place % 2:
            steps.append("ItemProcessor" if "ItemProcessor" in state else "Iterator")
        elif part.isdigit() and place % 2:
            steps += ["Branches", int(part)]
        else:
            steps += ["States", part]
        for step in steps[-2:] if steps[-1] not in ("ItemProcessor", "Iterator") else steps[-1:]:
            here = _member(here, step)
    return tuple(steps)


def _member(value: Any, step: str | int) -> Any:
    try:
        return value[step]
    except (KeyError, IndexError, TypeError):
        return None
