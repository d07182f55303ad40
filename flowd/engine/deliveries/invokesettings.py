"""How asynchronous invocations of each function are tried: by its template, else as clients set it.

All settings are in memory, since every invocation asks; clients' are rows as well. It invokes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import msgspec

from flowd.functions import AsyncSettings, FunctionSpec
from flowd.store import invokesettings as rows
from flowd.store.database import Database

LATEST = "$LATEST"
DEFAULT = AsyncSettings()
Kept = tuple[AsyncSettings, int]  # and when it was changed


class InvokeConfigs:
    """`functions` tells of the functions there are."""

    def __init__(self, db: Database, functions: Callable[[], Sequence[FunctionSpec]]) -> None:
        self._db = db
        self._functions = functions
        self._kept: dict[tuple[str, str], Kept] = {}

    async def load(self) -> None:
        """Read what clients have set."""
        for row in await self._db.read(rows.every):
            settings = msgspec.json.decode(row.body, type=AsyncSettings)
            self._kept[row.function, row.qualifier] = (settings, row.changed_ms)

    def find(self, function: str, qualifier: str) -> AsyncSettings:
        """What holds for an invocation. Versions and aliases are the one code: what is set for none holds for all."""
        owned = self.owned(function)
        if owned is not None:
            return owned
        for each in (qualifier or LATEST, LATEST):
            if (function, each) in self._kept:
                return self._kept[function, each][0]
        return DEFAULT

    def owned(self, function: str) -> AsyncSettings | None:
        """What a template says of a function, if it says anything."""
        found = next((spec.asynchronous for spec in self._functions() if spec.name == function), DEFAULT)
        return None if found == DEFAULT else found

    def kept(self, function: str) -> dict[str, Kept]:
        """What clients have set for a function, by qualifier."""
        return {qualifier: kept for (name, qualifier), kept in sorted(self._kept.items()) if name == function}

    async def put(self, function: str, qualifier: str, settings: AsyncSettings, now_ms: int) -> None:
        """Returns when it is on disk."""
        body = msgspec.json.encode(settings).decode()
        await self._db.write(partial(rows.put, function=function, qualifier=qualifier, body=body, changed_ms=now_ms))
        self._kept[function, qualifier] = (settings, now_ms)

    async def delete(self, function: str, qualifier: str) -> None:
        await self._db.write(partial(rows.delete, function=function, qualifier=qualifier))
        self._kept.pop((function, qualifier), None)
