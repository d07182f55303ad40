"""What templates want of the embedded services is made: what is absent is created, what may change is changed.

Nothing that holds data is ever dropped: a queue whose line is gone is retired, with a note. What only starts or tells
something (a rule, a subscription) ends with its line. Resources come from `sam` as calls that may be made again.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from flowd.clock import Clock
from flowd.engine.cloud import Provider
from flowd.engine.embedded import Embedded
from flowd.errors import ApiError, ServiceUnavailable
from flowd.sam.project import Listed, SamResource, Step
from flowd.store import projects as rows
from flowd.store.database import Database
from flowd.store.schema_projects import ProjectResource

log = logging.getLogger(__name__)
_STAYS = "its line is gone from the template; what it holds stays until somebody deletes it"


class Projects:
    """The templates' resources of one daemon."""

    def __init__(
        self, db: Database, embedded: Embedded, clock: Clock, local: Mapping[str, Provider] | None = None
    ) -> None:
        """`local`: services of this daemon that are not embedded in its database, by name."""
        self._local = {} if local is None else local
        self._db = db
        self._embedded = embedded
        self._clock = clock

    async def every(self) -> list[ProjectResource]:
        """What all templates hold and what became of it."""
        return await self._db.read(rows.every)

    async def set_projects(
        self,
        projects: Mapping[str, Sequence[Listed]],
        resources: Sequence[SamResource],
        keeps: Callable[[str], bool],
    ) -> bool:
        """These are all templates there are, beside those that `keeps` says. False: something may go better later."""
        known = {(row.source, row.resource): row for row in await self.every()}
        wanted = {
            (source, each.resource): self._row(source, each) for source, listed in projects.items() for each in listed
        }
        again = False
        for resource in resources:
            row = wanted.setdefault((resource.source, resource.resource), self._of(resource))
            again |= await self._make(resource, row)
        gone: list[int] = []
        for key, before in known.items():
            if key in wanted:
                wanted[key].id = before.id
            elif keeps(before.source) or before.status == "retired":
                continue
            elif await self._end(before):
                wanted[key] = before
            else:
                gone.append(before.id or 0)
        await self._db.write(partial(rows.save, rows=list(wanted.values()), gone=gone))
        return not again

    def _row(self, source: str, listed: Listed) -> ProjectResource:
        return ProjectResource(
            source=source,
            resource=listed.resource,
            type=listed.type,
            name=listed.name,
            status=listed.verdict,
            note=listed.note,
            line=listed.line,
            updated_ms=self._clock.now_ms(),
        )

    def _of(self, resource: SamResource) -> ProjectResource:
        """Of an event, which is no resource of its own in the template."""
        listed = Listed(
            resource=resource.resource, type=resource.type, name=resource.name, verdict="made", line=resource.line
        )
        return self._row(resource.source, listed)

    async def _make(self, resource: SamResource, row: ProjectResource) -> bool:
        """Make its calls; True if they are to be made again later."""
        row.undo = msgspec.json.encode(resource.undo).decode()
        try:
            row.answers = json.dumps(await self._run(resource.steps, {}))
        except ServiceUnavailable as error:
            row.status, row.note = "failed", error.message
            return True
        except ApiError as error:
            row.status, row.note = "failed", f"{error.code}: {error.message}"
            log.error("%s:%d: %s cannot be made: %s", resource.source, resource.line, resource.resource, row.note)
        return False

    async def _run(self, steps: Sequence[Step], answers: dict[str, Any]) -> dict[str, Any]:
        """One call after the other; what they answer is there for those behind them."""
        for step in steps:
            members = {**step.members, **{name: answers[value] for name, value in step.takes.items()}}
            try:
                answer = await self._ask(step, members)
            except ApiError as error:
                if error.code not in step.fine:
                    raise
            else:
                answers |= {name: value for name, value in answer.items() if isinstance(value, str)}
        return answers

    async def _ask(self, step: Step, members: Mapping[str, Any]) -> dict[str, Any]:
        provider = self._local.get(step.service)
        if provider is not None:
            return await provider.invoke(step.service, step.operation, members, "")
        return await self._embedded.invoke(step.service, step.operation, members, who="template")

    async def _end(self, row: ProjectResource) -> bool:
        """The line is gone: end what starts something, keep what holds something. True if a note of it stays."""
        steps = msgspec.json.decode(row.undo, type=tuple[Step, ...])
        if row.status not in ("made", "failed"):
            return False
        if not steps:
            row.status, row.note, row.updated_ms = "retired", _STAYS, self._clock.now_ms()
            log.warning("%s: %s (%s %s): %s", row.source, row.resource, row.type, row.name, _STAYS)
            return True
        try:
            await self._run(steps, json.loads(row.answers))
        except (ApiError, KeyError) as error:
            log.warning("%s: %s could not be ended: %s", row.source, row.resource, error)
        return False
