"""Redrive's idempotency on disk: a client's token answers the same twice."""

from __future__ import annotations

from sqlmodel import Session

from flowd.store.database import raw


def redriven_by(session: Session, execution_id: int, token: str, since_ms: int) -> int | None:
    """When a redrive with this client token happened, if it was after `since_ms`."""
    found = (
        raw(session)
        .execute(
            "SELECT redriven_ms FROM client_token WHERE execution_id=? AND token=? AND redriven_ms>=?",
            (execution_id, token, since_ms),
        )
        .fetchone()
    )
    return int(found[0]) if found else None
