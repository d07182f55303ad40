"""Code-first workflow files in force: a snapshot of each version, the one for new executions, old ones while needed.

What a file holds is written below the data folder under its hash and run from there by a worker process; the daemon
never imports it. A version goes when it is not current and no open execution has it.
"""

from __future__ import annotations

import asyncio
import logging
import re
import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path, PurePosixPath

import msgspec

from flowd import background, durable
from flowd.asl.diagnostics import Diagnostic
from flowd.clock import Clock
from flowd.engine.codeworkers import REFUSED, CodeWorkers, Worker
from flowd.engine.dropfolder.snapshot import NOT_STORED, WorkflowFile
from flowd.engine.swf.registry import Registry
from flowd.store import code
from flowd.store.database import Database
from flowd.store.schema_code import CodeVersion
from flowd.swf.draft import list_key
from flowd.swf.registration import DEPRECATED

log = logging.getLogger(__name__)
DOMAIN = "flowd"
_SWEEP_S = 30.0
_FOUND = re.compile(
    r"^ERROR flowd\.worker: (?P<path>[^\n]+?):(?P<line>\d+):(?P<column>\d+): (?P<code>[A-Z_]+) (?P<message>.*)$", re.M
)


class CodeFiles:
    """All code-first workflow files of this daemon."""

    def __init__(self, db: Database, clock: Clock, swf: Registry, workers: CodeWorkers, folder: Path) -> None:
        self._db = db
        self._clock = clock
        self._swf = swf
        self._folder = folder
        self.workers = workers
        self._rows: dict[str, CodeVersion] = {}
        self._refused: dict[str, list[Diagnostic]] = {}  # version -> why it cannot be imported
        self._sweeping: asyncio.Task[None] | None = None

    # ---- life ------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Take up the versions that were in force or needed."""
        self._rows = {row.version: row for row in await self._db.read(code.every)}
        for row in self._rows.values():
            self._ensure(row)
        self._sweeping = asyncio.create_task(self._sweep_now_and_then(), name="code: sweep")

    async def stop(self, and_processes: bool) -> None:
        await background.end(self._sweeping)
        await self.workers.stop(and_processes)

    # ---- what is in force ------------------------------------------------------------------------------------------

    @property
    def versions(self) -> list[CodeVersion]:
        return list(self._rows.values())

    def current(self, name: str) -> CodeVersion | None:
        """The version that new executions of a workflow take."""
        return next((row for row in self._rows.values() if row.current and name in names_of(row)), None)

    def current_version(self, domain: str, name: str) -> str | None:
        """What `current` stands for where a program starts a workflow of a file."""
        row = self.current(name) if domain == DOMAIN else None
        return row.version if row is not None else None

    async def set_files(
        self, files: Sequence[WorkflowFile], keeps: Callable[[str], bool]
    ) -> dict[str, list[Diagnostic]]:
        """Exactly these files are in force, beside those that say nothing now; what is to be said of each."""
        said: dict[str, list[Diagnostic]] = {}
        for file in files:
            row = self._rows.get(file.version)
            if row is None or not row.current or row.path != file.path:
                said[file.path] = await self._adopt(file)
        there = {file.path for file in files}
        for row in [row for row in self._rows.values() if row.current]:
            if row.path not in there and not keeps(row.path):
                await self._db.write(partial(code.retire, version=row.version))
                row.current = False
                log.info("%s is gone: its workflows take no new executions", row.path)
        return said

    async def _adopt(self, file: WorkflowFile) -> list[Diagnostic]:
        """A new version of a file, once it can be imported."""
        if file.version in self._refused:
            return self._refused[file.version]
        await asyncio.to_thread(self._write, file)
        end = await self.workers.check(file.version, self._file(file.version, file.path))
        if end.exit_code == REFUSED:
            found = _diagnostics(file.path, end.log)
            self._refused[file.version] = found
            return found
        if end.exit_code != 0:
            told = end.reason or end.log.strip()[-500:] or f"exit status {end.exit_code}"
            return [Diagnostic("ERROR", NOT_STORED, f"it could not be tried, and will be again: {told}")]
        row = CodeVersion(
            version=file.version,
            path=file.path,
            names=msgspec.json.encode(file.names).decode(),
            created_ms=self._clock.now_ms(),
        )
        await self._db.write(partial(code.put_current, row=row.model_copy()))
        for other in self._rows.values():
            other.current = other.current and other.path != file.path
        self._rows[file.version] = row
        self._ensure(row)
        return []

    # ---- snapshots -------------------------------------------------------------------------------------------------

    def _file(self, version: str, path: str) -> Path:
        return self._folder / version / PurePosixPath(path).name

    def _write(self, file: WorkflowFile) -> None:
        """The texts, whole or not at all, and before the row that says they are there."""
        target = self._folder / file.version
        if target.is_dir():
            return
        making = self._folder / f".{file.version}"
        shutil.rmtree(making, ignore_errors=True)
        for name, text in file.texts.items():
            durable.make_folders((making / name).parent)
            durable.write(making / name, text.encode())
            durable.sync((making / name).parent)
        durable.put(making, target)

    def _ensure(self, row: CodeVersion) -> None:
        self.workers.ensure(row.version, self._file(row.version, row.path), task_list(row))

    # ---- old versions ----------------------------------------------------------------------------------------------

    async def _sweep_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_S)
            try:
                await self.sweep()
            except Exception:
                log.exception("old versions of workflow files could not be looked through; it is tried again")

    async def sweep(self) -> None:
        """End the versions that nobody needs."""
        old = [row for row in self._rows.values() if not row.current]
        if not old:
            return
        needed = await self._db.read(partial(code.open_versions, domain=DOMAIN))
        for row in [row for row in old if row.version not in needed]:
            log.info("version %s of %s has no open executions any more", row.version, row.path)
            await self.workers.end(row.version)
            await self._deprecate(row.version)
            await self._db.write(partial(code.delete, version=row.version))
            del self._rows[row.version]
            await asyncio.to_thread(shutil.rmtree, self._folder / row.version, True)

    async def _deprecate(self, version: str) -> None:
        """Its types take no new executions; a worker that brings the version back brings them back."""
        for domain in self._swf.domains:
            if domain.name == DOMAIN:
                for each in list(domain.types.values()):
                    if each.version == version and each.status != DEPRECATED:
                        await self._swf.deprecate_type(DOMAIN, each.key)

    def task_lists(self) -> list[str]:
        """What the workers of this daemon poll: the keys of their lists, for decisions and for activities."""
        running = [row for row in self._rows.values() if (kept := self.worker(row)) and kept.status != "REFUSED"]
        return [list_key(kind, DOMAIN, task_list(row)) for row in running for kind in ("decision", "activity")]

    def worker(self, row: CodeVersion) -> Worker | None:
        return self.workers.get(row.version)


def names_of(row: CodeVersion) -> list[str]:
    """The workflows of a version."""
    return msgspec.json.decode(row.names, type=list[str])


def task_list(row: CodeVersion) -> str:
    """Where its worker polls: a list of its own, so that versions never meet."""
    return f"{PurePosixPath(row.path).stem}-{row.version}"


def _diagnostics(path: str, text: str) -> list[Diagnostic]:
    """What a worker said of a file that it cannot load."""
    found = []
    for each in _FOUND.finditer(text):
        elsewhere = each["path"] != PurePosixPath(path).name
        message = f"{each['path']}:{each['line']}: {each['message']}" if elsewhere else each["message"]
        line, column = (1, 1) if elsewhere else (int(each["line"]), int(each["column"]))
        found.append(Diagnostic("ERROR", each["code"], message, None, line, column))
    return found or [Diagnostic("ERROR", "IMPORT", text.strip()[-500:] or "it cannot be imported", None, 1, 1)]
