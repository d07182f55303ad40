"""`flowd story`: one order from drop-in to SUCCEEDED, through a kill -9 of the daemon, told step by step.

It is a client and nothing else: it starts `flowd serve` as a subprocess and then uses what every user has, the drop
folder, boto3 over TCP with the generated key, and the other commands. With `--console` it stops halfway, where the
order waits for a person, and opens the console there. It must not reach into the daemon.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, TypeVar

from flowd.client import Client

T = TypeVar("T")

MACHINE = "order"
EXAMPLES = Path(__file__).resolve().parents[2] / "workflows"
ORDER = {
    "customer": "Ada Example",
    "card": "tok_flaky",  # the gateway hiccups twice, so Retry has something to do
    "lines": [{"sku": "lamp", "quantity": 2}, {"sku": "desk", "quantity": 1}],
}
START_S, STEP_S, STOP_S = 60.0, 60.0, 30.0


class StoryError(Exception):
    """The story did not go as it should; the text says where."""


class Stage:
    """A daemon of our own below one folder: its process, its address, and the commands that talk to it."""

    def __init__(self, home: Path, workflows: Path) -> None:
        self.home, self.workflows = home, workflows
        self.log = home / "daemon.log"
        (home / "tmp").mkdir(exist_ok=True)
        self.process: subprocess.Popen[bytes] | None = None
        # AF_UNIX paths hold 107 bytes, and a checkout may lie deep
        self._sockets = tempfile.mkdtemp(prefix="flowd-")
        self.socket = Path(self._sockets) / "flowd.sock"
        self.environ = {
            **os.environ,
            "FLOWD_WORKFLOWS": str(workflows),
            "FLOWD_DATA": str(home / "data"),
            "FLOWD_SOCKET": str(self.socket),
            "FLOWD_LISTEN": f"127.0.0.1:{_free_port()}",
            "TMPDIR": str(home / "tmp"),  # functions get it from the runner: the example keeps its books here
        }

    def start(self) -> float:
        """Start the daemon and wait until it answers; the seconds that took."""
        began = time.monotonic()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*_flowd(), "serve"],
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a Ctrl-C at the console is not meant for the daemon
            )
        self.until("the daemon answers", self._answers, START_S)
        return time.monotonic() - began

    def _answers(self) -> bool:
        if self.process is None or self.process.poll() is not None:
            raise StoryError("the daemon ended by itself while starting")
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(self.socket))
            except OSError:
                return False
        return bool(self.ask("Health"))

    def ask(self, operation: str) -> dict[str, Any]:
        """One of flowd's own operations, on the unix socket."""
        with closing(Client(self.socket)) as client:
            return client.flowd(operation)

    def kill(self) -> None:
        """kill -9: no goodbye, no clean-up."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int | None:
        """SIGTERM, and the exit code; None if the daemon had to be killed."""
        try:
            if self.process is None:
                return 0
            self.process.send_signal(signal.SIGTERM)
            try:
                return self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.kill()
                return None
        finally:
            shutil.rmtree(self._sockets, ignore_errors=True)

    def command(self, *arguments: str) -> str:
        """Run `flowd ARGUMENTS` and return what it prints."""
        done = subprocess.run(
            [*_flowd(), *arguments], env=self.environ, capture_output=True, text=True, timeout=STEP_S, check=False
        )
        if done.returncode:
            said = (done.stderr or done.stdout).strip()
            raise StoryError(f"`flowd {shlex.join(arguments)}` ended with {done.returncode}: {said}")
        return done.stdout

    def until(self, what: str, check: Callable[[], T | None], seconds: float = STEP_S) -> T:
        """Ask again and again until `check` returns something true; StoryError when the time is over."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = check()
            if found:
                return found
            time.sleep(0.05)
        raise StoryError(f"waited {seconds:.0f} s in vain until {what}")

    def sdk(self) -> Any:
        """A boto3 client made of what `flowd env` prints, as a user's shell would have it."""
        import boto3

        settings = {}
        for line in self.command("env").splitlines():
            name, found, value = line.removeprefix("export ").partition("=")
            if found:
                settings[name.strip()] = "".join(shlex.split(value))
        return boto3.client(
            "stepfunctions",
            endpoint_url=settings["AWS_ENDPOINT_URL_SFN"],
            region_name=settings.get("AWS_REGION") or settings["AWS_DEFAULT_REGION"],
            aws_access_key_id=settings["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=settings["AWS_SECRET_ACCESS_KEY"],
        )


def _flowd() -> list[str]:
    """The command line of this very installation."""
    return [sys.executable, "-m", "flowd"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _say(number: int, text: str) -> None:
    print(f"{number:2}. {text}", flush=True)


def _loaded(stage: Stage, name: str) -> dict[str, Any] | None:
    machines = stage.ask("ListMachines")["machines"]
    return next((machine for machine in machines if machine["name"] == name), None)


def _prompt(stage: Stage, arn: str) -> dict[str, Any] | None:
    prompts = stage.ask("ListPrompts")["prompts"]
    return next((prompt for prompt in prompts if prompt["executionArn"] == arn), None)


def _start_order(stage: Stage) -> tuple[Any, str]:
    """An order that needs approval, started through boto3: the SDK client and the execution's ARN."""
    sdk = stage.sdk()
    machine = stage.until(f"the machine {MACHINE} is loaded", lambda: _loaded(stage, MACHINE))
    order = f"A-{uuid.uuid4().hex[:8]}"
    started = sdk.start_execution(
        stateMachineArn=machine["stateMachineArn"], name=order, input=json.dumps({"orderId": order, **ORDER})
    )
    return sdk, str(started["executionArn"])


def _ended(sdk: Any, arn: str) -> dict[str, Any] | None:
    answer: dict[str, Any] = sdk.describe_execution(executionArn=arn)
    return None if answer["status"] == "RUNNING" else answer


def tell(stage: Stage) -> None:
    """The story, step by step; StoryError where it goes wrong."""
    stage.workflows.mkdir(parents=True)
    _say(1, f"the daemon serves after {stage.start():.1f} s, with an empty drop folder, on {stage.socket}")
    shutil.copytree(EXAMPLES / "orders", stage.workflows / "orders", ignore=shutil.ignore_patterns("__pycache__"))
    machine = stage.until(f"the machine {MACHINE} is loaded", lambda: _loaded(stage, MACHINE))
    _say(2, f"dropped in workflows/orders: {machine['stateMachineArn']}")
    sdk, arn = _start_order(stage)
    _say(3, f"started through boto3: {arn}")
    prompt = stage.until("the order asks for approval", lambda: _prompt(stage, arn))
    _say(4, f"prompt {prompt['id']} in queue {prompt['queue']}: {prompt['title']}")
    stage.kill()
    _say(5, "kill -9 of the daemon")
    _say(6, f"started again: it serves after {stage.start():.1f} s")
    again = stage.until("the prompt is back", lambda: _prompt(stage, arn))
    if again["id"] != prompt["id"]:
        raise StoryError(f"the prompt was {prompt['id']} before the kill and is {again['id']} after it")
    _say(7, f"the question is still there, under the same id {again['id']}")
    stage.command("answer", again["id"], "--output", '{"approved": true, "note": "fine with me"}')
    _say(8, f"answered with `flowd answer {again['id']} --output ...`")
    end = stage.until("the order is done", lambda: _ended(sdk, arn))
    if end["status"] != "SUCCEEDED":
        raise StoryError(f"the order ended {end['status']}: {end.get('error')}: {end.get('cause')}")
    _say(9, f"{end['status']}: {end['output']}")
    _say(10, "its history, as `flowd history` prints it:")
    print(stage.command("history", arn).rstrip())
    code = stage.stop()
    if code != 0:
        raise StoryError(f"after SIGTERM the daemon ended with {'a kill' if code is None else code}")
    _say(11, "stopped by SIGTERM, exit code 0")


def show(stage: Stage) -> None:
    """Up to the question, then the console; the daemon goes when the console does."""
    print("starting the daemon; the console opens when an order waits for you ...", flush=True)
    stage.start()
    _, arn = _start_order(stage)
    stage.until("the order asks for approval", lambda: _prompt(stage, arn))
    _console(stage)
    stage.stop()
    print(f"the daemon is stopped; what it knew is kept in {stage.home}")


def _console(stage: Stage) -> None:
    """The console until it is left, or until the terminal is gone: then nobody would ever leave it."""
    console = subprocess.Popen([*_flowd(), "console"], env=stage.environ)
    try:
        while console.poll() is None and sys.stdin.isatty():
            with suppress(subprocess.TimeoutExpired):
                console.wait(0.5)
    finally:
        if console.poll() is None:
            console.kill()
            console.wait()


def _leave(number: int, _: object) -> None:
    raise SystemExit(128 + number)


def _run(stage: Stage, act: Callable[[Stage], None]) -> int:
    for number in (signal.SIGHUP, signal.SIGTERM):  # a closed terminal must not leave a daemon behind
        signal.signal(number, _leave)
    try:
        act(stage)
    except Exception as error:  # whatever it was, the daemon's log says more about it
        print(f"the story failed: {error}", file=sys.stderr)
        if stage.log.exists():
            print(f"--- the daemon's log ---\n{stage.log.read_text(errors='replace')[-8000:]}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        if stage.process is not None and stage.process.poll() is None:
            stage.stop()
    return 0


def main(argv: list[str]) -> int:
    """`flowd story [--console]`: 0 if everything went as told, else 1, the reason and the daemon's log."""
    parser = argparse.ArgumentParser(prog="flowd story", description="One order, told step by step.")
    parser.add_argument(
        "--console", action="store_true", help="stop at the question and open the console (./var keeps the data)"
    )
    arguments = parser.parse_args(argv)
    if not EXAMPLES.is_dir():
        print(f"the story needs the example workflows of a checkout ({EXAMPLES})", file=sys.stderr)
        return 1
    if arguments.console:
        home = Path("var").resolve()
        home.mkdir(exist_ok=True)
        return _run(Stage(home, EXAMPLES), show)
    with tempfile.TemporaryDirectory(prefix="flowd-story-") as folder:
        return _run(Stage(Path(folder), Path(folder) / "workflows"), tell)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
