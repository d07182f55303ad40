"""Containers of ECS tasks: a local command in a process group and control group of its own, or an image by an engine.

A container runs once under its key, as a function does, and its outcome is held in the same ledger. Stopping is what
ECS does: SIGTERM, then SIGKILL after the container's time to stop. Nothing here knows tasks or task definitions.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path, PurePosixPath

import msgspec

from flowd.containers import ContainerSpec, Report
from flowd.runner.attempts import Attempt
from flowd.runner.launch import Command, search_path
from flowd.runner.outcomes import Outcome, stopped
from flowd.runner.process import Hosting, Process

log = logging.getLogger(__name__)

#: ECS's words (developer guide, "Stopped task error codes").
OUT_OF_MEMORY = "OutOfMemoryError: Container killed due to memory usage"
CANNOT_START = "CannotStartContainerError"
_ENGINE_FAILED = 125  # exit status of `podman run` and `docker run` for an error of their own
_LABEL = "flowd-runner"
_ENGINES = ("podman", "docker")

_encode = msgspec.json.Encoder().encode


class Folders:
    """Folders made for one run each, of texts that the daemon sends: its own folders may be closed to a runner."""

    def __init__(self, place: Path) -> None:
        self._place = place

    def sweep(self) -> None:
        """Nobody is left of an earlier runner that could need one."""
        shutil.rmtree(self._place, ignore_errors=True)

    def make(self, files: Mapping[str, str]) -> Path:
        """A new folder with these files. Raises OSError, and ValueError for a name that leads out of it."""
        self._place.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(dir=self._place))
        for name, text in files.items():
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts:
                raise ValueError(f"{name} is no file below the container's folder")
            (made / path).parent.mkdir(parents=True, exist_ok=True)
            (made / path).write_text(text, "utf-8")
        return made


class Running:
    """One container that runs."""

    def __init__(self, attempt: Attempt, spec: ContainerSpec, process: Process, started_ms: int) -> None:
        self.attempt = attempt
        self.spec = spec
        self.process = process
        self.started_ms = started_ms
        self.killer: asyncio.TimerHandle | None = None
        self.folder: Path | None = None  # made for it, and gone with it


class Containers:
    """All containers of a runner."""

    def __init__(self, hosting: Hosting, folders: Folders, mark: str = "") -> None:
        """`mark` tells the images' containers of this runner from those of others."""
        self._hosting = hosting
        self._folders = folders
        self._mark = mark
        self._running: dict[str, Running] = {}
        self._starting: set[str] = set()
        self._unwanted: set[str] = set()  # stopped before they had begun
        self._tasks: set[asyncio.Task[None]] = set()

    def __contains__(self, key: str) -> bool:
        return key in self._running

    def run(self, attempt: Attempt, spec: ContainerSpec) -> None:
        """Begin; the attempt ends when the container does."""
        process = Process(self._hosting, attempt.log.add, lambda code: self._ended(attempt.key, code))
        # Known from here on: whoever stops it may come before it starts, and so may its end before `start` returns.
        running = Running(attempt, spec, process, self._hosting.clock.now_ms())
        self._running[attempt.key] = running
        self._starting.add(attempt.key)
        task = asyncio.get_running_loop().create_task(self._start(running))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def stop(self, key: str) -> None:
        """SIGTERM, and SIGKILL when its time to stop is over."""
        if key in self._starting:
            self._unwanted.add(key)  # asked again when there is a process to ask
            return
        running = self._running.get(key)
        if running is None or running.killer is not None:
            return
        running.process.terminate()
        loop = asyncio.get_running_loop()
        running.killer = loop.call_later(running.spec.stop_timeout_s, self._kill, running)

    def stop_standing(self) -> None:
        """Stop those that would never end by themselves."""
        for key, running in list(self._running.items()):
            if running.spec.standing:
                self.stop(key)

    def close(self) -> None:
        """Kill everything; nobody knows how far it came."""
        for running in list(self._running.values()):
            running.attempt.end(stopped("The runner was stopped while the container ran."))
            self._kill(running)

    def _kill(self, running: Running) -> None:
        running.process.kill()
        if running.spec.engine:
            _in_background([running.spec.engine, "kill", running.spec.name])

    async def _start(self, running: Running) -> None:
        attempt, spec = running.attempt, running.spec
        try:
            if spec.files:
                running.folder = await asyncio.to_thread(self._folders.make, spec.files)
                spec = running.spec = msgspec.structs.replace(spec, folder=str(running.folder), files={})
            started = command(spec, self._mark)
            if started.why_not:
                raise OSError(started.why_not)
            # An engine sets the limits of its container itself.
            await running.process.start(started, 0 if spec.engine else spec.memory_mb, cpu_units=spec.cpu_units)
        except (OSError, ValueError) as error:
            self._forget(attempt.key)
            attempt.end(Outcome(error=CANNOT_START, cause=f"{CANNOT_START}: {error}"))
            return
        self._starting.discard(attempt.key)
        if attempt.key in self._unwanted:
            asyncio.get_running_loop().call_soon(self.stop, attempt.key)

    def _forget(self, key: str) -> Running | None:
        self._starting.discard(key)
        self._unwanted.discard(key)
        running = self._running.pop(key, None)
        if running is not None and running.folder is not None:
            asyncio.get_running_loop().run_in_executor(None, partial(shutil.rmtree, running.folder, True))
        return running

    def _ended(self, key: str, code: int) -> None:
        running = self._forget(key)
        if running is None:
            return
        if running.killer is not None:
            running.killer.cancel()
        status = code if code >= 0 else 128 - code  # as shells and container engines count signals
        said = running.attempt.log.tail.decode("utf-8", "replace").strip()
        if running.spec.engine and status == _ENGINE_FAILED:
            running.attempt.end(Outcome(error=CANNOT_START, cause=f"{CANNOT_START}: {said[-500:]}"))
            return
        reason = OUT_OF_MEMORY if running.process.out_of_memory else ""
        report = Report(status, reason, running.started_ms, self._hosting.clock.now_ms())
        running.attempt.end(Outcome(output=_encode(report)))


