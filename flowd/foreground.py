"""A daemon as a program: its claim on the data folder, signals, what it prints, its log, its exit code.

It wires nothing and decides nothing about workflows: that is `daemon`'s.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import sys
from functools import partial

import uvloop

from flowd import background, loglines
from flowd.api.wire import descriptors
from flowd.config import Config
from flowd.daemon import Daemon
from flowd.engine.notify import Notifier
from flowd.errors import FlowdError
from flowd.store import backup

log = logging.getLogger("flowd.daemon")
#: The writer needs the interpreter lock between two statements; the default of 5 ms would be longer than its commit.
SWITCH_INTERVAL_S = 0.0005
#: New objects between two collections of the youngest. At Python's 700 a step of a hundred objects that all live on is
#: looked through again and again: a fifth of the processor's time went into it.
COLLECT_EVERY = 10_000


async def _run(config: Config, notifier: Notifier) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    loop.add_signal_handler(signal.SIGHUP, lambda: None)
    daemon = Daemon(config)
    watchdog = asyncio.create_task(notifier.watch(lambda: daemon.core.db.alive))
    starting = asyncio.create_task(notifier.starting(lambda: f"starting: {daemon.stage}"))
    try:
        if not await _start(daemon, stopping):
            return
        starting.cancel()
        where = ", ".join([*daemon.server.where, *daemon.http.where])
        notifier.ready(f"serving on {where}")
        _say(f"flowd serves on {where}; workflows from {config.workflows}, data in {config.data}")
        if not config.auth:
            _say("WARNING: --no-auth: anybody on this machine may do anything, any credentials are accepted")
        if config.testing is not None:
            mocks = config.testing.mocks or "no file"
            _say(f"for tests only: the clock goes {config.testing.time_factor:g} times as fast, mocks from {mocks}")
        await stopping.wait()
        notifier.stopping("draining")
        log.info("stopping")
    finally:
        starting.cancel()
        await daemon.stop()
        watchdog.cancel()


async def _start(daemon: Daemon, stopping: asyncio.Event) -> bool:
    """False if it was told to stop meanwhile: a folder with thousands of definitions takes its time."""
    starting, stop = asyncio.create_task(daemon.start()), asyncio.create_task(stopping.wait())
    await asyncio.wait({starting, stop}, return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    if not starting.done():
        await background.end(starting)
        return False
    starting.result()
    return True


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def tune() -> None:
    """Settings of this Python process, for the daemon and whatever measures it."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    gc.set_threshold(COLLECT_EVERY, 10, 10)
    gc.freeze()  # what is loaded stays


def serve(config: Config) -> int:
    """Run a daemon in the foreground until SIGTERM or SIGINT; 0 after an orderly stop, 1 if it could not start."""
    loglines.configure()
    for chatty in ("apscheduler", "watchfiles"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    tune()
    descriptors.raise_limit()
    try:
        with backup.hold(config.data):
            uvloop.run(partial(_run, config, Notifier.from_environment())())
    except FlowdError as error:
        loglines.fatal(str(error))
        return 1
    return 0
