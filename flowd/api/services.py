"""What operations may use: the engine, the operators' layer, and facts about this daemon. Built once by `daemon`."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from flowd.api import arns
from flowd.api.wire.pages import Pages
from flowd.clock import Clock
from flowd.config import Config
from flowd.core import Core
from flowd.engine.aliases import Aliases
from flowd.engine.codefiles import CodeFiles
from flowd.engine.machines import Machines
from flowd.errors import FlowdError
from flowd.functions import FunctionSpec
from flowd.integrations.mocks import Mocks
from flowd.operators.audit import Audit
from flowd.operators.desk import Desk
from flowd.operators.health import Runner
from flowd.operators.prompts import Prompts
from flowd.operators.retries import Retries
from flowd.operators.timeinhand import TimeInHand
from flowd.store.schema_projects import ProjectResource

WARM_S = 2.0


class Folder(Protocol):
    """The drop folder."""

    @property
    def problem(self) -> str | None:
        """Why it is not read, None if it is."""
        ...


class Functions(Protocol):
    """Who knows which functions there are, and what templates made."""

    @property
    def functions(self) -> tuple[FunctionSpec, ...]: ...

    async def project_resources(self) -> list[ProjectResource]:
        """What templates hold and what became of it."""
        ...


class Counts(Protocol):
    """What goes on in the runner."""

    @property
    def warm(self) -> Mapping[str, int]:
        """Idle processes by function."""
        ...

    @property
    def packages(self) -> Mapping[str, str]:
        """Functions whose packages are being installed, or cannot be had: what is to be said of it."""
        ...


@dataclass(frozen=True, kw_only=True)
class Services:
    """One daemon, as its operations see it."""

    config: Config
    clock: Clock
    core: Core
    machines: Machines
    registrar: Functions
    runner: Runner
    dropfolder: Folder | None = None
    code: CodeFiles | None = None
    time: TimeInHand | None = None  # of a daemon for tests
    mocks: Mocks | None = None  # the test cases of such a daemon
    link_secret: str = ""  # signs links
    started_ms: int = 0
    background: set[asyncio.Task[Any]] = field(default_factory=set)

    def __post_init__(self) -> None:
        object.__setattr__(self, "started_ms", self.started_ms or self.clock.now_ms())

    @property
    def listeners(self) -> list[str]:
        """Where this daemon is configured to listen."""
        listen = self.config.listen
        return [str(self.config.socket), *([f"http://{listen[0]}:{listen[1]}"] if listen else [])]

    async def runner_counts(self) -> Counts | None:
        """What goes on in the runner; None while none answers."""
        if not self.runner.connected:
            return None
        try:
            async with asyncio.timeout(WARM_S):
                counts: Counts = await self.runner.counts()
                return counts
        except (FlowdError, OSError, TimeoutError):
            return None

    async def package_states(self) -> Mapping[str, str]:
        """Functions whose packages are being installed, or cannot be had: what is to be said of it."""
        counts = await self.runner_counts()
        return {} if counts is None else counts.packages

    def tell(self, kind: str, name: str) -> None:
        """Something that consoles show is different now."""
        self.desk.tell(kind, name)

    @cached_property
    def pages(self) -> Pages:
        return Pages(self.core.db.database_id, self.clock)

    @cached_property
    def aliases(self) -> Aliases:
        return Aliases(self.core.db, self.machines, self.clock)

    @cached_property
    def desk(self) -> Desk:
        """Started and stopped by whoever made these services."""
        return Desk(self.core)

    @cached_property
    def audit(self) -> Audit:
        return self.desk.audit

    @cached_property
    def retries(self) -> Retries:
        return Retries(self.core, self.machines, self.audit)

    @cached_property
    def prompts(self) -> Prompts:
        return Prompts(self.core.db, self.core.tasks, self.audit, self.clock, self.desk.holds)

    def execution_arn(self, arn: str) -> arns.ExecutionArn:
        """An execution's ARN, checked, with its form in this daemon's region and account."""
        return arns.execution(arn, self.machines.region, self.machines.account)

    def any_execution_arn(self, arn: str) -> arns.ExecutionArn:
        """As `execution_arn`, of an EXPRESS execution too."""
        return arns.any_execution(arn, self.machines.region, self.machines.account)

    def map_run_arn(self, arn: str) -> arns.ExecutionArn:
        """A Map Run's ARN, checked, with its form in this daemon's region and account."""
        return arns.map_run(arn, self.machines.region, self.machines.account)

    def later(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Do something that the caller does not wait for."""
        task = asyncio.create_task(work, name=name)
        self.background.add(task)
        task.add_done_callback(self.background.discard)
