"""The whole daemon at a glance: what failed where, how much begins and ends, what was deployed. Reads only."""

from __future__ import annotations

from dataclasses import dataclass

from sqlmodel import Session, col, select

from flowd.store import schema
from flowd.store.database import raw

MINUTE_MS = 60_000
SAMPLED = 5000  # lengths of executions looked at for a percentile
SAMPLED_BY_MACHINE = 20_000


@dataclass(frozen=True)
class DeadLetters:
    """Executions that ended badly for the same reason at the same place."""

    machine: str
    state: str
    error: str
    count: int
    first_ms: int
    last_ms: int
    latest: str  # ARN


@dataclass(frozen=True)
class Deploy:
    """One published version of a machine."""

    machine: schema.StateMachine
    version: schema.StateMachineVersion


def dead_letters(session: Session, since_ms: int, limit: int) -> list[DeadLetters]:
    """FAILED and TIMED_OUT executions by machine, state and error, the largest group first."""
    rows = (
        raw(session)
        .execute(
            "SELECT machine_name, state, coalesce(error, ''), count(*), min(stopped_ms), max(stopped_ms), max(id)"
            " FROM execution WHERE status IN ('FAILED', 'TIMED_OUT') AND map_run_id = 0 AND stopped_ms >= ?"
            " GROUP BY 1, 2, 3 ORDER BY 4 DESC, 6 DESC LIMIT ?",
            (since_ms, limit),
        )
        .fetchall()
    )
    query = select(schema.Execution.id, schema.Execution.arn).where(
        col(schema.Execution.id).in_([row[6] for row in rows])
    )
    arns = dict(session.exec(query).all())
    return [
        DeadLetters(machine, state, error, count, first_ms, last_ms, arns.get(last_id, ""))
        for machine, state, error, count, first_ms, last_ms, last_id in rows
    ]


def started_by_minute(session: Session, since_ms: int) -> dict[int, int]:
    """Minute (since the epoch) -> how many began."""
    first = _first_since(session, since_ms)
    rows = raw(session).execute(
        "SELECT started_ms / 60000, count(*) FROM execution WHERE id >= ? AND map_run_id = 0 AND started_ms >= ?"
        " GROUP BY 1",
        (first, since_ms),
    )
    return dict(rows.fetchall())


def _first_since(session: Session, since_ms: int) -> int:
    """An id below which everything began before: ids grow with time, so that is found by halving."""
    connection = raw(session)
    low, high = 0, connection.execute("SELECT coalesce(max(id), 0) FROM execution").fetchone()[0]
    while low < high:
        middle = (low + high) // 2
        found = connection.execute(
            "SELECT id, started_ms FROM execution WHERE id > ? ORDER BY id LIMIT 1", (middle,)
        ).fetchone()
        if found is None or found[1] >= since_ms - MINUTE_MS:
            high = middle
        else:
            low = found[0]
    return low


def ended_by_minute(session: Session, since_ms: int) -> dict[tuple[int, str], int]:
    """(Minute, status) -> how many ended."""
    rows = raw(session).execute(
        "SELECT minute, status, count(*) FROM ("
        " SELECT stopped_ms / 60000 AS minute, status FROM execution WHERE archived = 1 AND stopped_ms >= ?1"
        " AND map_run_id = 0 UNION ALL SELECT stopped_ms / 60000, status FROM execution"
        " WHERE status != 'RUNNING' AND archived = 0 AND stopped_ms >= ?1 AND map_run_id = 0) GROUP BY 1, 2",
        (since_ms,),
    )
    return {(minute, status): number for minute, status, number in rows}


def lengths_ms(session: Session, since_ms: int) -> list[int]:
    """How long the latest executions took, at most SAMPLED of them, in no order."""
    rows = raw(session).execute(
        "SELECT stopped_ms - started_ms FROM execution WHERE archived = 1 AND stopped_ms >= ? AND map_run_id = 0"
        " ORDER BY stopped_ms DESC LIMIT ?",
        (since_ms, SAMPLED),
    )
    return [row[0] for row in rows]


#: What machines have ended since a moment; the archived part is read from an index that has all of it.
_ENDED = (
    "SELECT machine_id, status, started_ms, stopped_ms FROM execution INDEXED BY execution_ended"
    " WHERE archived = 1 AND stopped_ms >= ?1 AND machine_id > 0"
)
_ENDED_HOT = (
    "SELECT machine_id, status, started_ms, stopped_ms FROM execution INDEXED BY execution_hot"
    " WHERE status != 'RUNNING' AND archived = 0 AND stopped_ms >= ?1 AND machine_id > 0"
)


def day_by_machine(session: Session, since_ms: int) -> dict[int, dict[tuple[int, bool], int]]:
    """Machine id -> (hour since the epoch, succeeded) -> how many of its executions ended."""
    found: dict[int, dict[tuple[int, bool], int]] = {}
    rows = raw(session).execute(
        f"SELECT machine_id, stopped_ms / 3600000, status = 'SUCCEEDED', count(*)"
        f" FROM ({_ENDED} UNION ALL {_ENDED_HOT}) GROUP BY 1, 2, 3",
        (since_ms,),
    )
    for machine, hour, succeeded, number in rows:
        found.setdefault(machine, {})[hour, bool(succeeded)] = number
    return found


def slow_by_machine(session: Session, since_ms: int) -> dict[int, int]:
    """Machine id -> the milliseconds that 95 of 100 of its latest executions did not exceed (nearest rank)."""
    latest = f"SELECT * FROM ({_ENDED} ORDER BY stopped_ms DESC LIMIT ?2) UNION ALL {_ENDED_HOT}"
    rows = raw(session).execute(
        "SELECT machine_id, took FROM (SELECT machine_id, took, row_number() OVER (PARTITION BY machine_id ORDER BY"
        " took) AS place, count(*) OVER (PARTITION BY machine_id) AS number FROM"
        f" (SELECT machine_id, stopped_ms - started_ms AS took FROM ({latest})))"
        " WHERE place = (number * 95 + 99) / 100",
        (since_ms, SAMPLED_BY_MACHINE),
    )
    return dict(rows.fetchall())


def deploys(session: Session, before: int | None, limit: int) -> list[Deploy]:
    """Published versions, newest first."""
    version = schema.StateMachineVersion
    query = select(version, schema.StateMachine).join(
        schema.StateMachine, col(schema.StateMachine.id) == col(version.machine_id)
    )
    if before is not None:
        query = query.where(col(version.id) < before)
    rows = session.exec(query.order_by(col(version.id).desc()).limit(limit)).all()
    return [Deploy(machine, row) for row, machine in rows]


def publishers(session: Session, arns: list[str]) -> dict[str, str]:
    """Who published a version through the API, by its ARN."""
    query = select(schema.Audit.target, schema.Audit.who).where(
        schema.Audit.verb == "PublishStateMachineVersion", col(schema.Audit.target).in_(arns)
    )
    return dict(session.exec(query).all())
