"""Activities: who may create and delete them, and which exist. The queues themselves are tasks in the store.

A file that is loaded makes the activities it names. One that was deleted through the API is gone all the same until the
next load of a file that names it: a machine made or changed through the API does not bring it back.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from flowd import names
from flowd.asl.model import StateMachine
from flowd.clock import Clock
from flowd.engine import tags
from flowd.errors import ActivityAlreadyExists, ActivityDoesNotExist, InvalidName
from flowd.store import activities, schema
from flowd.store.database import Database


class Activities:
    """The activities of this daemon, found by name whatever region and account an ARN carries."""

    def __init__(self, db: Database, clock: Clock, region: str = names.REGION, account: str = names.ACCOUNT) -> None:
        self._db = db
        self._clock = clock
        self._region = region
        self._account = account
        self._known: dict[str, schema.Activity] = {}
        self._names: set[str] | None = None  # all that exist; None before `load`
        self._deleted: set[str] = set()

    async def load(self) -> None:
        """Learn which activities exist; from now on `missing` can tell."""
        self._names = set(await self._db.read(activities.names))

    def missing(self, machine: StateMachine) -> tuple[str, ...]:
        """ARNs of activities that a definition names and that do not exist; reads nothing."""
        present = self._names
        if present is None:
            return ()
        return tuple(arn for arn in machine.activities if _name(arn) not in present)

    async def create(
        self, name: str, with_tags: Iterable[tuple[str, str]] = (), encryption: str = "{}"
    ) -> schema.Activity:
        """A new activity; the same name again answers the first one, tags are ignored then. Another key than its own
        is refused: it cannot be changed (API reference, CreateActivity)."""
        if not names.is_valid_name(name):
            raise InvalidName(f"Invalid Name: '{name}'")
        wanted = schema.Activity(
            name=name,
            arn=names.activity_arn(name, self._region, self._account),
            tags=tags.write(tags.add({}, with_tags, name)),
            encryption=encryption,
            created_ms=self._clock.now_ms(),
        )
        made = await self._db.write(partial(activities.create, activity=wanted))
        if encryption not in ("{}", made.encryption):
            raise ActivityAlreadyExists(f"Activity Already Exists: '{made.arn}'")
        self._known[name] = made
        self._there([name])
        return made

    async def ensure(self, arns: Iterable[str], *, loaded: bool) -> None:
        """The activities that a definition names exist from now on; one that was deleted only if a file was loaded."""
        wanted = [name for name in map(_name, arns) if loaded or name not in self._deleted]
        if missing := [name for name in wanted if await self.find(name) is None]:
            rows = [(name, names.activity_arn(name, self._region, self._account)) for name in missing]
            await self._db.write(partial(activities.ensure, wanted=rows, now_ms=self._clock.now_ms()))
        self._there(wanted)

    def _there(self, names_: Iterable[str]) -> None:
        for name in names_:
            self._deleted.discard(name)
            if self._names is not None:
                self._names.add(name)

    async def find(self, name: str) -> schema.Activity | None:
        """The activity of this name."""
        known = self._known.get(name)
        if known is None:
            known = await self._db.read(partial(activities.by_name, name=name))
            if known is not None:
                self._known[name] = known
        return known

    async def named(self, name: str, arn: str) -> schema.Activity:
        """As `find`, or ActivityDoesNotExist with the ARN that was asked for."""
        found = await self.find(name)
        if found is None:
            raise ActivityDoesNotExist(f"Activity Does Not Exist: '{arn}'")
        return found

    async def delete(self, name: str) -> None:
        """The activity is gone; doing it again is fine. A Task that comes to it from now on fails its execution."""
        await self._db.write(partial(activities.delete, name=name))
        self._known.pop(name, None)
        self._deleted.add(name)
        if self._names is not None:
            self._names.discard(name)

    async def set_tags(self, name: str, wanted: dict[str, str]) -> None:
        """Exactly these tags."""
        await self._db.write(partial(activities.set_tags, name=name, tags=tags.write(wanted)))
        self._known.pop(name, None)


def _name(arn: str) -> str:
    return arn.rpartition(":")[2]
