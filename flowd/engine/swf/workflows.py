"""SWF executions as their clients see them: started, signaled, asked to cancel, terminated. Each call returns when it
is on disk. The settings of a start are worked out in `flowd.swf.starting`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from flowd.clock import Clock
from flowd.engine.executions import TASK_TRIGGERS
from flowd.engine.stepper import Stepper
from flowd.engine.swf.registry import Registry
from flowd.engine.swf.runs import new_run
from flowd.engine.turns import Turns
from flowd.entropy import Entropy
from flowd.frames import ROOT
from flowd.history import Event, News
from flowd.payload import Payload
from flowd.store import reads, swf, swf_reads
from flowd.store.database import Database
from flowd.store.executions import Ids
from flowd.store.schema_swf import SwfExecution
from flowd.swf import faults
from flowd.swf.draft import run_id
from flowd.swf.registration import DEPRECATED, Domain
from flowd.swf.starting import Undefined, check_members, settings
from flowd.swf_frames import Settings

CURRENT = "current"
NO_MORE = "the domain has {} open executions already"


class Workflows:
    """All SWF executions of this daemon."""

    def __init__(self, db: Database, stepper: Stepper, registry: Registry, ids: Ids, clock: Clock) -> None:
        self._db = db
        self._stepper = stepper
        self._registry = registry
        self._ids = ids
        self._clock = clock
        self._naming = Turns()
        #: The version of a workflow of a domain that CURRENT stands for, if it stands for one there.
        self.current: Callable[[str, str], str | None] = lambda domain, name: None

    async def start(self, domain_name: str, members: Mapping[str, Any], trigger: str = "api") -> str:
        """StartWorkflowExecution; the runId. A start by the same attempt of a Task (`trigger`) begins one run."""
        domain = self._registry.domain(domain_name)
        domain.refuse_deprecated()
        check_members(members)
        wanted = members["workflowType"]
        found = domain.type(("workflow", wanted["name"], self._version(domain, wanted)))
        if found.status == DEPRECATED:
            raise faults.TypeDeprecatedFault(found.label)
        try:
            chosen = settings(domain_name, found, members, members["workflowId"], run_id=new_run_id())
        except Undefined as missing:
            raise faults.DefaultUndefinedFault(missing.member) from None
        given = members.get("input")
        return await self.begin(domain, chosen, Payload(text=given) if given is not None else None, trigger)

    def _version(self, domain: Domain, wanted: Mapping[str, str]) -> str:
        """As asked for, but that nobody can know the versions of workflow files, which are hashes of their texts."""
        name, version = wanted["name"], wanted["version"]
        if version == CURRENT and ("workflow", name, version) not in domain.types:
            return self.current(domain.name, name) or version
        return version

    async def begin(self, domain: Domain, chosen: Settings, given: Payload | None, trigger: str) -> str:
        """Begin a run, unless its workflowId is open (WorkflowExecutionAlreadyStartedFault) or there are too many
        (LimitExceededFault); its id."""
        async with self._naming.alone((domain.id, chosen.workflow_id)):
            known = await self._db.read(partial(swf.open_run, domain_id=domain.id, workflow_id=chosen.workflow_id))
            if known is not None:
                if trigger.startswith(TASK_TRIGGERS) and await self._began_by(known, trigger):
                    return known.run_id
                raise faults.WorkflowExecutionAlreadyStartedFault("")
            most = self._registry.limits.open_executions
            if await self._db.read(partial(reads.running_of, machine_id=-domain.id)) >= most:
                raise faults.LimitExceededFault(NO_MORE.format(most))
            self._ids.execution += 1
            live = new_run(
                self._ids.execution,
                chosen,
                given,
                self._registry.outside(domain.id),
                domain_id=domain.id,
                now_ms=self._clock.now_ms(),
                region=self._registry.region,
                account=self._registry.account,
                event_limit=self._registry.limits.events,
                trigger=trigger,
            )
            await self._stepper.start(live)
            return chosen.run_id

    async def _began_by(self, known: SwfExecution, trigger: str) -> bool:
        row = await self._db.read(partial(swf_reads.execution, execution_id=known.execution_id))
        return row is not None and row.trigger == trigger

    async def signal(self, domain: str, workflow_id: str, run: str | None, name: str, given: str | None) -> None:
        await self._tell(domain, workflow_id, run, Event(News.SIGNALED, ROOT, 0, _some(signalName=name, input=given)))

    async def request_cancel(self, domain: str, workflow_id: str, run: str | None) -> None:
        await self._tell(domain, workflow_id, run, Event(News.CANCEL_REQUESTED))

    async def terminate(
        self,
        domain: str,
        workflow_id: str,
        run: str | None,
        reason: str | None,
        details: str | None,
        policy: str | None,
    ) -> None:
        facts = _some(reason=reason, details=details, childPolicy=policy)
        await self._tell(domain, workflow_id, run, Event(News.TERMINATED, ROOT, 0, facts))

    async def _tell(self, domain_name: str, workflow_id: str, run: str | None, event: Event) -> None:
        domain = self._registry.domain(domain_name)
        found = await self.open_run(domain, workflow_id, run)
        if found is None or not await self._stepper.post(found.execution_id, event):
            raise faults.unknown_execution(workflow_id, run)

    async def open_run(self, domain: Domain, workflow_id: str, run: str | None) -> SwfExecution | None:
        """The open execution of a workflowId; None if there is none, or if it is another run."""
        found = await self._db.read(partial(swf.open_run, domain_id=domain.id, workflow_id=workflow_id))
        return None if found is None or (run and found.run_id != run) else found

    async def run(self, domain_name: str, workflow_id: str, run: str) -> SwfExecution:
        """The execution of both ids, open or closed."""
        domain = self._registry.domain(domain_name)
        found = await self._db.read(partial(swf.run, domain_id=domain.id, workflow_id=workflow_id, run_id=run))
        if found is None:
            raise faults.unknown_run(workflow_id, run)
        return found


def new_run_id() -> str:
    return run_id(Entropy(os.urandom(32)))


def _some(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
