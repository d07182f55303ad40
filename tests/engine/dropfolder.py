"""A drop folder under a test's hand: what it publishes is written down, and its looks come when the test says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from flowd.asl.diagnostics import Diagnostic
from flowd.clock import ManualClock
from flowd.engine.dropfolder.scan import Scanner
from flowd.engine.dropfolder.snapshot import FileReport, Owner, TaskDefinitionFile, WorkflowFile, is_kept
from flowd.engine.dropfolder.watch import DropFolder
from flowd.functions import FunctionSpec
from flowd.routes import Route
from flowd.sam.project import Listed, MachineType, SamResource, SamSource
from flowd.sam.schedules import SamSchedule

GOOD, BETTER, BAD = "good", "better", "bad"


class Recorder:
    """A registrar without an engine. It refuses texts that begin with `bad`, and keeps what was good."""

    def __init__(self, machines: dict[str, tuple[str, str]] | None = None) -> None:
        self.machines = machines or {}  # name -> (text, source)
        self.functions: list[str] = []
        self.schedules: dict[str, SamSchedule] = {}
        self.task_definitions: list[str] = []
        self.files: dict[str, FileReport] = {}
        self.workflows: dict[str, str] = {}
        self.calls: list[str] = []
        self.failing = ""
        self.changed = asyncio.Condition()

    async def _note(self, call: str) -> None:
        if self.failing and call.startswith(self.failing):
            raise OSError("the disk is full")
        self.calls.append(call)
        async with self.changed:
            self.changed.notify_all()

    async def set_workflows(
        self, files: Sequence[WorkflowFile], kept: frozenset[str]
    ) -> Mapping[str, Sequence[Diagnostic]]:
        await self._note(f"workflows {' '.join(file.path for file in files)}")
        self.workflows = {file.path: file.version for file in files}
        return {}

    async def owned_machines(self) -> Mapping[str, str]:
        return {name: source for name, (_, source) in self.machines.items()}

    async def publish_machine(
        self, name: str, definition_text: str, type: MachineType, source: str, owner: Owner, yaml: bool
    ) -> list[Diagnostic]:
        await self._note(f"publish {name} {definition_text}")
        if definition_text.startswith(BAD):
            return [Diagnostic("ERROR", "INVALID_JSON_DESCRIPTION", "not JSON", "/States/A", 1, 4)]
        self.machines[name] = (definition_text, source)
        return []

    async def retire_machine(self, name: str, source: str) -> None:
        await self._note(f"retire {name}")
        del self.machines[name]

    async def set_functions(self, functions: Sequence[FunctionSpec]) -> None:
        await self._note(f"functions {' '.join(function.name for function in functions)}")
        self.functions = [function.name for function in functions]

    async def set_schedules(self, schedules: Sequence[SamSchedule], kept: frozenset[str]) -> None:
        await self._note(f"schedules {' '.join(schedule.name for schedule in schedules)}")
        stay = {name: each for name, each in self.schedules.items() if is_kept(each.source, kept)}
        self.schedules = {**stay, **{schedule.name: schedule for schedule in schedules}}

    async def set_projects(
        self, projects: Mapping[str, tuple[Listed, ...]], resources: Sequence[SamResource], kept: frozenset[str]
    ) -> bool:
        await self._note(f"projects {' '.join(each.resource for each in resources)}")
        return True

    async def set_sources(self, sources: Sequence[SamSource]) -> None:
        await self._note(f"sources {' '.join(each.name for each in sources)}")

    async def set_routes(self, routes: Sequence[Route]) -> None:
        await self._note(f"routes {' '.join(each.path for each in routes)}")

    async def set_task_definitions(self, definitions: Sequence[TaskDefinitionFile], kept: frozenset[str]) -> None:
        await self._note(f"definitions {' '.join(each.name for each in definitions)}")
        self.task_definitions = [each.name for each in definitions]

    async def report(self, files: Sequence[FileReport]) -> None:
        self.files = {file.path: file for file in files}
        await self._note("report")

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            async with self.changed:
                await self.changed.wait_for(true)


class Hand:
    """A watch that is moved by hand."""

    def __init__(self) -> None:
        self.batches: asyncio.Queue[bool | Exception] = asyncio.Queue()
        self.begun: list[bool] = []

    async def __call__(self, folder: str, stop: asyncio.Event, polling: bool) -> AsyncGenerator[bool, None]:
        self.begun.append(polling)
        stopping = asyncio.ensure_future(stop.wait())
        try:
            while True:
                batch = asyncio.ensure_future(self.batches.get())
                await asyncio.wait({stopping, batch}, return_when=asyncio.FIRST_COMPLETED)
                if not batch.done():
                    batch.cancel()
                    return
                found = batch.result()
                if isinstance(found, Exception):
                    raise found
                yield found
        finally:
            stopping.cancel()


Stage = tuple[Path, Recorder, DropFolder]


@asynccontextmanager
async def drop(folder: Path, recorder: Recorder | None = None, hand: Hand | None = None) -> AsyncIterator[Stage]:
    registrar = recorder or Recorder()
    watch = hand or Hand()
    service = DropFolder(Scanner(str(folder)), registrar, ManualClock(), watch=watch, settle_s=0.02, retry_s=0.02)
    await service.start()
    try:
        yield folder, registrar, service
    finally:
        await service.stop()
