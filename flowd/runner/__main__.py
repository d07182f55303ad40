"""`flowd-runner`: the program that runs user code. It outlives daemons; they come and go as clients of its socket."""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import grp
import logging
import os
import shutil
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import uvloop

from flowd import background, loglines
from flowd.clock import SystemClock
from flowd.errors import ConfigError
from flowd.runner.attempts import Ledger
from flowd.runner.cgroups import open_delegated
from flowd.runner.containers import Containers, Folders, mark_of, sweep
from flowd.runner.descendants import become_reaper
from flowd.runner.kept import hand_on, take
from flowd.runner.leftovers import Leftovers
from flowd.runner.packages import Packages
from flowd.runner.pool import Limits, Pool
from flowd.runner.process import Hosting
from flowd.runner.server import Server
from flowd.runner.spawn import ALREADY_RUNNING

log = logging.getLogger("flowd.runner")
_REAP_S = 5.0
_KEEP_S = 1.0


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until told to stop. With --detach the first process returns once the socket listens."""
    options = _parser().parse_args(arguments)
    loglines.configure()
    try:
        listener, lock = _listen(options.socket, options.socket_group)
    except ConfigError as error:
        log.error("%s", error)
        sys.exit(ALREADY_RUNNING if isinstance(error, AlreadyRunning) else 1)
    except OSError as error:
        log.error("cannot listen on %s: %s", options.socket, error)
        sys.exit(1)
    if options.detach and not _detach(options.log):
        return
    uvloop.run(_serve(options, listener))
    # The lock falls with the process; the socket goes first, so that nobody connects to a runner that leaves.
    os.close(lock)


class AlreadyRunning(ConfigError):
    """Another runner serves this socket."""


def _parser() -> argparse.ArgumentParser:
    default = Limits()
    parser = argparse.ArgumentParser(prog="flowd-runner", description=__doc__)
    parser.add_argument("--socket", type=Path, required=True, help="unix socket to listen on (mode 0600)")
    parser.add_argument("--socket-group", default="", help="let this group connect too (mode 0660)")
    parser.add_argument("--detach", action="store_true", help="go on in the background once the socket listens")
    parser.add_argument(
        "--orphan-seconds", type=float, default=600.0, help="with --detach: end after so long without daemon and work"
    )
    parser.add_argument("--log", type=Path, help="with --detach: where messages go (default: nowhere)")
    parser.add_argument("--per-function", type=int, default=default.per_function, help="processes per function")
    parser.add_argument("--total", type=int, default=default.total, help="processes in all")
    parser.add_argument("--idle-seconds", type=float, default=default.idle_s, help="an idle process ends after")
    parser.add_argument(
        "--packages",
        type=Path,
        help="where requirements of functions are installed (default: beside the socket, or systemd's state folder)",
    )
    parser.add_argument("--stop-seconds", type=float, default=20.0, help="on SIGTERM, wait so long for open work")
    return parser


def _listen(path: Path, group: str) -> tuple[socket.socket, int]:
    """The listening socket, and the lock that says that this runner owns it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise AlreadyRunning(f"another runner serves {path}") from None
    return _bind(path, group), lock


def _bind(path: Path, group: str) -> socket.socket:
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    if group:
        try:
            os.chown(path, -1, grp.getgrnam(group).gr_gid)
        except KeyError:
            raise ConfigError(f"there is no group {group} (--socket-group)") from None
        path.chmod(0o660)
    listener.listen(64)
    return listener


def _detach(messages: Path | None) -> bool:
    """Become a session of its own with a fresh parent; False in the process that returns to the caller."""
    if os.fork():
        return False
    os.setsid()
    os.chdir("/")
    target = str(messages) if messages else os.devnull
    out = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, number in ((nothing, 0), (out, 1), (out, 2)):
        os.dup2(source, number)
    for descriptor in (nothing, out):
        if descriptor > 2:
            os.close(descriptor)
    return True


async def _serve(options: argparse.Namespace, listener: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    clock = SystemClock()
    become_reaper()
    leftovers = Leftovers(options.socket.with_name(options.socket.name + ".workers"))
    killed = leftovers.sweep()
    if killed:
        log.warning("killed %d functions that an earlier runner left behind", killed)
    hosting = Hosting(leftovers, open_delegated(), clock)
    log.info("memory limits by %s", "cgroup" if hosting.cgroups else "rlimit")
    limits = Limits(options.per_function, options.total, options.idle_seconds)
    pool = Pool(hosting, limits, Packages(options.packages or _state(options.socket, "packages"), hosting))
    mark = mark_of(options.socket)
    await asyncio.to_thread(sweep, mark)
    folders = Folders(_state(options.socket, "folders"))
    await asyncio.to_thread(folders.sweep)
    containers = Containers(hosting, folders, mark)
    orphan_s = options.orphan_seconds if options.detach else 0.0
    texts = _state(options.socket, "inline")
    await asyncio.to_thread(shutil.rmtree, texts, ignore_errors=True)  # of functions that the runner before us had
    file, ledger = _state(options.socket, "kept"), Ledger()
    kept = await asyncio.to_thread(take, file)
    for attempt in kept.attempts if kept else ():
        ledger.enter(attempt)
    since_ms = kept.since_ms if kept else clock.now_ms()
    server = Server(pool, containers, ledger, since_ms, orphan_s, texts)
    listening = [await loop.create_unix_server(server.connect, sock=listener)]
    _on_signals(loop, server, options.stop_seconds)
    housekeeping = [
        loop.create_task(_reap(hosting)),
        loop.create_task(_keep(options.socket, options.socket_group, server, listening)),
    ]
    log.info("listening on %s", options.socket)
    await server.idle.wait()
    await background.end(*housekeeping)
    options.socket.unlink(missing_ok=True)
    listening[0].close()
    containers.close()
    await pool.close()
    hosting.orphans.end_all()
    if not server.forsaken:
        await asyncio.to_thread(hand_on, file, since_ms, ledger.attempts)
    server.close()
    log.info("ended")


async def _reap(hosting: Hosting) -> None:
    while True:
        await asyncio.sleep(_REAP_S)
        hosting.orphans.reap()


async def _keep(path: Path, group: str, server: Server, listening: list[asyncio.Server]) -> None:
    """A socket file that somebody has removed is made anew: the lock keeps others from taking this runner's place."""
    while True:
        await asyncio.sleep(_KEEP_S)
        if os.path.lexists(path):
            continue
        try:
            fresh = await asyncio.get_running_loop().create_unix_server(server.connect, sock=_bind(path, group))
        except (ConfigError, OSError) as error:
            log.warning("the socket file %s was removed and cannot be made anew: %s", path, error)
            continue
        listening[0].close()
        listening[0] = fresh
        log.warning("the socket file %s was removed; it is made anew", path)


def _state(socket_path: Path, what: str) -> Path:
    """A folder of the runner's own."""
    state = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    return Path(state, what) if state else socket_path.with_name(f"{socket_path.name}.{what}")


def _on_signals(loop: asyncio.AbstractEventLoop, server: Server, stop_s: float) -> None:
    """First signal: end when what runs has ended, or after `stop_s`. Second: end at once."""

    def stop() -> None:
        if stopping:
            server.idle.set()
        stopping.append(True)
        server.stop()
        loop.call_later(stop_s, server.idle.set)

    stopping: list[bool] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)


if __name__ == "__main__":
    main()
