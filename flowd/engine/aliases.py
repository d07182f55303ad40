"""Aliases: names for one or two versions of a state machine, and which of the two a start gets.

The rules are AWS's (API reference of CreateStateMachineAlias; messages as recorded). Changes are made one at a time;
the aliases of a machine in use are kept in memory, so that a start reads nothing from disk.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from flowd.clock import Clock
from flowd.engine.machines import Machines
from flowd.entropy import Entropy
from flowd.errors import (
    ConflictException,
    ResourceNotFound,
    ServiceQuotaExceededException,
    StateMachineDeleting,
    ValidationException,
)
from flowd.store import aliases
from flowd.store.database import Database
from flowd.store.schema import StateMachine
from flowd.store.schema import StateMachineAlias as Alias

ALIASES = 100  # per machine (quota of Step Functions)
_TAKEN = (
    "Failed to create alias because an alias with the same name and a different routing configuration already exists."
)


class Route(NamedTuple):
    """One item of a routing configuration: the version ARN as it was given, what it names, and its share in percent."""

    arn: str
    machine: str
    version: int | None
    weight: int


class Aliases:
    """The aliases of this daemon's machines."""

    def __init__(self, db: Database, machines: Machines, clock: Clock) -> None:
        self._db = db
        self._machines = machines
        self._clock = clock
        self._chance = Entropy(os.urandom(32))
        self._known: dict[int, dict[str, Alias]] = {}
        self._one_at_a_time = asyncio.Lock()

    # -- finding -------------------------------------------------------------------

    async def of(self, machine: StateMachine) -> dict[str, Alias]:
        """The aliases of a machine by name, in the order of their creation."""
        machine_id = machine.id or 0
        known = self._known.get(machine_id)
        if known is None:
            rows = await self._db.read(partial(aliases.of_machine, machine_id=machine_id))
            known = self._known[machine_id] = {row.name: row for row in rows}
        return known

    async def find(self, machine: StateMachine, name: str) -> Alias | None:
        return (await self.of(machine)).get(name)

    def draw(self, alias: Alias) -> int:
        """The version that a start through this alias gets."""
        drawn = self._chance.integer(100)
        routes = routing(alias)
        return routes[0][0] if drawn < routes[0][1] else routes[-1][0]

    async def refuse_routed(self, machine: StateMachine, number: int) -> None:
        """ConflictException if an alias routes to this version."""
        names = [name for name, alias in (await self.of(machine)).items() if number in dict(routing(alias))]
        if names:
            raise ConflictException(
                "Version to be deleted must not be referenced by an alias. "
                f"Current list of aliases referencing this version: [{', '.join(names)}]"
            )

    # -- changing ------------------------------------------------------------------

    async def create(self, name: str, description: str, routes: Sequence[Route]) -> tuple[StateMachine, Alias]:
        """A new alias; the same again answers the first one. The routes say which machine it is of."""
        async with self._one_at_a_time:
            machine = await self._routed(routes)
            if machine.status != "ACTIVE":
                raise StateMachineDeleting(f"State Machine is being deleted: '{machine.arn}'")
            shares = _shares(routes)
            known = await self.of(machine)
            if name in known:
                if (known[name].description, known[name].routing) != (description, shares):
                    raise ConflictException(_TAKEN)
                return machine, known[name]
            if len(known) >= ALIASES:
                raise ServiceQuotaExceededException(f"'{machine.arn}' has {ALIASES} aliases; delete some of them first")
            now_ms = self._clock.now_ms()
            values = {"machine_id": machine.id or 0, "name": name, "description": description, "routing": shares}
            values |= {"created_ms": now_ms, "updated_ms": now_ms}
            made = known[name] = await self._db.write(partial(aliases.create, values=values))
            return machine, made

    async def update(
        self, machine: StateMachine | None, name: str, description: str | None, routes: Sequence[Route] | None
    ) -> Alias:
        """Change what is given."""
        async with self._one_at_a_time:
            alias = await self.find(machine, name) if machine is not None else None
            if machine is None or alias is None:
                raise ResourceNotFound
            values: dict[str, Any] = {"updated_ms": self._clock.now_ms()}
            if description is not None:
                values["description"] = description
            if routes is not None:
                if (await self._routed(routes)).id != machine.id:
                    raise ValidationException(
                        f"An alias of '{machine.arn}' routes to versions of that state machine only"
                    )
                values["routing"] = _shares(routes)
            await self._db.write(partial(aliases.change, alias_id=alias.id or 0, values=values))
            alias.sqlmodel_update(values)
            return alias

    async def delete(self, machine: StateMachine, name: str) -> None:
        """The alias is gone; again is fine."""
        async with self._one_at_a_time:
            alias = await self.find(machine, name)
            if alias is not None:
                await self._db.write(partial(aliases.remove, alias_id=alias.id or 0))
                del self._known[machine.id or 0][name]

    async def _routed(self, routes: Sequence[Route]) -> StateMachine:
        """The one machine to whose versions the routes lead."""
        received = f"[{', '.join(route.arn for route in routes)}]"
        if len({route.arn for route in routes}) < len(routes):
            raise ValidationException(
                f"Routing configuration must contain distinct state machine version ARNs. Received: {received}"
            )
        weights = [route.weight for route in routes]
        if sum(weights) != 100:
            raise ValidationException(
                f"Sum of routing configuration weights must equal 100. Received: {json.dumps(weights)}"
            )
        machine = await self._machines.find(routes[0].machine)
        for route in routes:
            found = machine if route.machine == routes[0].machine else await self._machines.find(route.machine)
            if not found or route.version is None or not await self._machines.version(found, route.version):
                raise ValidationException(
                    f"Routing configuration must contain state machine version ARNs. Received: {received}"
                )
        if machine is None or len({route.machine for route in routes}) > 1:
            raise ValidationException(
                f"Routing configuration must contain versions of one state machine. Received: {received}"
            )
        return machine


def routing(alias: Alias) -> list[tuple[int, int]]:
    """Versions and their weights."""
    return [(version, weight) for version, weight in json.loads(alias.routing)]


def _shares(routes: Sequence[Route]) -> str:
    return json.dumps([[route.version, route.weight] for route in routes])
