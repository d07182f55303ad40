"""What an execution has done to its graph: a status for each state, counts for Maps, the edges it went along. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from console.graph.canvas import EdgeKey, Owner
from console.journal import Journal, Path
from console.looks import VISIT, Look, Span
from console.outline import Row, tally


@dataclass(frozen=True, slots=True)
class Story:
    """Empty for a definition that is only looked at."""

    rows: dict[Path, Row] = field(default_factory=dict)
    taken: frozenset[EdgeKey] = frozenset()
    live: bool = False  # of an execution: what was not reached is faint

    def look(self, path: Path) -> Look:
        """How a state is marked."""
        row = self.rows.get(path)
        return VISIT.get(row.status, VISIT[""]) if row is not None else VISIT[""]

    def visited(self) -> frozenset[Path]:
        return frozenset(path for path, row in self.rows.items() if row.visits)

    def counts(self, path: Path) -> list[Span]:
        """`128: 120✓ 7▶ 1✗` for a Map that has begun."""
        row = self.rows.get(path)
        visit = row.visits[-1] if row is not None and row.visits else None
        return tally(visit.tallied, visit.items) if visit is not None and visit.items else []

    def tone(self, owner: Owner, kinds: dict[EdgeKey, str]) -> str:
        """The tone of a cell of the drawing."""
        if owner.kind == "edge":
            return self._edge_tone(owner.edges, kinds)
        if owner.kind == "rule":
            return "dim"
        if owner.kind == "chips":
            return "late"
        look = self.look(owner.path)
        reached = owner.path in self.rows and bool(self.rows[owner.path].visits)
        if owner.kind == "label":
            return "bold" if reached else "dim" if self.live else ""
        return look.tone if reached else "faint"

    def _edge_tone(self, edges: Iterable[EdgeKey], kinds: dict[EdgeKey, str]) -> str:
        taken = [edge for edge in edges if edge in self.taken]
        if not taken:
            return "faint"
        return "late" if all(kinds.get(edge) == "catch" for edge in taken) else "ok"


def story(rows: Iterable[Row], journal: Journal) -> Story:
    """The story that a journal tells; `rows` are those of the outline."""
    last: dict[str, Path] = {}
    taken: set[EdgeKey] = set()
    for visit in journal.visits:
        before = last.get(visit.frame)
        if before is not None and before[:-1] == visit.path[:-1]:
            taken.add((before, visit.path))
        last[visit.frame] = visit.path
    return Story({row.path: row for row in rows if row.type}, frozenset(taken), True)
