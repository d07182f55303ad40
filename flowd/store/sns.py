"""The tables of SNS over one session: what `flowd.services.sns` asks of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeVar

from sqlmodel import Session, col, delete, func, select

from flowd.services.sns.tables import Counts, Subscription, Topic
from flowd.store.schema_messaging import SnsDeduplication, SnsSubscription, SnsTopic

R = TypeVar("R")
_FORGET_MS: Final = 300_000


class SnsTables:
    """One transaction's view of the topics."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def topic(self, name: str) -> Topic | None:
        return self._session.exec(select(SnsTopic).where(SnsTopic.name == name)).first()

    def topics(self, after: str, limit: int) -> Sequence[Topic]:
        query = select(SnsTopic).where(SnsTopic.name > after).order_by(SnsTopic.name).limit(limit)
        return self._session.exec(query).all()

    def add_topic(self, **columns: Any) -> Topic:
        return self._added(SnsTopic(**columns))

    def drop_topic(self, topic: Topic) -> None:
        self._session.execute(delete(SnsSubscription).where(col(SnsSubscription.topic_arn) == topic.arn))
        self._session.execute(delete(SnsDeduplication).where(col(SnsDeduplication.topic_id) == topic.id))
        self._session.delete(topic)
        self._session.flush()

    def subscription(self, arn: str) -> Subscription | None:
        return self._session.exec(select(SnsSubscription).where(SnsSubscription.arn == arn)).first()

    def subscription_to(self, topic_arn: str, protocol: str, endpoint: str) -> Subscription | None:
        query = select(SnsSubscription).where(
            SnsSubscription.topic_arn == topic_arn,
            SnsSubscription.protocol == protocol,
            SnsSubscription.endpoint == endpoint,
        )
        return self._session.exec(query).first()

    def by_token(self, topic_arn: str, token: str) -> Subscription | None:
        query = select(SnsSubscription).where(SnsSubscription.token == token, SnsSubscription.topic_arn == topic_arn)
        return self._session.exec(query).first()

    def subscriptions(self, topic_arn: str | None, after: int, limit: int) -> Sequence[Subscription]:
        query = select(SnsSubscription).where(col(SnsSubscription.id) > after)
        if topic_arn is not None:
            query = query.where(SnsSubscription.topic_arn == topic_arn)
        return self._session.exec(query.order_by(col(SnsSubscription.id)).limit(limit)).all()

    def add_subscription(self, **columns: Any) -> Subscription:
        return self._added(SnsSubscription(**columns))

    def drop_subscription(self, subscription: Subscription) -> None:
        self._session.delete(subscription)
        self._session.flush()

    def counts(self, topic: Topic) -> Counts:
        query = select(SnsSubscription.confirmed, func.count()).where(SnsSubscription.topic_arn == topic.arn)
        found = dict(self._session.exec(query.group_by(col(SnsSubscription.confirmed))).all())
        return Counts(found.get(True, 0), found.get(False, 0))

    def duplicate(self, topic: Topic, key: str, since_ms: int) -> tuple[str, str] | None:
        row = self._known(topic, key)
        return None if row is None or row.sent_ms <= since_ms else (row.message_id, row.sequence)

    def remember(self, topic: Topic, key: str, message_id: str, sequence: str, now_ms: int) -> None:
        old = (col(SnsDeduplication.topic_id) == topic.id, col(SnsDeduplication.sent_ms) <= now_ms - _FORGET_MS)
        self._session.execute(delete(SnsDeduplication).where(*old))
        self._added(
            SnsDeduplication(topic_id=topic.id or 0, key=key, message_id=message_id, sequence=sequence, sent_ms=now_ms)
        )

    def _known(self, topic: Topic, key: str) -> SnsDeduplication | None:
        query = select(SnsDeduplication).where(SnsDeduplication.topic_id == topic.id, SnsDeduplication.key == key)
        return self._session.exec(query).first()

    def _added(self, row: R) -> R:
        self._session.add(row)
        self._session.flush()
        return row
