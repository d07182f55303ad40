"""Which operations of which services flowd has, for who asks without a daemon."""

from __future__ import annotations

from typing import Any, Final

from flowd.services import dynamodb, events, objects, sns, sqs
from flowd.services.dynamodb import streamreads
from flowd.services.ports import Service

_SERVICES: Final[tuple[Service[Any], ...]] = (
    dynamodb.SERVICE,
    streamreads.SERVICE,
    events.SERVICE,
    objects.SERVICE,
    sns.SERVICE,
    sqs.SERVICE,
)
OFFERED: Final = {service.name: frozenset(service.operations) for service in _SERVICES}
