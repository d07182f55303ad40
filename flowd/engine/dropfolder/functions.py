"""Entries of a `functions` folder -> FunctionSpec, and where a template's function has its code. It runs no user code.

NAME.py with a `handler`, NAME.js, an executable NAME, NAME/bootstrap. A folder without `bootstrap` and a Python file
without a top-level `handler` are what functions share, and are no functions themselves.
"""

from __future__ import annotations

import ast
import os
import re
import stat
import zipfile
from typing import NamedTuple

from flowd.asl.diagnostics import Diagnostic
from flowd.engine.dropfolder.reading import Reader, Unusable
from flowd.engine.dropfolder.snapshot import FUNCTION_INVALID, IGNORED, UNREADABLE
from flowd.engine.dropfolder.walk import FunctionEntry
from flowd.functions import FunctionSpec, Kind

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")  # API reference, CreateFunction
_NODE = (".js", ".mjs", ".cjs")
_MODULES = {"python": (".py", "/__init__.py"), "node": _NODE}


class Found(NamedTuple):
    """What one entry is: a function (perhaps a broken one), or nothing with or without a word about it."""

    spec: FunctionSpec | None
    diagnostics: tuple[Diagnostic, ...] = ()


def read_function(entry: FunctionEntry, reader: Reader, source: str) -> Found:
    """The function of an entry. A syntax error keeps the function: it is told here, and its calls fail as on AWS."""
    file_name = os.path.basename(entry.path)
    stem, ending = os.path.splitext(file_name)
    if entry.is_folder:
        bootstrap = os.path.join(entry.path, "bootstrap")
        if not os.path.lexists(bootstrap):
            return Found(None)
        return _named(file_name, "bootstrap", entry.path, source, _executable(bootstrap))
    if ending == ".py":
        return _python(entry.path, stem, reader, source)
    if ending in _NODE:
        return _named(stem, "node", entry.path, source, _regular(entry.path))
    return _program(entry.path, stem, ending, source)


def _program(path: str, stem: str, ending: str, source: str) -> Found:
    """A file of another kind is a function if it may be executed; `backup.sh` is the function `backup`."""
    reason = _regular(path)
    if reason is None and not os.access(path, os.X_OK):
        if ending:
            return Found(None)  # data, notes, sample inputs
        hint = "not executable, so it is no function; `chmod +x` makes it one"
        return Found(None, (Diagnostic("WARNING", IGNORED, hint),))
    return _named(stem, "executable", path, source, reason)


def _named(name: str, kind: Kind, path: str, source: str, reason: str | None) -> Found:
    if _NAME.fullmatch(name) is None:
        reason = f"{name!r} is no name of a function: 1 to 64 of A-Z a-z 0-9 - _"
    if reason is not None:
        return Found(None, (Diagnostic("ERROR", FUNCTION_INVALID, reason),))
    return Found(FunctionSpec(name=name, kind=kind, path=path, source=source))


def _python(path: str, stem: str, reader: Reader, source: str) -> Found:
    try:
        tree = ast.parse(reader.text(path))
    except Unusable as problem:
        return Found(None, (Diagnostic("ERROR", UNREADABLE, problem.message, None, problem.line, problem.column),))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as problem:
        line, column = _place(problem)
        diagnostic = Diagnostic("ERROR", FUNCTION_INVALID, f"not Python: {_said(problem)}", None, line, column)
        return Found(_named(stem, "python", path, source, None).spec, (diagnostic,))
    return _named(stem, "python", path, source, None) if "handler" in _top_level(tree) else Found(None)


def _place(problem: BaseException) -> tuple[int, int]:
    return (problem.lineno or 0, problem.offset or 0) if isinstance(problem, SyntaxError) else (0, 0)


def _said(problem: BaseException) -> str:
    return (problem.msg if isinstance(problem, SyntaxError) else str(problem)) or type(problem).__name__


