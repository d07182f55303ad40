"""The engine, put together: one database, one stepper and the services around it, with their order of start and stop.

`daemon` adds what reaches outside (listeners, drop folder, runner). Tests build a Core with a clock and an alarm of
their own. Nothing here decides anything.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

from flowd import names
from flowd.clock import Clock, SystemClock
from flowd.engine.aftermath import Aftermath
from flowd.engine.alarms import Alarms, ApschedulerAlarms
from flowd.engine.announce import KIND, SOURCE, Announcer
from flowd.engine.archivist import Archivist
from flowd.engine.catalog import SERVICES
from flowd.engine.closings import Closings
from flowd.engine.commit import Recorder
from flowd.engine.deadlines import Deadlines
from flowd.engine.deciders import Deciders
from flowd.engine.definitions import Definitions
from flowd.engine.deliveries.deliveries import Deliveries
from flowd.engine.dispatch import Dispatch
from flowd.engine.dispatch import Registry as Integrations
from flowd.engine.embedded import Embedded
from flowd.engine.executions import Executions, Limits
from flowd.engine.express import Express
from flowd.engine.hooks import Hooks
from flowd.engine.mapruns.children import Children
from flowd.engine.mapruns.mapruns import MapRuns
from flowd.engine.recovery import recover
from flowd.engine.schedules import Schedules
from flowd.engine.stepper import Stepper
from flowd.engine.stepping import Stepping
from flowd.engine.swf.errands import Errands
from flowd.engine.swf.registry import Registry
from flowd.engine.swf.tasks import SwfTasks
from flowd.engine.swf.workflows import Workflows
from flowd.engine.tasks import Tasks
from flowd.engine.waiters import Waiters
from flowd.engine.wanted import Wanted
from flowd.integrations.ports import TaskCall
from flowd.services.s3 import Buckets, FolderBuckets
from flowd.store import executions
from flowd.store.database import Database
from flowd.swf.rules import Limits as SwfLimits

log = logging.getLogger(__name__)
#: A daemon begins to count far beyond what is on disk, so that a console's cursor from an earlier life is never taken
#: for one of this life: commit numbers that no history chunk carries are not on disk.
CURSOR_GAP = 1_000_000


class Core:
    """Everything between the API and the disk."""

    def __init__(
        self,
        path: Path,
        registry: Integrations,
        *,
        clock: Clock | None = None,
        alarms: Alarms | None = None,
        region: str = names.REGION,
        account: str = names.ACCOUNT,
        limits: Limits | None = None,
        retention_days: int = 90,
        hooks: Sequence[str] = (),
        hook_command: Sequence[str] = (),
        hook_webhook: str | None = None,
        mocked: Callable[[TaskCall], bool] | None = None,
        buckets: Buckets | None = None,
        swf_limits: SwfLimits | None = None,
        endpoint: str = "",
        map_objects: bool = False,
    ) -> None:
        """`buckets`: by default folders below `s3` beside the database; `endpoint`: where SDKs reach this box."""
        self.clock = clock or SystemClock()
        self.alarms = alarms or ApschedulerAlarms(self.clock)
        self.registry = registry
        self.db = Database(path, str(uuid.uuid4()))
        self.ids = executions.Ids()
        self.definitions = Definitions(self.db, map_objects)
        self.embedded = Embedded(self.db, self.clock, self.alarms, region, account, endpoint)
        for service, tables in SERVICES:
            self.embedded.register(service, tables)
        self.deliveries = Deliveries(self.db, self.clock, self.alarms, self.embedded)
        self.status_events = Wanted(self.db, self.embedded, SOURCE, KIND)
        bus = f"arn:aws:events:{region}:{account}:event-bus/default"
        announcer = Announcer(frozenset(hooks), bus, self.status_events)
        recorder = Recorder(self.ids, self.db.changes.next_cursor, announcer, mocked)
        stepping = self.stepping = Stepping()
        events = (limits or Limits()).events
        self.swf = Registry(self.db, self.clock, swf_limits, region, account)
        deciders = Deciders(self.definitions.get, self.swf.outside)
        self.stepper = Stepper(self.db, recorder, self.clock, deciders.find, region, events, stepping)
        self.dispatch = Dispatch(registry, self.stepper.post)
        self.waiters = Waiters(self.db, self.stepper.post)
        self.deadlines = Deadlines(self.db, self.clock, self.alarms, self.stepper.post, self._rang)
        self.express = Express(
            self.db, recorder, stepping, self.clock, self.alarms, registry, self.definitions.get, region
        )
        self.executions = Executions(
            self.db, self.stepper, self.ids, self.clock, self.definitions.get, self.express, limits
        )
        self.tasks = Tasks(self.db, self.stepper, self.waiters, self.clock, self.dispatch)
        self.archivist = Archivist(self.db, self.clock, retention_days)
        self.hooks = Hooks(self.db, self.clock, hook_command, hook_webhook)
        self.closings = Closings(self.db)
        self.schedules = Schedules(self.db, self.clock, self.alarms, self.executions)
        self.buckets = buckets or FolderBuckets(path.parent / "s3")
        self._wire_map_runs(path.parent / "mapruns", events)
        self._wire_swf()
        self._wire_aftermath()
        self.schedules.deliver = self.deliveries.put
        self.rang: list[Callable[[], None]] = []  # who else looks at the clock when an alarm rings
        self.noticed = frozenset(hooks)

    def _wire_map_runs(self, folder: Path, events: int) -> None:
        children = Children(self.stepper, self.express, self.ids, self.clock, self.definitions.get, events)
        self.map_runs = MapRuns(
            self.db, self.clock, self.buckets, folder, self.stepper.alive, self.stepper.post, children
        )
        self.executions.settled = self.map_runs.settled

    def _wire_swf(self) -> None:
        self.workflows = Workflows(self.db, self.stepper, self.swf, self.ids, self.clock)
        self.errands = Errands(self.db, self.swf, self.workflows, self.stepper.alive, self.stepper.post)
        self.swf_tasks = SwfTasks(self.db, self.stepper, self.waiters)

    def _wire_aftermath(self) -> None:
        """Who hears of a commit."""
        self.stepper.after = Aftermath(
            self.dispatch,
            self.waiters,
            self.alarms,
            self.archivist,
            self.hooks,
            self.schedules,
            self.closings,
            self.map_runs,
            self.errands,
            self.deliveries,
            self.stepper.post,
        )
        self.express.ledger.after = self.stepper.after

    def _rang(self) -> None:
        for look in self.rang:
            look()
        self.schedules.look()
        self.express.ring()
        self.embedded.look()
        self.deliveries.look()

    @property
    def busy(self) -> bool:
        """True while something is under way that waits neither for the clock nor for somebody outside.

        What ends in one service may be news for another a turn of the loop later: look more than once.
        """
        services = (
            self.deadlines,
            self.schedules,
            self.express,
            self.map_runs,
            self.embedded,
            self.deliveries,
            self.db,
        )
        return any(service.busy for service in services) or self.dispatch.working > 0 or not self.errands.idle

    async def open(self) -> None:
        """Open the database and count on from what it holds; nothing runs yet."""
        await self.db.start()
        last = await self.db.read(executions.last_ids)
        self.ids.execution, self.ids.payload = last.execution, last.payload
        self.ids.task, self.ids.map_run = last.task, last.map_run
        self.db.changes.begin(last.chunk + CURSOR_GAP)

    async def start(self) -> None:
        """Take up what was open, then let time pass: recovery, deadlines, schedules, archive, hooks."""
        await self.status_events.start()
        await self.swf.load()
        await self.map_runs.load()
        calls = await recover(self.db, self.clock, self.stepper.alive, self.dispatch, self.registry, self.stepper.post)
        over = await self.express.resume()
        log.info("recovered: %d open calls, %d EXPRESS executions start over", calls, over)
        await self.errands.recover()
        await self.map_runs.start()
        await self.embedded.start()
        await self.deliveries.start()
        await self.deadlines.start()
        await self.schedules.start()
        await self.archivist.start()
        await self.hooks.start()

    async def stop(self) -> None:
        """The reverse order. Open calls are let go, their outcomes wait for the next start."""
        self.waiters.stop()
        await self.hooks.stop()
        await self.archivist.stop()
        await self.schedules.stop()
        await self.deadlines.stop()
        await self.map_runs.stop()
        await self.errands.stop()
        await self.deliveries.stop()
        await self.dispatch.stop()
        await self.express.stop()
        await self.embedded.stop()
        await self.status_events.stop()
        await self.stepper.idle()
        await self.db.stop()
