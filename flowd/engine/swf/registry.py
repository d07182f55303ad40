"""The domains and types of this daemon: all of them in memory, each change on disk before it holds.

The rules are `flowd.swf.registration`; a step looks types up here as they are at that moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import partial

import msgspec

from flowd import names
from flowd.clock import Clock
from flowd.engine.deciders import Outside
from flowd.store import swf
from flowd.store.database import Database
from flowd.store.schema_swf import SwfDomain, SwfType
from flowd.swf import faults, registration
from flowd.swf.registration import KINDS, Domain, Key, RegisteredType
from flowd.swf.rules import Limits
from flowd.swf.world import World


class Registry:
    """What is registered."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        limits: Limits | None = None,
        region: str = names.REGION,
        account: str = names.ACCOUNT,
    ) -> None:
        self._db = db
        self._clock = clock
        self.limits = limits or Limits()
        self.region = region
        self.account = account
        self._domains: dict[str, Domain] = {}
        self._by_id: dict[int, Domain] = {}
        self._changing = asyncio.Lock()

    async def load(self) -> None:
        """Read all of it, once, before anything runs."""
        found = await self._db.read(swf.registered)
        for row in found.domains:
            self._keep(_domain(row))
        for each in found.types:
            kept = _type(each)
            self._by_id[each.domain_id].types[kept.key] = kept

    def _keep(self, domain: Domain) -> None:
        self._domains[domain.name] = self._by_id[domain.id] = domain

    # -- what others look up -------------------------------------------------------

    @property
    def domains(self) -> list[Domain]:
        return list(self._domains.values())

    def domain(self, name: str) -> Domain:
        """The domain, whatever its status. Raises UnknownResourceFault."""
        found = self._domains.get(name)
        if found is None:
            raise faults.unknown_domain(name)
        return found

    def outside(self, domain_id: int) -> Outside:
        """What stands for the deciders of a domain's executions."""
        return Outside(lambda: World(self._by_id[domain_id].types, self.limits))

    # -- changes -----------------------------------------------------------------------

    async def register_domain(self, name: str, retention: str, description: str | None, tags: dict[str, str]) -> None:
        async with self._changing:
            made = registration.register_domain(self._domains, name, retention, description, tags, self.limits)
            made.created_ms = self._clock.now_ms()
            await self._store(made)

    async def deprecate_domain(self, name: str) -> None:
        """Its types are deprecated with it."""
        async with self._changing:
            changed = registration.deprecate_domain(self.domain(name), self._clock.now_ms())
            await self._store(changed, changed.types.values())

    async def undeprecate_domain(self, name: str) -> None:
        async with self._changing:
            await self._store(registration.undeprecate_domain(self.domain(name)))

    async def set_tags(self, name: str, change: Callable[[dict[str, str]], dict[str, str]]) -> None:
        """The tags of a domain as `change` makes them of the present ones."""
        async with self._changing:
            domain = self.domain(name)
            await self._store(msgspec.structs.replace(domain, tags=change(domain.tags)))

    async def register_type(self, domain_name: str, wanted: RegisteredType) -> None:
        async with self._changing:
            domain = self.domain(domain_name)
            made = registration.register_type(domain, wanted, self.limits)
            await self._store_type(domain, msgspec.structs.replace(made, created_ms=self._clock.now_ms()))

    async def deprecate_type(self, domain_name: str, key: Key) -> None:
        async with self._changing:
            domain = self.domain(domain_name)
            changed = registration.deprecate_type(domain.type(key), self._clock.now_ms())
            await self._store_type(domain, changed)

    async def undeprecate_type(self, domain_name: str, key: Key) -> None:
        async with self._changing:
            domain = self.domain(domain_name)
            await self._store_type(domain, registration.undeprecate_type(domain, domain.type(key)))

    async def delete_type(self, domain_name: str, key: Key) -> None:
        async with self._changing:
            domain = self.domain(domain_name)
            registration.check_deletable(domain.type(key))
            kind, name, version = key
            gone = partial(swf.delete_type, domain_id=domain.id, kind=kind, name=name, version=version)
            await self._db.write(gone)
            del domain.types[key]

    async def _store(self, domain: Domain, types: Iterable[RegisteredType] = ()) -> None:
        row = SwfDomain(
            id=domain.id or None,
            name=domain.name,
            description=domain.description,
            status=domain.status,
            retention_days=domain.retention_days,
            tags=msgspec.json.encode(domain.tags).decode(),
            created_ms=domain.created_ms,
        )
        rows = [_type_row(domain.id, each) for each in types]
        domain.id = await self._db.write(partial(swf.put_domain, row=row, types=rows))
        self._keep(domain)

    async def _store_type(self, domain: Domain, changed: RegisteredType) -> None:
        await self._db.write(partial(swf.put_types, rows=[_type_row(domain.id, changed)]))
        domain.types[changed.key] = changed


def _domain(row: SwfDomain) -> Domain:
    return Domain(
        id=row.id or 0,
        name=row.name,
        created_ms=row.created_ms,
        retention_days=row.retention_days,
        description=row.description,
        status=row.status,
        tags=msgspec.json.decode(row.tags),
        types={},
    )


def _type(row: SwfType) -> RegisteredType:
    return RegisteredType(
        kind=KINDS[row.kind],
        name=row.name,
        version=row.version,
        created_ms=row.created_ms,
        description=row.description,
        status=row.status,
        deprecated_ms=row.deprecated_ms,
        defaults=msgspec.json.decode(row.defaults),
    )


def _type_row(domain_id: int, each: RegisteredType) -> SwfType:
    return SwfType(
        domain_id=domain_id,
        kind=each.kind,
        name=each.name,
        version=each.version,
        status=each.status,
        description=each.description,
        defaults=msgspec.json.encode(each.defaults).decode(),
        created_ms=each.created_ms,
        deprecated_ms=each.deprecated_ms,
    )