def _top_level(tree: ast.Module) -> set[str]:
    """Names that the module binds at its top level, also inside `if` and `try`."""
    names: set[str] = set()
    blocks: list[ast.stmt] = list(tree.body)
    while blocks:
        node = blocks.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            names.update(alias.asname or alias.name for alias in node.names)
            continue
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.stmt):
                blocks.append(child)
            elif isinstance(child, ast.ExceptHandler):
                blocks.extend(child.body)
            else:
                names.update(each.id for each in ast.walk(child) if isinstance(each, ast.Name))
    return names


def workflow_line(text: str) -> int:
    """The line of the first `@workflow` in a Python text, 0 if there is none (or the text is no Python)."""
    if "workflow" not in text:
        return 0
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return 0
    lines = [
        decorator.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        for decorator in node.decorator_list
        if _decorator(decorator) == "workflow"
    ]
    return min(lines, default=0)


def _decorator(node: ast.expr) -> str:
    """`@workflow`, `@workflow(...)` and `@sdk.workflow(...)` all say `workflow`."""
    if isinstance(node, ast.Call):
        node = node.func
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _regular(path: str) -> str | None:
    """Why `path` is no file that can be run or loaded, or None."""
    try:
        mode = os.stat(path).st_mode
    except OSError as problem:
        return f"it cannot be reached: {os.strerror(problem.errno or 0)}"
    if not stat.S_ISREG(mode):
        return "it is not a regular file"
    return None if os.access(path, os.R_OK) else "it may not be read (permission denied)"


def _executable(path: str) -> str | None:
    reason = _regular(path)
    if reason is None and not os.access(path, os.X_OK):
        reason = "bootstrap is not executable; `chmod +x` makes it so"
    return reason


class Code:
    """Finds the code of a template's functions. `asked` collects the paths that the answer depends on."""

    def __init__(self, root: str, folder: str) -> None:
        self._allowed = (os.path.realpath(root), os.path.realpath(folder))
        self._folder = folder
        self.asked: list[str] = []

    def inside(self, path: str) -> bool:
        """A template may point anywhere in the drop folder and in its own folder, but not at the rest of the disk."""
        real = os.path.realpath(path)
        return any(os.path.commonpath([real, allowed]) == allowed for allowed in self._allowed)

    def resolve(self, path: str) -> str:
        return os.path.normpath(os.path.join(self._folder, path))

    def find_folder(self, path: str) -> tuple[str, str | None]:
        """flowd.sam.layers.FindFolder: the folder, or why it cannot be used."""
        folder = self.resolve(path)
        self.asked.append(folder)
        if not self.inside(folder):
            return "", f"{path} leads out of the drop folder"
        if os.path.isfile(folder) and zipfile.is_zipfile(folder):
            stem = os.path.splitext(path)[0]
            return (
                "",
                f"{path} is a zip file, and code is run from folders: unzip it into {stem} and say {stem} instead",
            )
        if not os.path.isdir(folder):
            return "", f"{path}: there is no such folder beside the template"
        return folder, None

    def find(self, path: str, kind: Kind, handler: str) -> tuple[str, str | None]:
        """flowd.sam.functions.FindCode: the folder, or why it cannot be used."""
        folder, reason = self.find_folder(path)
        if reason is not None:
            return "", f"CodeUri {reason}"
        if kind == "bootstrap":
            bootstrap = os.path.join(folder, "bootstrap")
            self.asked.append(bootstrap)
            reason = _executable(bootstrap)
            return folder, f"CodeUri {path}: {reason}" if reason is not None else None
        module = os.path.join(folder, handler.rpartition(".")[0].replace(".", "/"))
        candidates = [module + ending for ending in _MODULES[kind]]
        self.asked.extend(candidates)
        if not any(os.path.isfile(candidate) for candidate in candidates):
            return "", f"the handler {handler}: CodeUri {path} has no file {os.path.basename(candidates[0])}"
        return folder, None
