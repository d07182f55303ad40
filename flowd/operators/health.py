"""How the daemon is: numbers, sizes, and problems in words that say what to do."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from flowd.store import health
from flowd.store.database import Database, Session


class Runner(Protocol):
    """The line to the program that runs user code."""

    @property
    def connected(self) -> bool: ...

    @property
    def problem(self) -> str: ...

    async def counts(self) -> Any: ...


@dataclass(frozen=True)
class Health:
    """The state of the daemon at one moment."""

    numbers: health.Numbers
    database_bytes: int
    wal_bytes: int
    runner_up: bool
    writable: bool
    problems: list[str]


async def look(db: Database, runner: Runner, functions: int, folder: str | None = None) -> Health:
    """Look at everything once. `folder`: why the drop folder is not read, in words."""
    numbers, database_bytes, wal_bytes = await db.read(partial(_measure, path=db.path))
    return Health(
        numbers=numbers,
        database_bytes=database_bytes,
        wal_bytes=wal_bytes,
        runner_up=runner.connected,
        writable=db.writable,
        problems=_problems(db, numbers, runner.problem, functions, folder),
    )


def _measure(session: Session, path: Path) -> tuple[health.Numbers, int, int]:
    return health.numbers(session), size_of(path), size_of(path.with_name(f"{path.name}-wal"))


def size_of(path: Path) -> int:
    """Bytes of a file; 0 if there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _problems(db: Database, numbers: health.Numbers, runner: str, functions: int, folder: str | None) -> list[str]:
    found = []
    if not db.writable:
        found.append(f"the database cannot be written ({db.last_error}): free disk space or mend the disk")
    if runner and functions:
        found.append(f"functions wait: {runner}")
    if folder is not None:
        found.append(f"{folder}; what it held stays in force")
    if numbers.rejected_files:
        files = "1 file is" if numbers.rejected_files == 1 else f"{numbers.rejected_files} files are"
        found.append(f"{files} rejected: `flowd check` on the workflows folder tells why")
    return found
