"""Which files of a drop folder mean something, by name and place alone. Reads directories, never a file's content."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from typing import NamedTuple

DEFINITIONS = (".asl.json", ".asl.yaml", ".asl.yml")
TEMPLATES = ("template.yaml", "template.yml")
CDK_OUT, CDK_TEMPLATE = "cdk.out", ".template.json"  # where `cdk synth` writes its templates
FUNCTIONS = "functions"
TASK_DEFINITION = ".taskdef.json"
_PASSED_OVER = {"node_modules", "__pycache__", "site-packages"}
_DEEPEST = 32


class Definition(NamedTuple):
    """`NAME.asl.json`, `NAME.asl.yaml` or `NAME.asl.yml`."""

    path: str
    name: str
    yaml: bool


class TemplateFile(NamedTuple):
    """The template of a project; `other` is a second template beside it, which is not read."""

    path: str
    folder: str
    other: str | None


class FunctionEntry(NamedTuple):
    """An entry of a `functions` folder: a file, or a folder that may hold `bootstrap`."""

    path: str
    is_folder: bool


class TaskDefinitionEntry(NamedTuple):
    """`NAME.taskdef.json`."""

    path: str


class PythonFile(NamedTuple):
    """A Python file that is not in a `functions` folder."""

    path: str


class Closed(NamedTuple):
    """A folder that cannot be read."""

    path: str
    reason: str


Entry = Definition | TemplateFile | FunctionEntry | TaskDefinitionEntry | PythonFile | Closed


def walk(root: str) -> Iterator[Entry]:
    """Everything under `root` that may mean something, in the order of the names. Raises OSError for `root` itself."""
    found = os.stat(root)
    yield from _folder(root, {(found.st_dev, found.st_ino)}, 0, first=True)


def _is_cdk(name: str) -> bool:
    return name.endswith(CDK_TEMPLATE)


def passed_over(name: str) -> bool:
    """True for hidden names and for folders that hold other people's code."""
    return name.startswith(".") or name in _PASSED_OVER


def _folder(path: str, seen: set[tuple[int, int]], depth: int, first: bool = False) -> Iterator[Entry]:
    try:
        with os.scandir(path) as listing:
            entries = sorted((entry for entry in listing if not passed_over(entry.name)), key=lambda each: each.name)
    except OSError as problem:
        if first:
            raise
        yield Closed(path, os.strerror(problem.errno or 0))
        return
    names = {entry.name for entry in entries}
    if "pyvenv.cfg" in names:
        return
    if os.path.basename(path) == CDK_OUT:
        yield from (TemplateFile(os.path.join(path, name), path, None) for name in sorted(names) if _is_cdk(name))
        return
    templates = [name for name in TEMPLATES if name in names]
    if templates:
        other = os.path.join(path, templates[1]) if len(templates) > 1 else None
        yield TemplateFile(os.path.join(path, templates[0]), path, other)
        return
    for entry in entries:
        if not _is_folder(entry):
            yield from _file(entry)
        elif depth < _DEEPEST and _is_new(entry, seen):
            inside = _functions if entry.name == FUNCTIONS else _folder
            yield from inside(entry.path, seen, depth + 1)


def _functions(path: str, seen: set[tuple[int, int]], depth: int) -> Iterator[Entry]:
    try:
        with os.scandir(path) as listing:
            entries = sorted((entry for entry in listing if not passed_over(entry.name)), key=lambda each: each.name)
    except OSError as problem:
        yield Closed(path, os.strerror(problem.errno or 0))
        return
    for entry in entries:
        yield FunctionEntry(entry.path, _is_folder(entry))


def _file(entry: os.DirEntry[str]) -> Iterator[Entry]:
    for ending in DEFINITIONS:
        if entry.name.endswith(ending) and len(entry.name) > len(ending):
            yield Definition(entry.path, entry.name.removesuffix(ending), ending != ".asl.json")
            return
    if entry.name.endswith(TASK_DEFINITION) and len(entry.name) > len(TASK_DEFINITION):
        yield TaskDefinitionEntry(entry.path)
    elif entry.name.endswith(".py"):
        yield PythonFile(entry.path)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_new(entry: os.DirEntry[str], seen: set[tuple[int, int]]) -> bool:
    """False for a folder that was read already by another way: symbolic links may lead in circles."""
    try:
        found = os.stat(entry.path)
    except OSError:
        return True
    identity = (found.st_dev, found.st_ino)
    new = stat.S_ISDIR(found.st_mode) and identity not in seen
    seen.add(identity)
    return new
