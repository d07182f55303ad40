"""SWF's rows: domains and types, and the row beside each execution. It decides nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlmodel import Session, col, select

from flowd.store.database import raw
from flowd.store.schema_swf import SwfDomain, SwfExecution, SwfType

#: What a step writes beside the row of its execution. What closes comes before what begins: a run that continues
#: another one has its workflowId.
STATEMENTS = {
    "update": "UPDATE swf_execution SET close_status=?, cancel_requested=?, closed_ms=?, child_policy=?"
    " WHERE execution_id=?",
    "insert": "INSERT INTO swf_execution (execution_id, domain_id, workflow_id, run_id, type_name, type_version,"
    " close_status, cancel_requested, started_ms, closed_ms, parent_id, parent_event, tags, child_policy)"
    " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
}


@dataclass
class Registered:
    """Everything that is registered."""

    domains: list[SwfDomain] = field(default_factory=list)
    types: list[SwfType] = field(default_factory=list)


def registered(session: Session) -> Registered:
    """Read once at start."""
    return Registered(list(session.exec(select(SwfDomain)).all()), list(session.exec(select(SwfType)).all()))


def put_domain(session: Session, row: SwfDomain, types: Iterable[SwfType] = ()) -> int:
    """Write: a domain, new or changed, and with it some of its types; its id."""
    put_types(session, types)
    merged = session.merge(row)
    session.flush()
    return merged.id or 0


def put_types(session: Session, rows: Iterable[SwfType]) -> None:
    """Write: types, new or changed."""
    raw(session).executemany(
        "INSERT INTO swf_type (domain_id, kind, name, version, status, description, defaults, created_ms,"
        " deprecated_ms) VALUES (?,?,?,?,?,?,?,?,?) ON CONFLICT (domain_id, kind, name, version) DO UPDATE SET"
        " status=excluded.status, description=excluded.description, defaults=excluded.defaults,"
        " created_ms=excluded.created_ms, deprecated_ms=excluded.deprecated_ms",
        [
            (
                *(row.domain_id, row.kind, row.name, row.version, row.status, row.description, row.defaults),
                *(row.created_ms, row.deprecated_ms),
            )
            for row in rows
        ],
    )


def delete_type(session: Session, domain_id: int, kind: str, name: str, version: str) -> None:
    """Write: the type is gone."""
    raw(session).execute(
        "DELETE FROM swf_type WHERE domain_id=? AND kind=? AND name=? AND version=?", (domain_id, kind, name, version)
    )


# -- executions -----------------------------------------------------------------


def open_run(session: Session, domain_id: int, workflow_id: str) -> SwfExecution | None:
    """The open execution of a workflowId; there is at most one."""
    return session.exec(
        select(SwfExecution).where(
            SwfExecution.domain_id == domain_id,
            SwfExecution.workflow_id == workflow_id,
            SwfExecution.close_status == "",
        )
    ).first()


def run(session: Session, domain_id: int, workflow_id: str, run_id: str) -> SwfExecution | None:
    """The execution of both ids."""
    return session.exec(
        select(SwfExecution).where(
            SwfExecution.domain_id == domain_id,
            SwfExecution.workflow_id == workflow_id,
            SwfExecution.run_id == run_id,
        )
    ).first()


def by_id(session: Session, execution_id: int) -> SwfExecution | None:
    return session.get(SwfExecution, execution_id)


def open_children(session: Session, parent_id: int) -> list[int]:
    """Executions that a parent started and that are open."""
    rows = session.exec(
        select(SwfExecution.execution_id).where(
            SwfExecution.parent_id == parent_id,
            col(SwfExecution.parent_id) != 0,
            SwfExecution.close_status == "",
        )
    )
    return list(rows.all())


def child_of(session: Session, parent_id: int, parent_event: int) -> SwfExecution | None:
    """The latest run that a parent's decision started, or that continues it."""
    return session.exec(
        select(SwfExecution)
        .where(
            SwfExecution.parent_id == parent_id,
            col(SwfExecution.parent_id) != 0,
            SwfExecution.parent_event == parent_event,
        )
        .order_by(col(SwfExecution.execution_id).desc())
    ).first()


def latest_runs(session: Session, domain_id: int, workflow_id: str, limit: int = 10) -> list[tuple[int, str]]:
    """The rows and run ids of a workflowId, the newest first."""
    rows = session.exec(
        select(SwfExecution.execution_id, SwfExecution.run_id)
        .where(SwfExecution.domain_id == domain_id, SwfExecution.workflow_id == workflow_id)
        .order_by(col(SwfExecution.execution_id).desc())
        .limit(limit)
    )
    return list(rows.all())


@dataclass(frozen=True)
class Closed:
    """A child that is over, while its parent still waits for it."""

    execution_id: int
    run_id: str
    close_status: str
    parent_id: int
    parent_event: int


def untold_closings(session: Session) -> list[Closed]:
    """Children that are over and whose parents have an open frame for them; one that was continued is not over."""
    rows = raw(session).execute(
        "SELECT c.execution_id, c.run_id, c.close_status, c.parent_id, c.parent_event FROM swf_execution c"
        " JOIN execution p ON p.id = c.parent_id AND p.status = 'RUNNING'"
        " JOIN frame f ON f.execution_id = c.parent_id AND f.frame = 'child/' || c.parent_event"
        " WHERE c.parent_id != 0 AND c.close_status NOT IN ('', 'CONTINUED_AS_NEW')"
    )
    return [Closed(*row) for row in rows]


def unapplied_policies(session: Session, parent_id: int = 0) -> list[tuple[int, str]]:
    """Executions that were terminated or timed out, with the policy for their children that are still open."""
    rows = raw(session).execute(
        "SELECT DISTINCT p.execution_id, p.child_policy FROM swf_execution c"
        " JOIN swf_execution p ON p.execution_id = c.parent_id"
        " WHERE c.parent_id != 0 AND c.close_status = '' AND p.close_status IN ('TERMINATED', 'TIMED_OUT')"
        " AND p.child_policy != 'ABANDON' AND (? = 0 OR p.execution_id = ?)",
        (parent_id, parent_id),
    )
    return rows.fetchall()
