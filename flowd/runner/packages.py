"""What the `requirements.txt` or `package.json` of a function and of its layers ask for: installed once per content,
outside of their folders.

A folder is named by what was asked for, so functions share it, and a changed file gets a new one. Package managers run
as functions do: in a process group of their own, noted, limited, killed with the runner. Nothing here starts functions.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import shutil
import sys
import time
from collections.abc import Collection, Mapping
from pathlib import Path

import msgspec

from flowd.functions import FunctionSpec, Kind
from flowd.runner import layers
from flowd.runner.attempts import Log
from flowd.runner.launch import Command, search_path, task_root
from flowd.runner.process import Hosting, Process

log = logging.getLogger(__name__)

_OWN = {"python": os.path.join(".venv", "bin", "python"), "node": "node_modules"}
_LIMIT_S = 900.0
_MEMORY_MB = 4096
_AGAIN_S = 30.0  # a failure is told again for so long before the next try
_UNUSED_S = 30 * 86_400
_SHOWN = 1_500  # characters of the package manager's last words
#: What package managers need to know of the place: proxies, mirrors, certificates.
_PASSED_ON = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE")
_HOME = ("HOME", "TMPDIR", "LANG")
_PREFIXES = ("PIP_", "NPM_CONFIG_")


class Wish(msgspec.Struct, frozen=True):
    """What a function asks for: by which file, and under which name it is kept."""

    kind: str
    file: str
    digest: str


class Prepared(msgspec.Struct, frozen=True):
    """Where the process is to look for packages; or why they are not there."""

    folders: list[str] = []
    problem: str = ""


class Packages:
    """The installed packages of one runner. Everything happens on one event loop."""

    def __init__(self, folder: Path, hosting: Hosting) -> None:
        self._folder = folder
        self._hosting = hosting
        self._installing: dict[str, asyncio.Task[str]] = {}
        self._failed: dict[str, tuple[float, str]] = {}
        self._processes: set[Process] = set()
        self._states: dict[str, str] = {}
        self._turn = asyncio.Lock()  # one at a time: they would only compete for the same cores and the same network
        self._swept = False
        self._early: set[asyncio.Task[Prepared]] = set()

    @property
    def states(self) -> Mapping[str, str]:
        """Function -> what is to be said of its packages: being installed, or not to be had."""
        return self._states

    def announce(self, specs: Collection[FunctionSpec]) -> None:
        """These are the functions: begin to install what they ask for before anybody calls them."""
        self._states = {name: said for name, said in self._states.items() if name in {spec.name for spec in specs}}
        for spec in specs:
            if any(os.path.exists(file) for file in watched(spec)):
                early = asyncio.create_task(self.prepare(spec))
                self._early.add(early)
                early.add_done_callback(self._early.discard)

    async def prepare(self, spec: FunctionSpec) -> Prepared:
        """Wait until the packages of a function are there. Never raises."""
        folders = []
        for wish in await asyncio.to_thread(find_wishes, spec):
            folder = self._folder / wish.digest
            folders.append(str(folder / "node_modules" if wish.kind == "node" else folder))
            if not await asyncio.to_thread(_touch, folder):
                self._states[spec.name] = f"installing what {wish.file} asks for"
                problem = await self._installed(wish, folder)
                if problem:
                    self._states[spec.name] = problem
                    return Prepared(problem=problem)
        self._states.pop(spec.name, None)
        return Prepared(folders)

    async def _installed(self, wish: Wish, folder: Path) -> str:
        failed_at, problem = self._failed.get(wish.digest, (0.0, ""))
        if problem and asyncio.get_running_loop().time() < failed_at + _AGAIN_S:
            return problem
        task = self._installing.get(wish.digest)
        if task is None:
            task = self._installing[wish.digest] = asyncio.create_task(self._install(wish, folder))
            task.add_done_callback(lambda _: self._installing.pop(wish.digest, None))
        return await asyncio.shield(task)

    async def _install(self, wish: Wish, folder: Path) -> str:
        async with self._turn:
            temporary = folder.with_name(f".{wish.digest}-{os.getpid()}")
            try:
                await asyncio.to_thread(self._begin, wish, temporary)
                code, said = await self._run(_command(wish, temporary))
                if code == 0:
                    await asyncio.to_thread(os.rename, temporary, folder)
                    self._failed.pop(wish.digest, None)
                    return ""
                problem = f"what {wish.file} asks for cannot be installed (exit status {code}): {said}"
            except OSError as error:
                problem = f"what {wish.file} asks for cannot be installed: {error}"
            await asyncio.to_thread(shutil.rmtree, temporary, True)
            log.warning("%s", problem)
            self._failed[wish.digest] = asyncio.get_running_loop().time(), problem
            return problem

    def _begin(self, wish: Wish, temporary: Path) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self._swept:
            self._swept = True
            _sweep(self._folder)
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        if wish.kind == "node":
            for name in ("package.json", "package-lock.json", ".npmrc"):
                source = Path(wish.file).with_name(name)
                if source.exists():
                    shutil.copy(source, temporary / name)

    async def _run(self, command: Command) -> tuple[int, str]:
        said = Log()
        ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        process = Process(self._hosting, said.add, ended.set_result)
        self._processes.add(process)
        timer = asyncio.get_running_loop().call_later(_LIMIT_S, process.kill)
        try:
            await process.start(command, _MEMORY_MB)
            code = await ended
        finally:
            timer.cancel()
            self._processes.discard(process)
        return code, said.tail.decode("utf-8", "replace").strip()[-_SHOWN:]

    def close(self) -> None:
        """Kill what still installs; a folder that is not finished is made anew by the next runner."""
        for task in self._early:
            task.cancel()
        for process in list(self._processes):
            process.kill()


def watched(spec: FunctionSpec) -> list[str]:
    """The files whose change asks for other packages."""
    name = layers.REQUIREMENTS.get(spec.kind)
    return [os.path.join(root, name) for root in _roots(spec)] if name else []


def _roots(spec: FunctionSpec) -> list[str]:
    """The folders that may ask for packages, in the order in which they are looked for."""
    return [task_root(spec), *(layer.folder for layer in reversed(spec.layers) if layer.built)]


def find_wishes(spec: FunctionSpec) -> list[Wish]:
    """What the function and its layers ask for. A folder that brings its packages along is left alone. Blocks on the
    disk."""
    found = [_find_wish(spec.kind, root) for root in _roots(spec)]
    return [wish for wish in found if wish is not None]


def _find_wish(kind: Kind, root: str) -> Wish | None:
    """The digest has what decides about the outcome: file and lock file, interpreter, and the folder if paths count
    from it."""
    name = layers.REQUIREMENTS.get(kind)
    if name is None or os.path.exists(os.path.join(root, _OWN[kind])):
        return None
    file = os.path.join(root, name)
    try:
        text = Path(file).read_bytes()
    except OSError:
        return None
    if not _asks_for_anything(kind, text):
        return None
    parts = [kind.encode(), sys.version.encode() if kind == "python" else b"", text]
    lock = Path(root, "package-lock.json")
    if kind == "node" and lock.exists():
        parts.append(lock.read_bytes())
    if b"./" in text:
        parts.append(root.encode())
    return Wish(kind, file, hashlib.sha256(b"\0".join(parts)).hexdigest()[:32])


def _asks_for_anything(kind: str, text: bytes) -> bool:
    if kind == "node":
        try:
            found = json.loads(text)
        except ValueError:
            return True  # npm says what is wrong with it
        return bool(found.get("dependencies")) if isinstance(found, dict) else True
    lines = [line.strip() for line in text.decode("utf-8", "replace").splitlines()]
    return any(line and not line.startswith("#") for line in lines)


def _command(wish: Wish, target: Path) -> Command:
    source = os.path.dirname(wish.file)
    if wish.kind == "python":
        quiet = ["--no-input", "--disable-pip-version-check", "--no-warn-script-location", "--quiet"]
        arguments = [sys.executable, "-m", "pip", "install", *quiet, "--target", str(target), "-r", wish.file]
        return Command(arguments, source, _manager_environment())
    verb = "ci" if (target / "package-lock.json").exists() else "install"
    arguments = ["npm", verb, "--omit=dev", "--no-audit", "--no-fund", "--loglevel=error"]
    return Command(arguments, str(target), _manager_environment())


def _manager_environment() -> dict[str, str]:
    given = {name: os.environ[name] for name in os.environ if name in _HOME or is_for_managers(name)}
    return {"HOME": "/tmp", "PATH": search_path(), **given}


def is_for_managers(variable: str) -> bool:
    """True for a variable of the environment that package managers look at, and functions do not get."""
    name = variable.upper()
    return name in _PASSED_ON or name.startswith(_PREFIXES)


def _touch(folder: Path) -> bool:
    """True if the packages are there; notes that they are in use."""
    try:
        os.utime(folder)
    except OSError:
        return False
    return True


def _sweep(folder: Path) -> None:
    """Drop what an earlier runner did not finish, and what nobody has used for a month."""
    for each in folder.iterdir():
        if each.name.startswith(".") or each.stat().st_mtime < time.time() - _UNUSED_S:
            shutil.rmtree(each, ignore_errors=True)
