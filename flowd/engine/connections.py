"""Connections of EventBridge, for Tasks that call over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from flowd.services.events import connections
from flowd.store.database import Database
from flowd.store.events import EventsTables


class StoredConnections:
    """Those in the database."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def find(self, arn: str) -> Mapping[str, Any] | None:
        """By ARN or by name, with the secrets."""
        return await self._db.read(partial(_read, name=connections.name_of(arn)))


def _read(session: Any, name: str) -> dict[str, Any] | None:
    return connections.secrets(EventsTables(session), name)
