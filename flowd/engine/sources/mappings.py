"""The event source mappings of one daemon as clients see them: their own, which are rows, and those of templates.

What reads the queues and streams is `sources`. All mappings are in memory; nothing is answered before it is on disk.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import msgspec

from flowd import names
from flowd.engine.sources.sources import Sources
from flowd.sam.project import SamSource
from flowd.store import sources as rows
from flowd.store.database import Database

#: Names the mappings of templates: the same line has the same UUID in every life of a daemon.
_SPACE: Final = uuid.UUID("5f6d1b43-0a0c-4b5c-9f0e-6d5f1b7f3c11")


class Mapping(msgspec.Struct, frozen=True, kw_only=True):
    """One mapping. `settings` are members of the API that nothing here depends on, as they were given."""

    uuid: str
    source: SamSource
    function_arn: str
    changed_ms: int = 0
    settings: dict[str, Any] = {}

    @property
    def owned(self) -> bool:
        """True if a template has it."""
        return bool(self.source.source)


class Mappings:
    """`arn_of` makes a function's ARN of its name."""

    def __init__(self, db: Database, sources: Sources, arn_of: Callable[[str], str]) -> None:
        self._db = db
        self._sources = sources
        self._arn_of = arn_of
        self._own: dict[str, Mapping] = {}

    async def start(self) -> None:
        """Read what clients have made, and let it call its functions."""
        bodies = await self._db.read(rows.mappings)
        read = (msgspec.json.decode(body, type=Mapping) for body in bodies)
        self._own = {each.uuid: each for each in read}
        await self._follow()

    def every(self) -> list[Mapping]:
        """In the order of their UUIDs."""
        owned = [
            Mapping(uuid=_uuid_of(each), source=each, function_arn=self._arn_of(each.function))
            for each in self._sources.of_files
            if not each.target  # a pipe is none
        ]
        return sorted([*self._own.values(), *owned], key=lambda each: each.uuid)

    def find(self, uuid: str) -> Mapping | None:
        return next((each for each in self.every() if each.uuid == uuid), None)

    async def put(self, mapping: Mapping) -> None:
        """In place of the one that has its UUID. Returns when it is on disk and in force."""
        body = msgspec.json.encode(mapping).decode()
        await self._db.write(partial(rows.put_mapping, uuid=mapping.uuid, body=body))
        self._own[mapping.uuid] = mapping
        await self._follow()

    async def delete(self, uuid: str) -> None:
        """Nothing more is taken for it; what its function is at goes on to its end."""
        await self._db.write(partial(rows.drop_mapping, uuid=uuid))
        self._own.pop(uuid, None)
        await self._follow()

    async def _follow(self) -> None:
        await self._sources.set_mappings([each.source for each in self._own.values()])


def mapping_arn(mapping: Mapping) -> str:
    """`arn:aws:lambda:REGION:ACCOUNT:event-source-mapping:UUID`."""
    function = names.split_arn(mapping.function_arn)
    assert function is not None
    return f"arn:aws:lambda:{function.region}:{function.account}:event-source-mapping:{mapping.uuid}"


def _uuid_of(source: SamSource) -> str:
    return str(uuid.uuid5(_SPACE, source.key))
