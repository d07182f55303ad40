"""The embedded services of a daemon: one row each, the service's rules beside its tables in the store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from flowd.services import dynamodb, events, sns, sqs
from flowd.services.dynamodb import streamreads
from flowd.services.ports import Service
from flowd.store.dynamodb import DynamodbTables
from flowd.store.events import EventsTables
from flowd.store.sns import SnsTables
from flowd.store.sqs import SqsTables

SERVICES: Final[tuple[tuple[Service[Any], Callable[[Any], Any]], ...]] = (
    (dynamodb.SERVICE, DynamodbTables),
    (streamreads.SERVICE, DynamodbTables),
    (events.SERVICE, EventsTables),
    (sns.SERVICE, SnsTables),
    (sqs.SERVICE, SqsTables),
)
