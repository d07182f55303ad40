"""The tables of EventBridge over one session: what `flowd.services.events` asks of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from sqlmodel import Session, col, delete, func, select

from flowd.services.events.tables import Archived, Bus, Resource, Rule, Target
from flowd.store.schema_events import EventArchived, EventBus, EventResource, EventRule, EventTarget

R = TypeVar("R")


class EventsTables:
    """One transaction's view of buses, rules and targets."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def bus(self, name: str) -> Bus | None:
        return self._session.get(EventBus, name)

    def buses(self, prefix: str, after: str, limit: int) -> Sequence[Bus]:
        query = select(EventBus).where(EventBus.name > after, col(EventBus.name).startswith(prefix, autoescape=True))
        return self._session.exec(query.order_by(EventBus.name).limit(limit)).all()

    def add_bus(self, **columns: Any) -> Bus:
        return self._added(EventBus(**columns))

    def drop_bus(self, bus: Bus) -> None:
        self._session.delete(bus)

    def rule(self, bus: str, name: str) -> Rule | None:
        return self._session.exec(select(EventRule).where(EventRule.bus == bus, EventRule.name == name)).first()

    def rules(self, bus: str, prefix: str, after: str, limit: int) -> Sequence[Rule]:
        named = (EventRule.name > after, col(EventRule.name).startswith(prefix, autoescape=True))
        query = select(EventRule).where(EventRule.bus == bus, *named)
        return self._session.exec(query.order_by(EventRule.name).limit(limit)).all()

    def enabled_rules(self, bus: str) -> Sequence[Rule]:
        wanted = (EventRule.bus == bus, col(EventRule.enabled).is_(True), EventRule.pattern != "")
        return self._session.exec(select(EventRule).where(*wanted).order_by(EventRule.name)).all()

    def due_rules(self, now_ms: int) -> Sequence[Rule]:
        query = select(EventRule).where(col(EventRule.due_ms) <= now_ms)
        return self._session.exec(query.order_by(col(EventRule.due_ms))).all()

    def far_rules(self, of_ms: int) -> Sequence[Rule]:
        return self._session.exec(select(EventRule).where(col(EventRule.due_ms) > of_ms)).all()

    def next_rule_ms(self) -> int | None:
        self._session.flush()
        return self._session.exec(select(func.min(EventRule.due_ms))).one()

    def rules_to(self, bus: str, target: str) -> Sequence[Rule]:
        ids = select(EventTarget.rule_id).where(EventTarget.arn == target)
        query = select(EventRule).where(EventRule.bus == bus, col(EventRule.id).in_(ids))
        return self._session.exec(query.order_by(EventRule.name)).all()

    def add_rule(self, **columns: Any) -> Rule:
        return self._added(EventRule(**columns))

    def drop_rule(self, rule: Rule) -> None:
        self._session.execute(delete(EventTarget).where(col(EventTarget.rule_id) == rule.id))
        self._session.delete(rule)

    def targets(self, rule: Rule) -> Sequence[Target]:
        query = select(EventTarget).where(EventTarget.rule_id == rule.id)
        return self._session.exec(query.order_by(EventTarget.name)).all()

    def put_target(self, rule: Rule, name: str, arn: str, body: str) -> None:
        self.drop_target(rule, name)
        self._added(EventTarget(rule_id=rule.id or 0, name=name, arn=arn, body=body))

    def drop_target(self, rule: Rule, name: str) -> bool:
        query = select(EventTarget).where(EventTarget.rule_id == rule.id, EventTarget.name == name)
        row = self._session.exec(query).first()
        if row is None:
            return False
        self._session.delete(row)
        self._session.flush()
        return True

    def resource(self, kind: str, name: str) -> Resource | None:
        return self._session.get(EventResource, (kind, name))

    def resources(self, kind: str, prefix: str, after: str, limit: int) -> Sequence[Resource]:
        named = (EventResource.name > after, col(EventResource.name).startswith(prefix, autoescape=True))
        query = select(EventResource).where(EventResource.kind == kind, *named)
        return self._session.exec(query.order_by(EventResource.name).limit(limit)).all()

    def add_resource(self, **columns: Any) -> Resource:
        return self._added(EventResource(**columns))

    def drop_resource(self, resource: Resource) -> None:
        self._session.delete(resource)

    def add_archived(self, archive: str, at_ms: int, body: str) -> None:
        self._session.add(EventArchived(archive=archive, at_ms=at_ms, body=body, size=len(body.encode())))

    def archived(self, archive: str, after: int, begin_ms: int, end_ms: int, limit: int) -> Sequence[Archived]:
        query = select(EventArchived).where(
            EventArchived.archive == archive,
            col(EventArchived.id) > after,
            EventArchived.at_ms >= begin_ms,
            EventArchived.at_ms < end_ms,
        )
        return self._session.exec(query.order_by(col(EventArchived.id)).limit(limit)).all()

    def archived_size(self, archive: str) -> tuple[int, int]:
        sums = (func.count(), func.coalesce(func.sum(EventArchived.size), 0))
        count, size = self._session.exec(select(*sums).where(EventArchived.archive == archive)).one()
        return int(count), int(size)

    def drop_archived(self, archive: str, before_ms: int | None = None) -> None:
        gone = delete(EventArchived).where(col(EventArchived.archive) == archive)
        self._session.execute(gone if before_ms is None else gone.where(col(EventArchived.at_ms) < before_ms))

    def _added(self, row: R) -> R:
        self._session.add(row)
        self._session.flush()
        return row
