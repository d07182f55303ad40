"""State machines: what may be created, changed, published and deleted, and by whom.

A machine has one owner: the API, or a file or template of the drop folder; the other gets an error that says so.
Changes are made one at a time, and every machine in use is kept in memory, so that a start reads nothing from disk.
Executions are pinned to a definition: nothing here touches them.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from flowd import names
from flowd.asl.diagnostics import Diagnostic
from flowd.clock import Clock
from flowd.engine import tags
from flowd.engine.activities import Activities
from flowd.engine.checking import Checked, Refuse, check, check_file
from flowd.errors import (
    ConflictException,
    InvalidName,
    ServiceQuotaExceededException,
    StateMachineAlreadyExists,
    StateMachineDeleting,
    StateMachineDoesNotExist,
    ValidationException,
)
from flowd.store import machines, schema
from flowd.store.changes import Change
from flowd.store.database import Database

VERSIONS = 1000  # per machine (quota of Step Functions)
NAME_TAKEN = "NAME_TAKEN"
NAME_INVALID = "NAME_INVALID"
Version = schema.StateMachineVersion


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What CreateStateMachine asks for. `settings` are JSON texts: logging, tracing, encryption."""

    name: str
    definition: str
    role_arn: str
    type: str = "STANDARD"
    settings: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[tuple[str, str], ...] = ()
    publish: bool = False
    description: str = ""


