"""What can be said of workflow files without running them: names that make a replay differ, and slips of declaration.

Reachable from a `@workflow` are functions and classes that it names, in its file and in modules of its folder. It is a
help and no boundary: the guarantee is the comparison of the replay.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from flowd.sdk.sources import ACTIVITY, SDK, WORKFLOW, Finding, Module, Sources, decorated, dotted, origin

NOT_DETERMINISTIC: Final = "NOT_DETERMINISTIC"
INVALID: Final = "WORKFLOW_INVALID"

_ACTIVITY = "do it in an activity"
#: dotted name, or a module's name with a dot at its end -> what to use instead
INSTEAD: Final[dict[str, str]] = {
    "time.sleep": "await sleep(seconds)",
    "time.": "now()",
    "datetime.datetime.now": "now()",
    "datetime.datetime.utcnow": "now()",
    "datetime.datetime.today": "now()",
    "datetime.date.today": "now().date()",
    "random.": "random(), as in random().choice(...)",
    "secrets.": "uuid4() or random(); for real secrets an activity",
    "uuid.uuid1": "uuid4() of flowd.sdk",
    "uuid.uuid4": "uuid4() of flowd.sdk",
    "os.urandom": "random().randbytes(n)",
    "os.getenv": "an activity, or side_effect(lambda: os.getenv(...))",
    "os.environ": "an activity, or side_effect(lambda: os.environ[...])",
    "os.": _ACTIVITY,
    "open": _ACTIVITY,
    "io.open": _ACTIVITY,
    "input": "Queue(...).ask(...)",
    "asyncio.sleep": "await sleep(seconds)",
    "asyncio.gather": "gather(...)",
    "asyncio.wait_for": "async with timeout(seconds)",
    "asyncio.timeout": "async with timeout(seconds)",
    "asyncio.create_task": "start(...)",
    "asyncio.wait": "first(...) or any_of(...)",
    "asyncio.": "gather(), first(), start(), timeout(), Signal and Queue of flowd.sdk",
    "threading.": "gather() or start()",
    "_thread.": "gather() or start()",
    "multiprocessing.": _ACTIVITY,
    "concurrent.futures.": "gather() or start()",
    "subprocess.": _ACTIVITY,
    "socket.": _ACTIVITY,
    "urllib.request.": _ACTIVITY,
    "http.client.": _ACTIVITY,
    "requests.": _ACTIVITY,
    "httpx.": _ACTIVITY,
    "boto3.": _ACTIVITY,
    "sqlite3.": _ACTIVITY,
    "shutil.": _ACTIVITY,
    "tempfile.": _ACTIVITY,
}
#: names of those modules that are the same at every replay
FINE: Final = (
    "asyncio.CancelledError", "asyncio.TimeoutError", "os.path", "os.sep", "os.linesep", "os.PathLike", "os.fspath",
    "random.Random", "time.strftime", "time.strptime", "time.gmtime", "time.struct_time",
    "subprocess.CalledProcessError", "socket.gaierror", "requests.exceptions",
)  # fmt: skip
_EXEMPT = f"{SDK}.side_effect"
_FORBIDDEN_IN_NAMES = set(":/|")


@dataclass(frozen=True)
class Declared:
    """A workflow that a file declares."""

    name: str
    path: str
    line: int


@dataclass
class Checked:
    """What was found in one workflow file and its modules."""

    workflows: list[Declared] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def check(sources: Sources) -> Checked:
    """Everything about a workflow file. Without findings it may be loaded."""
    found = Checked(findings=list(sources.findings))
    main = sources.modules.get(sources.path)
    if main is not None:
        for node in main.tree.body:
            decorator = decorated(main, node, WORKFLOW)
            if decorator is not None and isinstance(node, Definition):
                _declare(main, node, decorator, found)
    reach = _Reach(sources, found)
    for path in sorted(sources.modules):
        module = sources.modules[path]
        for node in module.tree.body:
            if isinstance(node, ast.AsyncFunctionDef) and decorated(module, node, WORKFLOW) is not None:
                reach.visit(module, node, f"the workflow {node.name}")
    found.findings.sort()
    return found


def _declare(module: Module, node: Definition, decorator: ast.expr, found: Checked) -> None:
    name, problem = node.name, ""
    for keyword in decorator.keywords if isinstance(decorator, ast.Call) else []:
        if keyword.arg == "remote" and isinstance(keyword.value, ast.Constant) and keyword.value.value:
            return
        if keyword.arg == "name":
            literal = keyword.value.value if isinstance(keyword.value, ast.Constant) else None
            problem = "" if isinstance(literal, str) else "name= must be a literal text: it is read without running it"
            name = literal if isinstance(literal, str) else name
    if not isinstance(node, ast.AsyncFunctionDef):
        problem = "a workflow is an `async def`: it awaits activities, timers, signals and children"
    elif not 0 < len(name) <= 256 or _FORBIDDEN_IN_NAMES & set(name) or name == "arn":
        problem = f"{name!r} is no name of a workflow: 1 to 256 characters without : / |"
    elif node.args.vararg or node.args.kwarg:
        problem = "*args and **kwargs have no names in JSON: name every parameter"
    elif any(each.name == name for each in found.workflows):
        problem = f"there is another workflow {name} in this file"
    if problem:
        found.findings.append(Finding(module.path, node.lineno, node.col_offset + 1, INVALID, problem))
    found.workflows.append(Declared(name, module.path, node.lineno))


class _Reach:
    """Walks from workflow functions to everything they name."""

    def __init__(self, sources: Sources, found: Checked) -> None:
        self._sources = sources
        self._found = found
        self._seen: set[tuple[str, str]] = set()
        self._top = {path: _top_level(module) for path, module in sources.modules.items()}

    def visit(self, module: Module, node: ast.AST, where: str) -> None:
        """Look through one definition."""
        key = (module.path, getattr(node, "name", ""))
        if key in self._seen:
            return
        self._seen.add(key)
        for name, place in _names(module, node, frozenset()):
            self._judge(module, name, place, where)

    def _judge(self, module: Module, name: str, place: ast.expr, where: str) -> None:
        whole = origin(module, name)
        head = name.partition(".")[0]
        target = self._top[module.path].get(head)
        if target is not None and head not in module.names:
            self._follow(module, target, where)
            return
        for prefix, path in module.locals.items():
            if whole == prefix or whole.startswith(f"{prefix}."):
                inner = whole.removeprefix(prefix).lstrip(".").partition(".")[0]
                definition = self._top.get(path, {}).get(inner)
                if definition is not None:
                    self._follow(self._sources.modules[path], definition, where)
                return
        instead = _instead(whole)
        if instead:
            message = f"{whole} in {where} is not the same at every replay: use {instead}"
            column = place.col_offset + 1
            self._found.findings.append(Finding(module.path, place.lineno, column, NOT_DETERMINISTIC, message))

    def _follow(self, module: Module, node: Definition, where: str) -> None:
        if decorated(module, node, ACTIVITY) is None and decorated(module, node, WORKFLOW) is None:
            self.visit(module, node, f"{node.name}(), which {where} uses" if " uses" not in where else where)


def _top_level(module: Module) -> dict[str, Definition]:
    return {node.name: node for node in module.tree.body if isinstance(node, Definition)}


def _instead(name: str) -> str:
    """What to use instead of a name; "" if it is fine. A longer entry goes before its module's."""
    if any(name == fine or name.startswith(f"{fine}.") for fine in FINE):
        return ""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        prefix = ".".join(parts[:count])
        if prefix in INSTEAD:
            return INSTEAD[prefix]
        if count < len(parts) and f"{prefix}." in INSTEAD:
            return INSTEAD[f"{prefix}."]
    return ""


def _names(module: Module, node: ast.AST, bound: frozenset[str]) -> Iterator[tuple[str, ast.expr]]:
    """Every dotted name that is read within, without those that are local variables there, and without side effects."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        bound = bound | _bound(node)
    if isinstance(node, ast.Call) and origin(module, dotted(node.func)) in (_EXEMPT, "side_effect"):
        return
    if isinstance(node, ast.Attribute | ast.Name):
        name = dotted(node)
        if name:
            if isinstance(node.ctx, ast.Load) and name.partition(".")[0] not in bound:
                yield name, node
            return
    for child in _children(node):
        yield from _names(module, child, bound)


def _children(node: ast.AST) -> Iterator[ast.AST]:
    """What runs: no annotations."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns"):
            continue
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, ast.AST):
                yield each


def _bound(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> set[str]:
    """Parameters and assigned names of a function; an import within is no local of ours."""
    arguments = node.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    names = {argument.arg for argument in every if argument is not None}
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
            names.add(inner.id)
        elif isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and inner is not node:
            names.add(inner.name)
    return names
