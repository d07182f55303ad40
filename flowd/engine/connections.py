"""Connections of EventBridge, for what calls over HTTP: those made with the API, and those of the settings.

Both are rows, so that the API shows both; the secret of one of the settings stays where the settings say, and is read
each time it is needed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from flowd.connectionsettings import ConnectionSettings, Secret
from flowd.errors import ConfigError, FlowdError
from flowd.services.events import connections
from flowd.store.database import Database, Session
from flowd.store.events import EventsTables


class SecretMissing(FlowdError):
    """The secret of a connection is not where the settings say."""


class StoredConnections:
    """Those in the database. `environ` is where secrets of variables are."""

    def __init__(
        self, db: Database, settings: Sequence[ConnectionSettings] = (), environ: Mapping[str, str] | None = None
    ) -> None:
        self._db = db
        self._settings = {each.name: each for each in settings}
        self._environ = environ or {}

    async def start(self, now_ms: int) -> None:
        """Show exactly the connections of the settings. Raises ConfigError for one that cannot be had."""
        for each in self._settings.values():
            try:
                await asyncio.to_thread(_read_secret, each.secret, self._environ)
            except SecretMissing as error:
                raise ConfigError(f"{each.place}: {error.message}") from None
        wanted = {name: each.public for name, each in self._settings.items()}
        taken = await self._db.write(partial(_show, wanted=wanted, now_ms=now_ms))
        if taken:
            said = "was made with EventBridge's API: delete that one, or give this one another name"
            raise ConfigError(f"{self._settings[taken].place}: a connection of this name {said}")

    async def find(self, arn: str) -> Mapping[str, Any] | None:
        """By ARN or by name, with the secrets. Raises SecretMissing."""
        name = connections.name_of(arn)
        configured = self._settings.get(name)
        if configured is None:
            return await self._db.read(partial(_read, name=name))
        return configured.complete(await asyncio.to_thread(_read_secret, configured.secret, self._environ))


def _read_secret(secret: Secret, environ: Mapping[str, str]) -> str:
    """Without the line's end that editors and `echo` leave; never part of an error."""
    if secret.file is None:
        found = environ.get(secret.variable, "")
    else:
        try:
            found = secret.file.read_text("utf-8")
        except UnicodeDecodeError:
            raise SecretMissing(f"the secret in {secret} is no text") from None
        except OSError as error:
            raise SecretMissing(f"the secret cannot be read: {error}") from None
    found = found.rstrip("\r\n")
    if not found:
        raise SecretMissing(f"there is no secret in {secret}")
    return found


def _show(session: Session, wanted: Mapping[str, Mapping[str, Any]], now_ms: int) -> str | None:
    return connections.configure(EventsTables(session), wanted, now_ms)


def _read(session: Session, name: str) -> dict[str, Any] | None:
    return connections.secrets(EventsTables(session), name)
