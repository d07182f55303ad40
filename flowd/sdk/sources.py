"""The text of one workflow file and of the modules it imports from its folder: syntax trees, never imported.

What they hold together is the version: a hash over paths and texts. Reading files is the caller's.
"""

from __future__ import annotations

import ast
import hashlib
import posixpath
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

SDK = "flowd.sdk"
WORKFLOW = f"{SDK}.workflow"
ACTIVITY = f"{SDK}.activity"
_HASH_DIGITS = 16
_LOOKS_LIKE_ONE = re.compile(r"^\s*@(\w+\.)*workflow\b", re.MULTILINE)

Read = Callable[[str], str | None]  # path below the folder -> text, None if there is no such file


class Finding(NamedTuple):
    """What is wrong at one place."""

    path: str
    line: int
    column: int
    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}: {self.code} {self.message}"


@dataclass(frozen=True)
class Module:
    """One file: its tree, and what names in it stand for."""

    path: str
    text: str
    tree: ast.Module
    names: dict[str, str]  # local name -> dotted origin
    locals: dict[str, str] = field(default_factory=dict)  # dotted module name -> path, of the folder's own modules


@dataclass(frozen=True)
class Sources:
    """A workflow file (`path`) with all it imports from its folder."""

    path: str
    modules: dict[str, Module]
    findings: tuple[Finding, ...] = ()

    @property
    def texts(self) -> dict[str, str]:
        """Every text by its path below the folder of the workflow file."""
        folder = posixpath.dirname(self.path)
        return {posixpath.relpath(path, folder or "."): each.text for path, each in self.modules.items()}

    @property
    def version(self) -> str:
        """The content hash: the same texts at the same places, the same version."""
        digest = hashlib.sha256()
        for path, text in sorted(self.texts.items()):
            for part in (path, text):
                encoded = part.encode("utf-8", "surrogatepass")
                digest.update(len(encoded).to_bytes(8, "big") + encoded)
        return digest.hexdigest()[:_HASH_DIGITS]


def looks_like_workflows(text: str) -> bool:
    """True for a text that would have @workflow if it could be parsed: so that a slip in it is reported."""
    return "flowd" in text and _LOOKS_LIKE_ONE.search(text) is not None


def load(path: str, read: Read) -> Sources:
    """Read a file and, as far as its folder has them, the modules it imports; what cannot be parsed is a finding."""
    modules: dict[str, Module] = {}
    findings: list[Finding] = []
    folder = posixpath.dirname(path)
    waiting = [path]
    while waiting:
        current = waiting.pop()
        if current in modules:
            continue
        text = read(current)
        if text is None:
            continue
        parsed = _parse(current, text)
        if isinstance(parsed, Finding):
            findings.append(parsed)
            continue
        names, imported = _imports(parsed, current, folder)
        local = {name: found for name in imported if (found := _find(name, folder, read)) is not None}
        modules[current] = Module(current, text, parsed, names, local)
        waiting += local.values()
        waiting += _packages(local.values(), folder, read)
    return Sources(path, modules, tuple(findings))


def _parse(path: str, text: str) -> ast.Module | Finding:
    try:
        return ast.parse(text)
    except SyntaxError as error:
        return Finding(path, error.lineno or 1, error.offset or 1, "SYNTAX", error.msg)
    except (ValueError, RecursionError, MemoryError) as error:
        return Finding(path, 1, 1, "SYNTAX", f"it cannot be parsed: {error}")


def _imports(tree: ast.Module, path: str, folder: str) -> tuple[dict[str, str], list[str]]:
    """What local names stand for, and every module name that is imported."""
    names: dict[str, str] = {}
    modules: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                modules.append(alias.name)
                names[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, path, folder)
            modules.append(base)
            for alias in node.names:
                modules.append(f"{base}.{alias.name}" if base else alias.name)
                names[alias.asname or alias.name] = modules[-1]
    return names, modules


def _absolute(node: ast.ImportFrom, path: str, folder: str) -> str:
    """The dotted name below the folder that `from . import x` means in this file."""
    if not node.level:
        return node.module or ""
    package = posixpath.dirname(path).removeprefix(folder).strip("/").split("/")
    kept = [part for part in package if part][: len([part for part in package if part]) - (node.level - 1) or None]
    return ".".join([*kept, *([node.module] if node.module else [])])


def _find(name: str, folder: str, read: Read) -> str | None:
    if not name or name.split(".")[0] == "flowd":
        return None
    base = posixpath.join(folder, *name.split("."))
    return next((path for path in (f"{base}.py", f"{base}/__init__.py") if read(path) is not None), None)


def _packages(paths: Iterable[str], folder: str, read: Read) -> list[str]:
    """The `__init__.py` files that an import of a module in a package runs as well."""
    found: list[str] = []
    for path in list(paths):
        above = posixpath.dirname(path)
        while above != folder and above.startswith(folder):
            init = posixpath.join(above, "__init__.py")
            if read(init) is not None:
                found.append(init)
            above = posixpath.dirname(above)
    return found


def dotted(node: ast.expr) -> str:
    """`a.b.c` of a name or attribute, "" of anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([node.id, *reversed(parts)])


def origin(module: Module, name: str) -> str:
    """What a dotted name in a module stands for: `dt.now` is `datetime.datetime.now` after the right import."""
    head, dot, rest = name.partition(".")
    return f"{module.names.get(head, head)}{dot}{rest}"


def decorated(module: Module, node: ast.AST, what: str) -> ast.expr | None:
    """The decorator of a definition that is `what` (WORKFLOW or ACTIVITY)."""
    for decorator in getattr(node, "decorator_list", []):
        inner = decorator.func if isinstance(decorator, ast.Call) else decorator
        if origin(module, dotted(inner)) in (what, what.rpartition(".")[2]):
            found: ast.expr = decorator
            return found
    return None
