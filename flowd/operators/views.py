"""Saved views: a filter under a name, for each user. The view `default` is what lists begin with."""

from __future__ import annotations

from functools import partial

from flowd.clock import Clock
from flowd.errors import ResourceNotFound, ValidationException
from flowd.operators import filters
from flowd.store import views
from flowd.store.database import Database
from flowd.store.schema_operators import SavedView

MOST = 100
LONGEST = 64


class Views:
    """The views of all users."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def of(self, who: str) -> list[SavedView]:
        """A user's views by name."""
        return await self._db.read(partial(views.of, who=who))

    async def save(self, who: str, name: str, text: str) -> None:
        """Keep a filter; one of that name is replaced. ValidationException if the filter or the name is no good."""
        if not name.strip() or len(name) > LONGEST or not name.isprintable():
            raise ValidationException(f"a view's name has 1 to {LONGEST} printable characters")
        filters.parse(text, self._clock.now_ms())
        known = {view.name for view in await self.of(who)}
        if len(known) >= MOST and name not in known:
            raise ValidationException(f"there are {MOST} views already; remove one")
        view = SavedView(who=who, name=name.strip(), filter=text, saved_ms=self._clock.now_ms())
        await self._db.write(partial(views.save, view=view))

    async def remove(self, who: str, name: str) -> None:
        """Forget a view."""
        if not await self._db.write(partial(views.remove, who=who, name=name)):
            raise ResourceNotFound(f"there is no view '{name}' of yours")
