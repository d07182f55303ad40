"""Activities: who may create and delete them, and which exist. The queues themselves are tasks in the store."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from flowd import names
from flowd.clock import Clock
from flowd.engine import tags
from flowd.errors import ActivityDoesNotExist, InvalidName
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

    async def create(self, name: str, with_tags: Iterable[tuple[str, str]] = ()) -> schema.Activity:
        """A new activity; the same name again answers the first one, tags are ignored then."""
        if not names.is_valid_name(name):
            raise InvalidName(f"Invalid Name: '{name}'")
        wanted = schema.Activity(
            name=name,
            arn=names.activity_arn(name, self._region, self._account),
            tags=tags.write(tags.add({}, with_tags, name)),
            created_ms=self._clock.now_ms(),
        )
        made = await self._db.write(partial(activities.create, activity=wanted))
        self._known[name] = made
        return made

    async def ensure(self, arns: Iterable[str]) -> None:
        """The activities that a loaded definition names exist from now on."""
        wanted = [arn.rpartition(":")[2] for arn in arns]
        if missing := [name for name in wanted if await self.find(name) is None]:
            rows = [(name, names.activity_arn(name, self._region, self._account)) for name in missing]
            await self._db.write(partial(activities.ensure, wanted=rows, now_ms=self._clock.now_ms()))

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
        """The activity is gone; doing it again is fine."""
        await self._db.write(partial(activities.delete, name=name))
        self._known.pop(name, None)

    async def set_tags(self, name: str, wanted: dict[str, str]) -> None:
        """Exactly these tags."""
        await self._db.write(partial(activities.set_tags, name=name, tags=tags.write(wanted)))
        self._known.pop(name, None)
