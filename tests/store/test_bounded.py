"""Lists in pieces: put together, they are what walking all rows finds; each ends when its moment is over."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import Session

from flowd.store import bounded, matching, schema
from flowd.store.database import _engine, raw
from flowd.store.matching import Filter
from flowd.store.migrations import migrate

AMOUNT = 900


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """Nine hundred executions of two machines, every tenth a child of a Map Run."""
    engine = _engine(Path(tmp_path_factory.mktemp("bounded")) / "flowd.db", writable=True)
    chance = random.Random(3)
    with Session(engine) as session:
        migrate(session, "one")
        for i in range(1, AMOUNT + 1):
            machine = chance.choice((1, 2))
            status = chance.choice(("RUNNING", "FAILED", "SUCCEEDED"))
            session.add(
                schema.Execution(
                    id=i, arn=f"arn:{i}", name=f"{'ab'[i % 2]}-{i % 40}", machine_id=machine, machine_arn="",
                    machine_name=("orders", "reports")[machine - 1], definition_id=1, status=status, state="Charge",
                    map_run_id=9 if i % 10 == 0 else 0, error="Card" if i % 150 == 0 or i == 7 else None,
                )
            )  # fmt: skip
        session.add_all(schema.Counter(machine_id=m, status="FAILED", count=1) for m in (1, 2))
        session.commit()
        yield session
    engine.dispose()


FILTERS = [
    Filter(),
    Filter(errors=("Card",)),
    Filter(names=("a-3*",)),
    Filter(names=("a-4", "b-7*")),
    Filter(names=("a-3*8", "a-3*2")),
    Filter(names=("*7",)),
    Filter(names=("zz*",)),
    Filter(names=("a[-*",)),
    Filter(machines=("order*",), states=("Charge",), statuses=("FAILED", "RUNNING")),
    Filter(machines=("none*",)),
    Filter(types=("SWF",)),
]


@pytest.mark.parametrize("wanted", FILTERS, ids=lambda wanted: json.dumps({k: v for k, v in vars(wanted).items() if v}))
@pytest.mark.parametrize("patience_s", [0.0, 60.0])
def test_the_pieces_hold_what_walking_finds(
    session: Session, monkeypatch: pytest.MonkeyPatch, wanted: Filter, patience_s: float
) -> None:
    monkeypatch.setattr(matching, "PIECE", 64)
    every = matching.matching_ids(session, wanted, None, AMOUNT)
    assert [row.id for row in matching.executions(session, wanted, None, AMOUNT)] == every
    found: list[int | None] = []
    below: int | None = None
    while True:
        piece = bounded.look(session, wanted, below, 50, patience_s)
        assert len(piece.rows) <= 50
        found += [row.id for row in piece.rows]
        if piece.below is None and len(piece.rows) < 50:
            break
        below = piece.below if piece.below is not None else piece.rows[-1].id
    assert found == every


def test_a_look_ends_when_time_is_up_and_says_how_far_it_came(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matching, "PIECE", 90)
    found = bounded.look(session, Filter(types=("SWF",)), None, 50, 0.0)
    assert (found.rows, found.below, round(found.searched, 3)) == ([], AMOUNT - 90 + 1, 0.1)
    assert bounded.look(session, Filter(types=("SWF",)), found.below, 50, 60.0) == bounded.Found([])


def test_names_and_their_beginnings_are_looked_up_in_an_index(session: Session) -> None:
    plan = raw(session).execute(
        "EXPLAIN QUERY PLAN SELECT id FROM execution INDEXED BY execution_name"
        " WHERE map_run_id = 0 AND name >= 'a' AND name < 'b' AND name GLOB 'a*' LIMIT 9"
    )
    assert any("execution_name (name>? AND name<?)" in row[3] for row in plan)
    narrow = matching.narrowed(session, Filter(names=("a-4",), statuses=("FAILED",)))
    assert narrow.ids is not None and narrow.names == () and narrow.statuses == ("FAILED",)
    for wide in (Filter(names=("*4",)), Filter(names=("a*", "*4")), Filter(names=("a*",), map_run=9)):
        assert matching.narrowed(session, wide) == wide


def test_names_that_very_many_have_are_walked(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "FEW_NAMES", 10)
    wanted = Filter(names=("a*",))
    assert matching.narrowed(session, wanted) == wanted
    assert matching.count(session, wanted).total == len(matching.matching_ids(session, wanted, None, AMOUNT))


def test_counting_by_name_is_exact(session: Session) -> None:
    wanted = Filter(names=("b-7*",))
    found = matching.count(session, wanted, most=5)
    assert not found.more and found.total == len(matching.matching_ids(session, wanted, None, AMOUNT))