class Machines:
    """The state machines of this daemon."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        refuse: Refuse,
        *,
        region: str = names.REGION,
        account: str = names.ACCOUNT,
    ) -> None:
        self._db = db
        self._clock = clock
        self.refuse = refuse
        self.region = region
        self.account = account
        self.activities = Activities(db, clock, region, account)
        self._known: dict[str, schema.StateMachine] = {}
        self._versions: dict[tuple[int, int], Version] = {}
        self._one_at_a_time = asyncio.Lock()

    # -- finding -----------------------------------------------------------------

    async def find(self, name: str) -> schema.StateMachine | None:
        """The machine of this name, from memory if it was used before."""
        known = self._known.get(name)
        if known is None:
            known = await self._db.read(partial(machines.by_name, name=name))
            if known is not None:
                self._known[name] = known
        if known is not None and known.status == "DELETING" and await self._gone(known):
            return None
        return known

    async def named(self, name: str, arn: str) -> schema.StateMachine:
        """As `find`, or StateMachineDoesNotExist with the ARN that was asked for."""
        found = await self.find(name)
        if found is None:
            raise StateMachineDoesNotExist(f"State Machine Does Not Exist: '{arn}'")
        return found

    async def version(self, machine: schema.StateMachine, number: int) -> Version | None:
        """One version of a machine."""
        key = (machine.id or 0, number)
        known = self._versions.get(key)
        if known is None:
            known = await self._db.read(partial(machines.version, machine_id=key[0], number=number))
            if known is not None:
                self._versions[key] = known
        return known

    async def _gone(self, machine: schema.StateMachine) -> bool:
        """A machine that is being deleted goes when its last execution has ended."""
        if await self._db.read(partial(machines.running, machine_id=machine.id or 0, limit=1)):
            return False
        await self._db.write(partial(machines.remove, machine_id=machine.id or 0))
        self._forget(machine)
        return True

    # -- what the API may do -------------------------------------------------------

    async def create(self, wanted: Wanted) -> tuple[schema.StateMachine, Version | None]:
        """A new machine; the same request again answers the first one (role and tags may differ)."""
        if not names.is_valid_name(wanted.name):
            raise InvalidName(f"Invalid Name: '{wanted.name}'")
        if wanted.description and not wanted.publish:
            raise ValidationException("Version description can only be set when publish is true")
        checked = (await check(wanted.definition, wanted.type, self.refuse)).or_raise()
        columns = self._columns(wanted)
        async with self._one_at_a_time:
            known = await self.find(wanted.name)
            if known is not None and known.status == "DELETING":
                raise StateMachineDeleting(f"State Machine is being deleted: '{known.arn}'")
            if known is not None and known.status == "ACTIVE":
                return await self._again(known, wanted, columns)
            if known is None:
                machine = await self._db.write(partial(machines.create, machine=columns, definition=checked.text))
            else:  # the file that had this name is gone
                machine = await self._change(known, columns, checked.text)
            self._remember(machine)
            await self.activities.ensure(checked.activities, loaded=False)
            version = await self._publish(machine, wanted.description) if wanted.publish else None
            return self._known[machine.name], version

    def _columns(self, wanted: Wanted) -> dict[str, Any]:
        now_ms = self._clock.now_ms()
        return {
            "name": wanted.name,
            "arn": names.machine_arn(wanted.name, self.region, self.account),
            "type": wanted.type,
            "status": "ACTIVE",
            "role_arn": wanted.role_arn,
            "tags": tags.write(tags.add({}, wanted.tags, wanted.name)),
            "description": wanted.description,
            "published": wanted.publish,
            "revision_id": None,
            "owner": "api",
            "source": None,
            "created_ms": now_ms,
            "updated_ms": now_ms,
            **wanted.settings,
        }

    async def _again(
        self, known: schema.StateMachine, wanted: Wanted, columns: Mapping[str, Any]
    ) -> tuple[schema.StateMachine, Version | None]:
        """CreateStateMachine's idempotency: text and settings must be equal, role and tags are not compared."""
        texts = await self._db.read(partial(machines.definitions, ids=[known.definition_id]))
        compared = ("type", "logging", "tracing", "encryption", "published", "description")
        same = all(getattr(known, name) == columns.get(name, getattr(known, name)) for name in compared)
        if not same or texts[known.definition_id] != wanted.definition:
            owner = f"; it belongs to the file {known.source} of the drop folder" if known.owner != "api" else ""
            raise StateMachineAlreadyExists(f"State Machine Already Exists: '{known.arn}'{owner}")
        return known, await self._publish(known, wanted.description) if wanted.publish else None

    async def update(
        self,
        machine: schema.StateMachine,
        values: Mapping[str, Any],
        definition: str | None,
        *,
        publish: bool = False,
        description: str = "",
    ) -> tuple[schema.StateMachine, Version | None]:
        """Change columns and definition; what differs makes a new revision. Running executions keep the old one."""
        if description and not publish:
            raise ValidationException("Version description can only be set when publish is true")
        if machine.status != "ACTIVE":
            raise StateMachineDeleting(f"State Machine is being deleted: '{machine.arn}'")
        self._only_the_api(machine, ConflictException)
        checked = (await check(definition, machine.type, self.refuse)).or_raise() if definition is not None else None
        async with self._one_at_a_time:
            machine = await self.named(machine.name, machine.arn)
            changed = {name: value for name, value in values.items() if getattr(machine, name) != value}
            if checked is not None and not await self._has(machine, checked):
                changed["definition"] = checked.text
                await self.activities.ensure(checked.activities, loaded=False)
            if changed:
                changed["revision_id"] = str(uuid.uuid4())
            changed["updated_ms"] = self._clock.now_ms()
            machine = await self._change(machine, changed, changed.pop("definition", None))
            version = await self._publish(machine, description) if publish else None
            return self._known[machine.name], version

    async def _has(self, machine: schema.StateMachine, checked: Checked) -> bool:
        texts = await self._db.read(partial(machines.definitions, ids=[machine.definition_id]))
        return texts[machine.definition_id] == checked.text

    async def publish(self, machine: schema.StateMachine, revision_id: str | None, description: str) -> Version:
        """Publish the present revision; publishing it again answers the same version."""
        if machine.status != "ACTIVE":
            raise StateMachineDeleting(f"State Machine is being deleted: '{machine.arn}'")
        async with self._one_at_a_time:
            machine = await self.named(machine.name, machine.arn)
            present = machine.revision_id or "INITIAL"
            if revision_id is not None and revision_id != present:
                raise ConflictException(
                    f"Failed to publish the State Machine version for revision {revision_id}. "
                    f"The current State Machine revision is {present}."
                )
            return await self._publish(machine, description)

    async def _publish(self, machine: schema.StateMachine, description: str) -> Version:
        machine_id = machine.id or 0
        known = await self._db.read(
            partial(machines.version_of_revision, machine_id=machine_id, revision_id=machine.revision_id)
        )
        if known is not None and known.definition_id == machine.definition_id:
            return known
        if await self._db.read(partial(machines.count_versions, machine_id=machine_id)) >= VERSIONS:
            raise ServiceQuotaExceededException(f"'{machine.arn}' has {VERSIONS} versions; delete some of them first")
        write = partial(machines.publish, machine_id=machine_id, description=description, now_ms=self._clock.now_ms())
        row, version = await self._db.write(write)
        self._remember(row)
        return version

    async def delete(self, name: str) -> list[str]:
        """Delete a machine. While executions run it is DELETING, and they are returned to be stopped; again is fine."""
        async with self._one_at_a_time:
            machine = await self.find(name)
            if machine is None or machine.status == "RETIRED":
                return []
            self._only_the_api(machine, ValidationException)
            running = await self._db.read(partial(machines.running, machine_id=machine.id or 0, limit=1000))
            if running:
                await self._change(machine, {"status": "DELETING"})
            else:
                await self._db.write(partial(machines.remove, machine_id=machine.id or 0))
                self._forget(machine)
            return running

    async def delete_version(self, machine: schema.StateMachine, number: int) -> None:
        """The version is gone; again is fine."""
        await self._db.write(partial(machines.remove_version, machine_id=machine.id or 0, number=number))
        self._versions.pop((machine.id or 0, number), None)

    async def set_tags(self, machine: schema.StateMachine, wanted: Mapping[str, str]) -> None:
        """Exactly these tags."""
        async with self._one_at_a_time:
            await self._change(machine, {"tags": tags.write(wanted)})

    # -- what files may do -----------------------------------------------------------

    async def owned_machines(self) -> Mapping[str, str]:
        """Machines in force that belong to files or templates: name -> source."""
        rows = await self._db.read(machines.owned_by_files)
        return {row.name: row.source or "" for row in rows}

    async def publish_machine(
        self,
        name: str,
        definition_text: str,
        type: str,
        source: str,
        owner: Literal["file", "template"],
        yaml: bool,
    ) -> list[Diagnostic]:
        """Put a file's definition in force as a new version; the same again publishes nothing, also after a restart.
        With an ERROR among the diagnostics nothing has changed."""
        if not names.is_valid_name(name) or len(name) > 80:
            return [Diagnostic("ERROR", NAME_INVALID, f"'{name}' is no name of a state machine")]
        checked = await check_file(definition_text, type, self.refuse, yaml)
        said = list(checked.diagnostics)
        if checked.machine is None:
            return said
        async with self._one_at_a_time:
            known = await self.find(name)
            if known is not None and known.status != "RETIRED" and (known.owner == "api" or known.status == "DELETING"):
                message = f"a state machine '{name}' was created through the API; delete it there or rename the file"
                return [*said, Diagnostic("ERROR", NAME_TAKEN, message)]
            await self.activities.ensure(checked.activities, loaded=True)
            await self._put_in_force(name, known, checked, {"type": type, "owner": owner, "source": source})
        return said

    async def _put_in_force(
        self, name: str, known: schema.StateMachine | None, checked: Checked, values: dict[str, Any]
    ) -> None:
        if known is None:
            wanted = Wanted(name=name, definition=checked.text, role_arn=names.role_arn(self.account), publish=True)
            columns = {**self._columns(wanted), **values}
            made = await self._db.write(partial(machines.create, machine=columns, definition=checked.text))
            await self._publish(made, "")
            return
        changed: dict[str, Any] = {**values, "status": "ACTIVE"}
        new_text = None if await self._has(known, checked) else checked.text
        if new_text is None and all(getattr(known, column) == value for column, value in changed.items()):
            return
        if new_text is not None or known.type != values["type"]:
            changed |= {"revision_id": str(uuid.uuid4()), "updated_ms": self._clock.now_ms()}
        machine = await self._change(known, changed, new_text)
        await self._publish(machine, "")

    async def retire_machine(self, name: str, source: str) -> None:
        """Its file is gone: starts are refused, executions go on. Another source's machine is left alone."""
        async with self._one_at_a_time:
            machine = await self.find(name)
            if machine is not None and machine.owner != "api" and machine.source == source:
                await self._change(machine, {"status": "RETIRED", "updated_ms": self._clock.now_ms()})

    # -- keeping ---------------------------------------------------------------------

    def _only_the_api(self, machine: schema.StateMachine, error: type[ConflictException | ValidationException]) -> None:
        if machine.owner != "api":
            raise error(
                f"State Machine '{machine.arn}' belongs to the file {machine.source} of the drop folder: "
                "change or remove that file instead"
            )

    async def _change(
        self, machine: schema.StateMachine, values: Mapping[str, Any], definition: str | None = None
    ) -> schema.StateMachine:
        write = partial(machines.change, machine_id=machine.id or 0, values=dict(values), definition=definition)
        return self._remember(await self._db.write(write))

    def _remember(self, machine: schema.StateMachine) -> schema.StateMachine:
        self._known[machine.name] = machine
        self._tell(machine, machine.status)
        return machine

    def _forget(self, machine: schema.StateMachine) -> None:
        self._known.pop(machine.name, None)
        self._tell(machine, "DELETED")

    def _tell(self, machine: schema.StateMachine, status: str) -> None:
        changes = self._db.changes
        changes.append([Change(changes.next_cursor(), "machine", machine.name, machine.arn, status, machine.name)])
