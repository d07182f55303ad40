"""Lists and counts behind a filter: whichever way they are found, they are what walking all rows finds."""

from __future__ import annotations

import json
import random
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlmodel import Session, select

from flowd.store import matching, schema
from flowd.store.database import _engine, raw
from flowd.store.matching import STATUSES, Filter
from flowd.store.migrations import migrate

AMOUNT = 600
MACHINES = {1: "orders", 2: "order-old", 3: "reports", -1: "a type"}


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """Six hundred executions of three machines and an SWF domain; machine 2 is deleted, some rows are Map children."""
    engine = _engine(tmp_path_factory.mktemp("matching") / "flowd.db", writable=True)
    chance = random.Random(7)
    counts: Counter[tuple[int, str]] = Counter()
    with Session(engine) as session:
        migrate(session, str(uuid.uuid4()))
        for i in range(1, AMOUNT + 1):
            machine = chance.choices(list(MACHINES), (60, 5, 30, 5))[0]
            child = machine > 0 and chance.random() < 0.1
            name = MACHINES[machine] if machine > 0 else f"type-{i % 3}"
            status = chance.choices(STATUSES, (5, 80, 13, 1, 1))[0]
            session.add(
                schema.Execution(
                    id=i, arn=f"arn:{i}", name=f"n-{i}", machine_arn="", definition_id=1, status=status,
                    machine_id=0 if child else machine, machine_name=name, type="SWF" if machine < 0 else "STANDARD",
                    map_run_id=9 if child else 0, started_ms=i, error="Card" if i % 5 == 0 else None,
                )
            )  # fmt: skip
            if not child:
                counts[machine, status] += 1
        session.add_all(schema.Counter(machine_id=m, status=s, count=n) for (m, s), n in counts.items())
        session.commit()
        yield session
    engine.dispose()


FILTERS = [
    Filter(),
    Filter(statuses=("FAILED",)),
    Filter(statuses=("FAILED", "RUNNING")),
    Filter(machines=("order*",)),
    Filter(machines=("reports", "order-old"), statuses=("FAILED", "ABORTED")),
    Filter(machines=("type-1",)),
    Filter(machines=("*",)),
    Filter(machines=("nothing",)),
    Filter(types=("STANDARD",)),
    Filter(types=("SWF",), machines=("type-1",)),
    Filter(types=("EXPRESS",)),
    Filter(errors=("Ca*",), machines=("orders",)),
    Filter(since_ms=100, until_ms=450),
]


def walked(session: Session, wanted: Filter) -> list[int]:
    """The ids by one plain query, as nobody would want it on a million rows."""
    query = matching._below(select(schema.Execution.id), wanted, None)
    return [found for found in session.exec(query).all() if found is not None]


@pytest.mark.parametrize("wanted", FILTERS, ids=lambda wanted: json.dumps({k: v for k, v in vars(wanted).items() if v}))
@pytest.mark.parametrize("near_end", [1, 50])
def test_every_page_is_the_one_that_walking_finds(
    session: Session, monkeypatch: pytest.MonkeyPatch, wanted: Filter, near_end: int
) -> None:
    monkeypatch.setattr(matching, "NEAR_END", near_end)
    every = walked(session, wanted)
    assert len(set(every)) == len(every)
    for before in (None, AMOUNT // 2, 20):
        below = [i for i in every if before is None or i < before]
        for skip in (0, 1, 49, 60, max(0, len(below) - 30), len(below) + 5):
            found = matching.executions(session, wanted, before, 40, skip)
            assert [row.id for row in found] == below[skip : skip + 40], (before, skip)


@pytest.mark.parametrize("wanted", FILTERS, ids=lambda wanted: json.dumps({k: v for k, v in vars(wanted).items() if v}))
def test_every_count_is_the_one_that_walking_finds(session: Session, wanted: Filter) -> None:
    by_hand = {
        status: n
        for status in wanted.statuses or STATUSES
        if (n := len(walked(session, replace(wanted, statuses=(status,)))))
    }
    assert matching.count(session, wanted) == (by_hand, False)
    assert matching.count(session, wanted, most=10_000) == (by_hand, False)


def test_an_estimate_ends_once_there_are_enough_or_time_is_up(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = Filter(since_ms=1)
    exact = matching.count(session, wanted)
    monkeypatch.setattr(matching, "PIECE", 100)
    found = matching.count(session, wanted, most=150)
    assert found.more and 150 <= found.total < 250
    monkeypatch.setattr(matching, "PATIENCE_S", -1.0)
    found = matching.count(session, wanted, most=10_000)
    assert found.more and 0 < found.total <= 100
    monkeypatch.setattr(matching, "PATIENCE_S", 60.0)
    assert matching.count(session, wanted, most=10_000) == exact


def test_a_pattern_of_machines_and_the_last_rows_are_found_by_an_index(session: Session) -> None:
    seen: list[str] = []
    connection = raw(session)
    connection.set_trace_callback(seen.append)
    matching.executions(session, Filter(machines=("order-old",)), None, 50)
    connection.set_trace_callback(None)
    lists = [text for text in seen if "FROM execution" in text and "WHERE" in text and "counter" not in text]
    assert len(lists) == 2 * len(STATUSES)  # one machine, and one domain, whose types have names of their own
    for text in lists:
        plan = " ".join(str(row[3]) for row in connection.execute(f"EXPLAIN QUERY PLAN {text}"))
        assert "execution_machine (machine_id=? AND status=?" in plan, plan
