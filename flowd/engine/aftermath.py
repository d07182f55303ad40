"""What follows a commit: calls begin, pollers get their tasks, alarms are armed, others are told. Never before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flowd.engine.alarms import Alarms
from flowd.engine.archivist import Archivist
from flowd.engine.closings import Closings
from flowd.engine.commit import Effects
from flowd.engine.deliveries.deliveries import Deliveries
from flowd.engine.dispatch import Dispatch
from flowd.engine.hooks import Hooks
from flowd.engine.live import Reply
from flowd.engine.mapruns.mapruns import MapRuns
from flowd.engine.schedules import Schedules
from flowd.engine.swf.errands import Errands
from flowd.engine.waiters import Waiters
from flowd.history import Event


@dataclass(frozen=True)
class Aftermath:
    """Hands each effect to the service that brings it about."""

    dispatch: Dispatch
    waiters: Waiters
    alarms: Alarms
    archivist: Archivist
    hooks: Hooks
    schedules: Schedules
    closings: Closings
    map_runs: MapRuns
    errands: Errands
    deliveries: Deliveries
    post: Callable[[int, Event], Reply]

    def committed(self, effects: Effects) -> None:
        for task in effects.cancel:
            self.dispatch.cancel(task)
        for task in effects.begin.values():
            self.dispatch.begin(task)
        for task in effects.offer:
            self.waiters.offer(task)
        if effects.due:
            self.alarms.arm(min(effects.due))
        for execution_id, event in effects.later:
            self.post(execution_id, event)
        if effects.errands:
            self.errands.run(effects.errands)
        if effects.map_runs:
            self.map_runs.changed(effects.map_runs)
        if effects.closed:
            self.closings.tell(effects.closed)
            self.map_runs.ended(effects.closed)
            self.archivist.notice()
            self.schedules.look()
        if effects.hooks:
            self.hooks.notice()
            self.deliveries.look()
