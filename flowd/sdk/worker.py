"""`python -m flowd.sdk.worker FILE`: a process that decides a file's workflows and runs its activities, by polling SWF.

It needs a service and nothing else: flowd's socket, flowd's port, or AWS. The daemon starts one for each file version
of its drop folder; anybody may start more, here or on other machines.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from flowd.sdk.deciding import Decider
from flowd.sdk.errors import SdkError
from flowd.sdk.guard import Guard
from flowd.sdk.loading import Loaded, NotLoadable, load_file
from flowd.sdk.machines import state_machine_activity
from flowd.sdk.registration import register
from flowd.sdk.wire import Unreachable, caller
from flowd.sdk.working import Activities

log = logging.getLogger("flowd.worker")
_PAUSES_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
REFUSED = 3  # exit status for a file that cannot be loaded: starting again is of no use


def main(arguments: Sequence[str] | None = None) -> int:
    """Work until told to stop. 0 after that, REFUSED for a file that cannot be loaded."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    for chatty in ("httpx", "botocore", "boto3"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    try:
        loaded = load_file(options.file)
        if not loaded.registry.workflows and not loaded.registry.activities:
            raise SdkError(f"{options.file} has neither @workflow nor @activity")
    except NotLoadable as error:
        for finding in error.findings:
            log.error("%s", finding)
        return REFUSED
    except SdkError as error:
        log.error("%s", error)
        return REFUSED
    if options.check:
        return 0
    Worker(loaded, options).run()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m flowd.sdk.worker", description=__doc__)
    parser.add_argument("file", type=Path, metavar="FILE", help="the workflow file")
    parser.add_argument("--socket", type=Path, help="flowd's unix socket (default: boto3's own configuration)")
    parser.add_argument("--endpoint", help="the service's URL (default: AWS_ENDPOINT_URL_SWF, or AWS)")
    parser.add_argument("--domain", default="flowd", help="the SWF domain, registered if need be (default: flowd)")
    parser.add_argument("--version", help="the version of all types (default: the hash of the file and its modules)")
    parser.add_argument("--task-list", help="the task list of deciders and activities (default: NAME-VERSION)")
    parser.add_argument("--identity", help="what its polls call themselves (default: PID@HOST)")
    parser.add_argument("--deciders", type=int, default=2, help="decision tasks at once (0: none)")
    parser.add_argument("--activities", type=int, default=8, help="activities at once (0: none)")
    parser.add_argument("--grace", type=float, default=10.0, help="on SIGTERM, wait so long for running activities")
    parser.add_argument("--check", action="store_true", help="load the file and end")
    return parser


class Worker:
    """The threads of one process."""

    def __init__(self, loaded: Loaded, options: argparse.Namespace) -> None:
        self._options = options
        self._loaded = loaded
        self._version = options.version or loaded.sources.version
        self._task_list = options.task_list or f"{Path(options.file).stem}-{self._version}"
        self._swf = caller("swf", options.socket, options.endpoint)
        self._stopping = threading.Event()
        self._identity = options.identity or f"{os.getpid()}@{socket.gethostname()}"
        execute = state_machine_activity(caller("stepfunctions", options.socket, options.endpoint))
        self._registry = loaded.registry
        self._registry.activities[execute.name] = execute
        self._decider = Decider(self._swf, self._registry, options.domain, self._task_list)
        self._activities = Activities(self._swf, self._registry, options.domain, self._task_list)

    def run(self) -> None:
        """Until SIGTERM or SIGINT; running activities get their grace."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stopping.set())
        self._register()
        if self._stopping.is_set():
            return
        with Guard(self._loaded.files):
            for index in range(self._options.deciders):
                self._begin(f"decider-{index}", self._decider.poll, self._decider.work)
            for index in range(self._options.activities):
                self._begin(f"activities-{index}", self._activities.poll, self._activities.work)
            for duty in (self._activities.beat_until, self._decider.watch.look_until):
                threading.Thread(target=duty, args=[self._stopping], daemon=True).start()
            names = ", ".join(sorted(self._registry.workflows))
            log.info("ready: %s of version %s, task list %s", names, self._version, self._task_list)
            self._stopping.wait()
            self._leave()

    def _register(self) -> None:
        self._patiently(
            lambda: register(self._swf, self._registry, self._options.domain, self._version, self._task_list)
        )

    def _begin(self, name: str, poll: Callable[[str], Any], work: Callable[[Any], None]) -> None:
        # Daemon threads: a poll takes up to a minute, and nobody is to wait for it at the end.
        threading.Thread(target=self._polling, args=[name, poll, work], name=name, daemon=True).start()

    def _polling(self, name: str, poll: Callable[[str], Any], work: Callable[[Any], None]) -> None:
        identity = f"{name} {self._identity}"
        while not self._stopping.is_set():
            try:
                task = self._patiently(lambda: poll(identity))
                if task is not None:
                    work(task)
            except Unreachable as error:
                log.warning("a task could not be answered: %s", error)
            except (Exception, SystemExit):
                log.exception("a task could not be worked on")
                self._stopping.wait(1.0)

    def _patiently(self, call: Callable[[], Any]) -> Any:
        """Again and again while the service cannot be reached or refuses, with growing pauses."""
        failures = 0
        while not self._stopping.is_set():
            try:
                return call()
            except SdkError as error:
                if failures in (0, len(_PAUSES_S)):
                    log.warning("%s; trying again", error)
                self._stopping.wait(_PAUSES_S[min(failures, len(_PAUSES_S) - 1)])
                failures += 1
        return None

    def _leave(self) -> None:
        end = time.monotonic() + self._options.grace
        while self._activities.busy and time.monotonic() < end:
            time.sleep(0.05)
        log.info("ended%s", f"; {self._activities.busy} activities are given up" if self._activities.busy else "")


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    os._exit(status)  # threads may still be in a poll, or in an activity that was given up
