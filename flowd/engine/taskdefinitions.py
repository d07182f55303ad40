"""Task definitions by family and revision: registered by files, templates and the API, kept in the database.

They are few and read often, so they stand in memory as well; every change is on disk before it counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from flowd.clock import Clock
from flowd.payload import dumps, loads
from flowd.services.ecs.definitions import InvalidDefinition, Site, TaskDefinition, check, split_name
from flowd.services.ports import ServiceError
from flowd.store import ecs
from flowd.store.database import Database, Session


class TaskDefinitions:
    """All families of one daemon."""

    def __init__(self, db: Database, clock: Clock, site: Callable[[], Site]) -> None:
        self._db = db
        self._clock = clock
        self._site = site
        self._families: dict[str, list[TaskDefinition]] = {}

    async def load(self) -> None:
        """Read what is on disk."""
        self._families = {}
        for definition in await self._db.read(_every):
            self._families.setdefault(definition.family, []).append(definition)

    @property
    def families(self) -> Mapping[str, Sequence[TaskDefinition]]:
        """Revisions by family, oldest first."""
        return self._families

    async def find(self, name: str, *, inactive: bool = False) -> TaskDefinition:
        """A revision, or the newest active one of a family; raises ServiceError in ECS's words."""
        family, revision = split_name(name)
        known = self._families.get(family, ())
        if revision is None:
            found = next((each for each in reversed(known) if each.status == "ACTIVE"), None)
        else:
            found = next((each for each in known if each.revision == revision), None)
        if found is None:
            raise ServiceError("ClientException", "TaskDefinition not found.")
        if found.status != "ACTIVE" and not inactive:
            raise ServiceError("ClientException", "TaskDefinition is inactive")
        return found

    async def register(self, members: Mapping[str, Any], *, folder: str = "/", source: str = "") -> TaskDefinition:
        """A new revision. A file whose newest revision says the same gets no other. Raises InvalidDefinition."""
        check(members, self._site())
        known = self._families.get(members["family"], [])
        newest = known[-1] if known else None
        if source and newest is not None and newest.status == "ACTIVE" and newest.source not in ("", source):
            said = f"the family {newest.family} belongs to {newest.source}"
            raise InvalidDefinition(said, "/family")
        same = newest is not None and (newest.members, newest.folder, newest.source) == (dict(members), folder, source)
        if source and same and newest is not None and newest.status == "ACTIVE":
            return newest
        values = {
            "family": members["family"],
            "members": dumps(dict(members)),
            "folder": folder,
            "source": source,
            "created_ms": self._clock.now_ms(),
        }
        definition = await self._db.write(partial(_register, values=values))
        self._families.setdefault(definition.family, []).append(definition)
        return definition

    async def deregister(self, definition: TaskDefinition) -> TaskDefinition:
        """It runs no more; what runs goes on."""
        change = partial(ecs.set_status, family=definition.family, revision=definition.revision, status="INACTIVE")
        await self._db.write(change)
        known = self._families[definition.family]
        index = next(i for i, each in enumerate(known) if each.revision == definition.revision)
        known[index] = _inactive(definition)
        return known[index]

    async def retire(self, keep: Callable[[str, str], bool]) -> list[TaskDefinition]:
        """Deregister what came from a file of which `keep(family, source)` says that it is gone."""
        gone = [
            each
            for known in list(self._families.values())
            for each in known
            if each.source and each.status == "ACTIVE" and not keep(each.family, each.source)
        ]
        return [await self.deregister(each) for each in gone]


def _inactive(definition: TaskDefinition) -> TaskDefinition:
    return TaskDefinition(
        family=definition.family,
        members=definition.members,
        revision=definition.revision,
        status="INACTIVE",
        folder=definition.folder,
        source=definition.source,
        created_ms=definition.created_ms,
    )


def _every(session: Session) -> list[TaskDefinition]:
    return [_value(row) for row in ecs.definitions(session)]


def _register(session: Session, values: dict[str, Any]) -> TaskDefinition:
    return _value(ecs.register(session, values))


def _value(row: Any) -> TaskDefinition:
    return TaskDefinition(
        family=row.family,
        members=loads(row.members),
        revision=row.revision,
        status=row.status,
        folder=row.folder,
        source=row.source,
        created_ms=row.created_ms,
    )