def command(spec: ContainerSpec, mark: str = "") -> Command:
    """The process of one container. Values of variables stay out of an engine's command line: all may read that."""
    if not spec.engine:
        arguments = [*spec.entry_point, *spec.command]
        place = {"PATH": search_path(), "LANG": "C.UTF-8", "HOME": "/tmp", "HOSTNAME": spec.name}
        return Command(arguments, spec.folder, {**place, **spec.environment}, _why_not(arguments, spec))
    arguments = [spec.engine, "run", "--rm", "--network", "host", "--name", spec.name, "--label", f"{_LABEL}={mark}"]
    arguments += ["--memory", f"{spec.memory_mb}m"]
    if spec.cpu_units:
        arguments += ["--cpus", f"{spec.cpu_units / 1024:.3f}"]
    arguments += ["--stop-timeout", f"{int(spec.stop_timeout_s)}"]
    for name in spec.environment:
        arguments += ["--env", name]
    for mount in spec.mounts:
        arguments += ["--volume", mount]
    if spec.folder:
        arguments += ["--workdir", spec.folder]
    if spec.user:
        arguments += ["--user", spec.user]
    if spec.entry_point:
        arguments += ["--entrypoint", spec.entry_point[0]]
    arguments += [spec.image, *spec.entry_point[1:], *spec.command]
    return Command(arguments, "/", {"HOME": os.environ.get("HOME", "/tmp"), **spec.environment, "PATH": search_path()})


def _why_not(arguments: list[str], spec: ContainerSpec) -> str:
    if not arguments:
        return "the container has no command"
    if not os.path.isdir(spec.folder):
        return f"its working directory {spec.folder} does not exist"
    program, path = arguments[0], spec.environment.get("PATH", search_path())
    found = os.path.join(spec.folder, program) if "/" in program else shutil.which(program, path=path)
    if found is None or not os.path.exists(found):
        return f'exec: "{program}": there is no such program in {spec.folder if "/" in program else path}'
    return "" if os.access(found, os.X_OK) else f'exec: "{program}": permission denied; chmod +x {found}'


def sweep(mark: str, engines: Iterable[str] = _ENGINES) -> None:
    """Remove what an earlier runner's engine still runs: its outcome is lost, and a retry must not run beside it."""
    for engine in engines:
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            listed = subprocess.run(
                [engine, "ps", "-aq", "--filter", f"label={_LABEL}={mark}"],
                capture_output=True, text=True, timeout=10, check=True, stdin=subprocess.DEVNULL,
            )  # fmt: skip
            if names := listed.stdout.split():
                log.warning("removing %d containers that an earlier runner left behind", len(names))
                subprocess.run([engine, "rm", "-f", *names], capture_output=True, timeout=60, check=False)


def _in_background(arguments: list[str]) -> None:
    with contextlib.suppress(OSError):
        subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )


def mark_of(socket: Path) -> str:
    """A label that containers of the same box and socket share from runner to runner."""
    return str(socket).strip("/").replace("/", ".")
