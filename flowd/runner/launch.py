"""How a function's process is started: command line, environment, limits. Nothing here starts one.

A process gets a clean environment: what the daemon gave for all functions, what the function's own settings say, and
the names that Lambda reserves. Of the runner's own environment only the search path is passed on.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from flowd.clock import iso8601
from flowd.functions import FunctionSpec, Kind
from flowd.runner import layers

_HERE = Path(__file__).parent / "bootstrap"
_RUNTIME_NAMES: Final[dict[Kind, str]] = {
    "python": f"AWS_Lambda_python{sys.version_info.major}.{sys.version_info.minor}",
    "node": "AWS_Lambda_nodejs",
    "executable": "AWS_Lambda_provided",
    "bootstrap": "AWS_Lambda_provided",
}


class Command(msgspec.Struct, frozen=True):
    """What to execute, where, with which environment; `why_not` says that it cannot be."""

    arguments: list[str]
    folder: str
    environment: dict[str, str]
    why_not: str = ""


def task_root(spec: FunctionSpec) -> str:
    """LAMBDA_TASK_ROOT: the folder of the function; also its working directory."""
    return spec.path if os.path.isdir(spec.path) else os.path.dirname(spec.path)


def entry_file(spec: FunctionSpec) -> str:
    """The file whose change asks for a new process, known before anything is loaded."""
    if not os.path.isdir(spec.path):
        return spec.path
    if spec.kind == "bootstrap":
        return os.path.join(spec.path, "bootstrap")
    module = os.path.join(spec.path, spec.handler.rpartition(".")[0])
    endings = (".py",) if spec.kind == "python" else (".js", ".mjs", ".cjs")
    return next((module + ending for ending in endings if os.path.exists(module + ending)), module + endings[0])


def command(
    spec: FunctionSpec,
    environment: Mapping[str, str],
    now_ms: int,
    stream: str,
    channel: int = -1,
    packages: Sequence[str] = (),
) -> Command:
    """The process of one function; `stream` is a random name for its log stream, `channel` an inherited socket.

    `packages` are folders of installed packages.
    """
    root = task_root(spec)
    arguments, why_not = _BUILDERS[spec.kind](spec, root, channel)
    if not why_not and not os.path.isdir(root):
        why_not = f"the folder {root} of the function does not exist"
    variables = _environment(spec, root, environment, now_ms, stream)
    return Command(arguments, root, variables | _search(spec, variables, packages), why_not)


def _search(spec: FunctionSpec, variables: Mapping[str, str], packages: Sequence[str]) -> dict[str, str]:
    """Where the function looks for packages and programs: what was installed, its layers, what its settings say."""
    found = layers.search(spec)
    if packages:
        name = layers.VARIABLES[spec.kind]
        found[name] = [*packages, *found.get(name, [])]
    return {name: os.pathsep.join([*folders, *filter(None, [variables.get(name)])]) for name, folders in found.items()}


def _python(spec: FunctionSpec, root: str, channel: int) -> tuple[list[str], str]:
    # A function may bring its own packages; the runner's interpreter has boto3, as Lambda's has.
    own = os.path.join(root, ".venv", "bin", "python")
    interpreter = own if os.path.exists(own) else sys.executable
    return [interpreter, "-B", str(_HERE / "python.py"), str(channel), spec.path, spec.handler, *_shared(spec)], ""


def _node(spec: FunctionSpec, root: str, channel: int) -> tuple[list[str], str]:
    heap = f"--max-old-space-size={max(32, spec.memory_mb * 9 // 10)}"
    why_not = "" if _which("node") else f"there is no program `node` on the runner's PATH ({search_path()})"
    return ["node", heap, str(_HERE / "node.mjs"), str(channel), spec.path, spec.handler, *_shared(spec)], why_not


def _shared(spec: FunctionSpec) -> list[str]:
    """Folders whose changed files ask for a new process too."""
    return [layer.folder for layer in spec.layers]


def _executable(spec: FunctionSpec, root: str, channel: int) -> tuple[list[str], str]:
    return [spec.path], _startable(spec.path)


def _bootstrap(spec: FunctionSpec, root: str, channel: int) -> tuple[list[str], str]:
    file = os.path.join(spec.path, "bootstrap") if os.path.isdir(spec.path) else spec.path
    return [file], _startable(file)


_BUILDERS = {"python": _python, "node": _node, "executable": _executable, "bootstrap": _bootstrap}


def _startable(file: str) -> str:
    if not os.path.isfile(file):
        return f"there is no file {file}"
    return "" if os.access(file, os.X_OK) else f"{file} is not executable: chmod +x {file}"


def search_path() -> str:
    """PATH for functions: the runner's own, which the unit file or the operator chose."""
    return os.environ.get("PATH") or os.defpath


def _which(program: str) -> bool:
    return any(os.access(os.path.join(folder, program), os.X_OK) for folder in search_path().split(os.pathsep))


def _environment(spec: FunctionSpec, root: str, given: Mapping[str, str], now_ms: int, stream: str) -> dict[str, str]:
    """Reserved names win over everything, the function's own settings over what the daemon gives to all."""
    day = iso8601(now_ms)[:10].replace("-", "/")
    return {
        "PATH": search_path(),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "HOME": os.environ.get("TMPDIR", "/tmp"),
        "TMPDIR": os.environ.get("TMPDIR", "/tmp"),
        **given,
        **spec.environment,
        "LAMBDA_TASK_ROOT": root,
        "LAMBDA_RUNTIME_DIR": str(_HERE),
        "_HANDLER": spec.handler,
        "AWS_EXECUTION_ENV": _RUNTIME_NAMES[spec.kind],
        "AWS_LAMBDA_FUNCTION_NAME": spec.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory_mb),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{spec.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": f"{day}/[$LATEST]{stream}",
    }


def with_limits(arguments: list[str], memory_mb: int, cgroup: str) -> list[str]:
    """Wrap the command in a shell that limits itself, enters its cgroup and then becomes the function.

    The limit counts private writable memory (RLIMIT_DATA), not address space: Node, Go and threads reserve far more
    addresses than they use and cannot live with RLIMIT_AS. In a cgroup memory.max does it for all children together.
    """
    if cgroup:
        limit = f'echo $$ > "{cgroup}/cgroup.procs" || exit 70'
    else:
        limit = f"ulimit -d {memory_mb * 1024}" if memory_mb else ":"
    return ["/bin/sh", "-c", f'ulimit -c 0; {limit}; exec "$@"', "flowd-function", *arguments]
