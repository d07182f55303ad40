"""Imports a workflow file, in a process that may run it: a worker, `flowd run`, a test. The daemon never does."""

from __future__ import annotations

import importlib.util
import os
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path

from flowd.sdk.check import Checked, check
from flowd.sdk.errors import SdkError
from flowd.sdk.registry import Registry, registry_of
from flowd.sdk.sources import Finding, Sources, load


class NotLoadable(SdkError):
    """A workflow file cannot be loaded; `findings` say where and why."""

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__("\n".join(str(finding) for finding in findings))
        self.findings = findings


@dataclass(frozen=True)
class Loaded:
    """A file's types, and what it is made of."""

    registry: Registry
    sources: Sources
    folder: Path

    @property
    def files(self) -> list[str]:
        """Absolute paths of the file and its modules: whose calls the guard looks at."""
        return [str(self.folder / path) for path in self.sources.modules]


def read_sources(path: Path) -> tuple[Sources, Checked]:
    """A file as the daemon sees it. Raises NotLoadable if there is something to be said against it."""
    folder = path.absolute().parent

    def read(name: str) -> str | None:
        try:
            return (folder / name).read_text("utf-8-sig")
        except (OSError, UnicodeError):
            return None

    sources = load(path.name, read)
    checked = check(sources)
    if path.name not in sources.modules and not checked.findings:
        raise NotLoadable([Finding(str(path), 1, 1, "UNREADABLE", "the file cannot be read as UTF-8 text")])
    if checked.findings:
        raise NotLoadable(checked.findings)
    return sources, checked


def load_file(path: Path) -> Loaded:
    """Check it, import it, and find its types."""
    sources, _ = read_sources(path)
    folder = path.absolute().parent
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    name = path.stem
    spec = importlib.util.spec_from_file_location(name, path.absolute())
    if spec is None or spec.loader is None:
        raise NotLoadable([Finding(str(path), 1, 1, "IMPORT", "it cannot be imported as Python")])
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
        registry = registry_of(vars(module))
    except SdkError as error:
        raise NotLoadable([_located(error, path, folder)]) from None
    except (Exception, SystemExit) as error:
        raise NotLoadable([_located(error, path, folder)]) from error
    return Loaded(registry, sources, folder)


def _located(error: BaseException, path: Path, folder: Path) -> Finding:
    """At the innermost line of the folder's own code."""
    line, file = 1, path.name
    for frame in traceback.extract_tb(error.__traceback__):
        if os.path.realpath(frame.filename).startswith(os.path.realpath(folder) + os.sep):
            line, file = frame.lineno or 1, os.path.relpath(frame.filename, folder)
    message = str(error) if isinstance(error, SdkError) else f"{type(error).__name__}: {error}"
    return Finding(file, line, 1, "IMPORT", message)
