"""Where one can go: every screen by name, its module imported when it is first visited.

The first paint waits for the imports of what it shows and for no others. A moment later `prepare` imports the rest, in
a thread, so that nobody waits for them on the first visit either.
"""

from __future__ import annotations

import asyncio
import gc
from importlib import import_module
from typing import Any, Final, NamedTuple

from textual.screen import Screen

from console.client import Item
from console.screens.shell import Shell

#: Module and class of each screen that `:` leads to.
MODES: Final = {
    "executions": ("executions", "ExecutionsScreen"),
    "inbox": ("inbox", "InboxScreen"),
    "machines": ("machines", "MachinesScreen"),
    "schedules": ("schedules", "SchedulesScreen"),
    "batches": ("batches", "BatchesScreen"),
    "dead": ("overviews", "DeadScreen"),
    "deploys": ("overviews", "DeploysScreen"),
    "queues": ("overviews", "QueuesScreen"),
    "audit": ("overviews", "AuditScreen"),
    "log": ("overviews", "LogScreen"),
    "health": ("health", "HealthScreen"),
}
PAUSE_S: Final = 0.05
_OTHERS: Final = ("execution", "answer", "help", "diff")


class Opening(NamedTuple):
    """What the console shows first: an execution, in one of its views, at one of its states."""

    arn: str
    view: str = "outline"
    state: str = ""


def mode(name: str) -> Shell:
    """A new screen of one of the modes."""
    module, screen = MODES[name]
    found: Shell = getattr(_module(module), screen)()
    return found


def execution(arn: str, name: str, view: str = "outline", state: str = "") -> Shell:
    """One execution, in one of its views, at one of its states."""
    from console.screens.execution import ExecutionScreen

    return ExecutionScreen(arn, name, view, state)


def items(run: str, execution: str) -> Shell:
    """The executions of a Map Run's items, by the run's ARN and the name of the execution that has it."""
    from console.screens.executions import ExecutionsScreen

    return ExecutionsScreen(scope=f"map:{run.rpartition(':')[2]}", crumbs=(execution, "items"))


def difference(left: str, right: str) -> Shell:
    """Two executions side by side, by their ARNs."""
    from console.screens.diff import DiffScreen

    return DiffScreen(left, right)


def versions(machine: str) -> Shell:
    """The published versions of one machine."""
    from console.screens.overviews import DeploysScreen

    return DeploysScreen(machine)


def prompt(asked: Item) -> Shell:
    """The form of a prompt."""
    from console.screens.answer import AnswerScreen

    return AnswerScreen(asked)


def help_on(screen: Shell, width: int) -> Screen[None]:
    """What can be done on a screen, for a terminal of this width."""
    from console.screens.help import HelpScreen

    return HelpScreen(screen.NAME, screen.situation(), width)


async def prepare(pause_s: float = PAUSE_S, calm: bool = False) -> None:
    """Import every screen that is not imported yet, with pauses in which keys are taken.

    With `calm` the garbage collector leaves alone from then on what is there: a full collection went through all that
    was imported, every few pages, and a key waited up to a tenth of a second for it.
    """
    for module in dict.fromkeys((*_OTHERS, *(module for module, _ in MODES.values()))):
        await asyncio.to_thread(_module, module)
        await asyncio.sleep(pause_s)
    if calm:
        gc.collect()
        gc.freeze()


def _module(name: str) -> Any:
    return import_module(f"console.screens.{name}")
