"""Outcomes of Tasks at embedded services, and the outbox of deliveries. Whole rows, in whoever's transaction it is."""

from __future__ import annotations

import json
from collections.abc import Iterable

from sqlmodel import Session, and_, col, func, not_, or_, select, text

from flowd.services.ports import Call, Delivery
from flowd.store.schema_embedded import DeliveryRow, ServiceOutcome


def outcome(session: Session, key: str) -> bytes | None:
    """What was answered to this attempt of a Task, if it was."""
    row = session.get(ServiceOutcome, key)
    return None if row is None else row.body


def keep_outcome(session: Session, key: str, body: bytes) -> None:
    session.add(ServiceOutcome(key=key, body=body))


def forget_outcome(session: Session, key: str) -> None:
    """Write: the Task has ended with it."""
    session.execute(text("DELETE FROM service_outcome WHERE key = :key"), {"key": key})


def forget_orphans(session: Session) -> None:
    """Write: outcomes whose Task has ended, because the daemon did between the two."""
    session.execute(
        text(
            "DELETE FROM service_outcome WHERE key NOT IN "
            "(SELECT execution_id || ':' || frame || ':' || attempt FROM task)"
        )
    )


def send(session: Session, call: Call) -> None:
    """Write: what a call wants to have brought to targets."""
    for delivery in call.deliveries:
        session.add(_row(delivery, delivery.name or call.new_id(), call.now_ms))


def put(session: Session, delivery: Delivery, name: str, now_ms: int) -> None:
    """Write: one more, unless one of that name is under way."""
    if session.exec(select(DeliveryRow.id).where(DeliveryRow.uuid == name)).first() is None:
        session.add(_row(delivery, name, now_ms))


def _row(delivery: Delivery, name: str, now_ms: int) -> DeliveryRow:
    return DeliveryRow(
        uuid=name,
        target=delivery.target,
        body=delivery.body,
        source=delivery.source,
        options=json.dumps(dict(delivery.options)),
        dead_letter=delivery.dead_letter,
        tries=delivery.tries,
        age_s=delivery.age_s,
        created_ms=now_ms,
        due_ms=delivery.due_ms or now_ms,
    )


def due(
    session: Session, now_ms: int, limit: int, services: Iterable[str], inside: bool, beside: Iterable[int]
) -> list[DeliveryRow]:
    """The oldest deliveries whose time has come, to `services` or to all else, but those that are in hand."""
    target = col(DeliveryRow.target)
    ours = and_(
        or_(*(target.startswith(f"arn:aws:{service}:", autoescape=True) for service in services)),
        not_(target.contains(":api-destination/", autoescape=True)),  # of a service that is here, but far away
    )
    query = select(DeliveryRow).where(
        DeliveryRow.due_ms <= now_ms, ours if inside else not_(ours), col(DeliveryRow.id).not_in(list(beside))
    )
    return list(session.exec(query.order_by(col(DeliveryRow.id)).limit(limit)).all())


def earliest(session: Session, now_ms: int) -> int | None:
    """When the next delivery is due that is not due yet."""
    return session.exec(select(func.min(DeliveryRow.due_ms)).where(DeliveryRow.due_ms > now_ms)).one()


def end(session: Session, delivery_id: int) -> bool:
    """Write: it is taken or given up. False if it is gone already."""
    row = session.get(DeliveryRow, delivery_id)
    if row is None:
        return False
    session.delete(row)
    return True


def postpone(session: Session, delivery_id: int, due_ms: int, *, counts: bool = True) -> None:
    """Write: it failed and is tried again later; `counts`: this was one of its tries."""
    row = session.get(DeliveryRow, delivery_id)
    if row is not None:
        row.attempts += counts
        row.due_ms = due_ms
        session.add(row)


def delivery(row: DeliveryRow) -> Delivery:
    """The value of a row."""
    return Delivery(
        target=row.target,
        body=row.body,
        source=row.source,
        options=json.loads(row.options),
        dead_letter=row.dead_letter,
        due_ms=row.due_ms,
        tries=row.tries,
        age_s=row.age_s,
    )
