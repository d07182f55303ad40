"""The units under a real systemd, installed by the very commands of docs/systemd.md.

Opt-in: FLOWD_SYSTEMD_LAB names a script that boots a systemd in namespaces and knows the verbs `up [--host-net]
[--bind SRC:DST]`, `sh TEXT`, `reboot` and `down`. The installation needs the package index.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPT = os.environ.get("FLOWD_SYSTEMD_LAB", "")
WHY_NOT = (
    "FLOWD_SYSTEMD_LAB names no lab script"
    if not SCRIPT
    else "a systemd in namespaces needs root"
    if os.geteuid() != 0
    else "systemd is not installed"
    if shutil.which("systemctl") is None
    else ""
)
pytestmark = [pytest.mark.root, pytest.mark.slow, pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)]

SLEEPER = """
import os, time
def handler(event, context):
    with open(os.path.join("/var/lib/flowd-runner", "runs"), "a") as runs:
        runs.write("run\\n")
    time.sleep(event["seconds"])
    return len(open("/var/lib/flowd-runner/runs").readlines())
"""
SPY = """
import os, socket
def attempt(act, *arguments):
    try:
        act(*arguments)
    except OSError as error:
        return type(error).__name__
    return "reached"
def handler(event, context):
    return {
        "state": attempt(os.listdir, "/var/lib/flowd"),
        "socket": attempt(socket.socket(socket.AF_UNIX).connect, "/run/flowd/flowd.sock"),
        "system": attempt(open, "/etc/flowd/workflows/planted", "w"),
        "user": os.getuid() != 0,
    }
"""

WORKFLOW = """
import os
from flowd.sdk import Retry, activity, sleep, workflow
import beside

@activity(start_to_close=60, retry=Retry(first=1))
def note(seconds: float) -> str:
    import time
    with open("/var/lib/flowd-runner/notes", "a") as notes:
        notes.write(f"{os.getpid()}\\n")
    time.sleep(seconds)
    return beside.WORD

@workflow
async def noted(seconds: float) -> str:
    word = await note(seconds)
    await sleep(1)
    return word
"""


def _machine(function: str) -> str:
    resource = f"arn:aws:lambda:us-east-1:000000000000:function:{function}"
    return json.dumps({"StartAt": "Call", "States": {"Call": {"Type": "Task", "Resource": resource, "End": True}}})


class Lab:
    """A booted systemd with flowd installed."""

    def __init__(self, folder: str) -> None:
        self.environ = {**os.environ, "LAB": f"flowd{os.getpid()}", "LAB_DIR": folder}

    def verb(self, *arguments: str, timeout: float = 300) -> str:
        done = subprocess.run(
            [SCRIPT, *arguments], env=self.environ, capture_output=True, text=True, timeout=timeout, check=False
        )
        assert done.returncode == 0, f"{arguments}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done.stdout.strip()

    def sh(self, text: str) -> str:
        return self.verb("sh", f"set -e; {text}")

    def json(self, text: str) -> Any:
        return json.loads(self.sh(text))

    def until(self, what: str, check: Callable[[], Any], seconds: float = 40) -> Any:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                found = check()
            except (AssertionError, ValueError):  # the daemon is away for the moment
                found = None
            if found:
                return found
            time.sleep(0.2)
        log = self.sh("systemctl status --no-pager flowd flowd-runner || true; journalctl -n 60 -o cat --no-pager")
        raise AssertionError(f"waited {seconds:.0f} s in vain until {what}\n{log}")

    def show(self, unit: str, name: str) -> str:
        return self.sh(f"systemctl show -p {name} --value {unit}")

    def serving(self) -> bool:
        return bool(self.sh("systemctl is-active flowd flowd-runner").split() == ["active", "active"])

    def drop(self, name: str, text: str) -> None:
        self.sh(
            f"mkdir -p $(dirname /etc/flowd/workflows/{name}); cat >/etc/flowd/workflows/{name} <<'END'\n{text}\nEND"
        )

    def start(self, machine: str, body: str = "{}", *options: str) -> str:
        self.until(f"{machine} is loaded", lambda: machine in self.sh("flowd machines"))
        return self.sh(f"flowd start {machine} --input '{body}' {' '.join(options)}")


def _commands(part: str) -> list[str]:
    """The indented lines of a part of the page, without the package that the lab's root has already."""
    page = (REPOSITORY / "docs" / "systemd.md").read_text()
    text = page.split(f"\n## {part}\n")[1].split("\n## ")[0]
    return [line[4:] for line in text.splitlines() if line.startswith("    ") and "apt-get" not in line]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    # an overlay's upper folder cannot lie on an overlay, which /tmp of a container is
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="fl") as folder:
        made = Lab(folder)
        made.verb("up", "--host-net", "--bind", f"{REPOSITORY}:/src")
        try:
            # What comes earlier would meet the machine's own root: `up` may return before the lab has its own.
            made.until("the lab has a root of its own", lambda: made.sh("test -e /src/pyproject.toml && echo there"))
            made.sh("useradd alice; useradd mallory")
            made.sh(f"mkdir -p /etc/flowd; echo FLOWD_LISTEN=127.0.0.1:{_free_port()} >/etc/flowd/flowd.env")
            for command in _commands("Install"):
                made.sh(f"cd /src; {command}")
            yield made
        finally:
            made.verb("down")


def _prompt(lab: Lab) -> Any:
    found = lab.json("flowd inbox --json")
    prompts = found["prompts"] if isinstance(found, dict) else found
    return prompts[0] if prompts else None


def test_installed_as_the_page_says_both_services_serve_and_tell_their_state(lab: Lab) -> None:
    assert lab.until("both services are active", lab.serving)
    assert lab.show("flowd", "StatusText")
    assert lab.until("the dropped order is loaded", lambda: "order" in lab.sh("flowd machines"))


def test_group_flowd_is_the_door_to_the_socket(lab: Lab) -> None:
    lab.sh("setpriv --reuid=alice --init-groups --reset-env flowd machines")
    refused = lab.sh("setpriv --reuid=mallory --init-groups --reset-env flowd machines 2>&1 || echo refused with $?")
    assert "refused with" in refused


def test_a_killed_daemon_comes_back_with_its_question_and_the_runner_never_noticed(lab: Lab) -> None:
    order = (REPOSITORY / "workflows" / "orders" / "order.input.json").read_text()
    lab.start("order", " ".join(order.split()))
    prompt = lab.until("the order asks", lambda: _prompt(lab))
    daemon, runner = lab.show("flowd", "MainPID"), lab.show("flowd-runner", "MainPID")
    lab.sh("systemctl kill --signal=KILL --kill-who=main flowd")
    lab.until("another daemon serves", lambda: lab.serving() and lab.show("flowd", "MainPID") not in ("0", daemon))
    assert lab.until("the question is back", lambda: _prompt(lab))["id"] == prompt["id"]
    assert lab.show("flowd-runner", "MainPID") == runner
    lab.sh(f"flowd answer {prompt['id']} --output '{{\"approved\": true}}'")
    lab.until("the order is shipped", lambda: "SUCCEEDED" in lab.sh("flowd ls"))


def test_a_function_at_work_goes_on_while_the_daemon_restarts_and_runs_once(lab: Lab) -> None:
    lab.drop("functions/sleeper.py", SLEEPER)
    lab.drop("sleep.asl.json", _machine("sleeper"))
    lab.start("sleep", '{"seconds": 6}')
    lab.until("the function runs", lambda: lab.sh("cat /var/lib/flowd-runner/runs"))
    lab.sh("systemctl restart flowd")
    ended = lab.until("it ended", lambda: [e for e in _executions(lab, "sleep") if e["status"] != "RUNNING"])
    assert ended[0]["status"] == "SUCCEEDED"
    assert lab.sh("cat /var/lib/flowd-runner/runs") == "run"


def _all_succeeded(lab: Lab, machine: str) -> bool:
    return {each["status"] for each in _executions(lab, machine)} == {"SUCCEEDED"}


def _executions(lab: Lab, machine: str) -> list[Any]:
    found = lab.json("flowd ls --json")
    rows = found["executions"] if isinstance(found, dict) else found
    return [row for row in rows if row["stateMachineName"] == machine]


def test_a_workflow_file_is_run_by_the_separate_runner_through_restarts_and_kills(lab: Lab) -> None:
    lab.drop("beside.py", "WORD = 'done'")
    lab.drop("noted.py", WORKFLOW)
    lab.until("its worker runs", lambda: "RUNNING" in lab.sh("flowd workflows"))
    lab.sh("flowd start noted --input 6")
    lab.until("the activity runs", lambda: lab.sh("cat /var/lib/flowd-runner/notes"))
    lab.sh("systemctl restart flowd")
    ended = lab.until("it ended", lambda: [e for e in _executions(lab, "noted") if e["status"] != "RUNNING"])
    assert ended[0]["status"] == "SUCCEEDED"
    (pid,) = lab.sh("cat /var/lib/flowd-runner/notes").split()
    assert lab.sh(f"stat -c %U /proc/{pid}") == "flowd-runner"
    lab.sh("flowd start noted --input 1 --name killed")
    lab.until("the next activity runs", lambda: len(lab.sh("cat /var/lib/flowd-runner/notes").split()) == 2)
    lab.sh(f"kill -9 {pid}")
    lab.until("that ended too", lambda: all(e["status"] == "SUCCEEDED" for e in _executions(lab, "noted")))
    assert len(lab.sh("cat /var/lib/flowd-runner/notes").split()) == 3


def test_user_code_reaches_neither_state_nor_socket_nor_drop_folder(lab: Lab) -> None:
    lab.drop("functions/spy.py", SPY)
    lab.drop("spy.asl.json", _machine("spy"))
    said = lab.start("spy", "{}", "--wait")
    found = json.loads(said[said.index("{") : said.rindex("}") + 1])
    assert found["user"] is True
    assert "reached" not in found.values()


def test_a_daemon_that_hangs_is_restarted_by_the_watchdog(lab: Lab) -> None:
    lab.sh("mkdir -p /run/systemd/system/flowd.service.d")
    lab.sh("printf '[Service]\\nWatchdogSec=2s\\n' >/run/systemd/system/flowd.service.d/test.conf")
    lab.sh("systemctl daemon-reload; systemctl restart flowd")
    daemon = lab.show("flowd", "MainPID")
    lab.sh(f"kill -STOP {daemon}")
    lab.until("another daemon serves", lambda: lab.serving() and lab.show("flowd", "MainPID") not in ("0", daemon))
    lab.sh("rm -r /run/systemd/system/flowd.service.d; systemctl daemon-reload; systemctl restart flowd")


def test_a_stop_is_clean_and_quick(lab: Lab) -> None:
    began = time.monotonic()
    lab.sh("systemctl stop flowd")
    assert time.monotonic() - began < 10
    assert lab.show("flowd", "Result") == "success"
    lab.sh("systemctl start flowd")


def test_functions_and_activities_at_work_end_once_while_the_machine_shuts_down(lab: Lab) -> None:
    lab.sh("rm /var/lib/flowd-runner/runs /var/lib/flowd-runner/notes")
    lab.sh("""flowd start sleep --name late --input '{"seconds": 6}'; flowd start noted --name late --input 5""")
    for name in ("runs", "notes"):
        lab.until("it is at work", partial(lab.sh, f"cat /var/lib/flowd-runner/{name}"))
    lab.verb("reboot")
    for machine in ("sleep", "noted"):
        lab.until(f"{machine} ended", partial(_all_succeeded, lab, machine))
    assert lab.sh("cat /var/lib/flowd-runner/runs") == "run"
    assert len(lab.sh("cat /var/lib/flowd-runner/notes").split()) == 1


def test_a_function_that_ends_after_the_daemon_counts_at_the_next_start(lab: Lab) -> None:
    lab.sh("rm /var/lib/flowd-runner/runs")
    lab.sh("""flowd start sleep --name later --input '{"seconds": 4}'""")
    lab.until("it is at work", lambda: lab.sh("cat /var/lib/flowd-runner/runs"))
    lab.sh("systemctl stop flowd; systemctl stop flowd-runner; systemctl start flowd")
    lab.until("it ended", lambda: "SUCCEEDED" in lab.sh("flowd show later"))
    assert lab.sh("cat /var/lib/flowd-runner/runs") == "run"


def test_a_copy_taken_and_put_back_as_the_page_says_goes_on_where_nothing_was(lab: Lab) -> None:
    before = sorted(row["executionArn"] for row in _executions(lab, "order"))
    lab.sh("flowd start noted --input 30 --name copied")
    commands = _commands("Back up")
    stop = next(number for number, command in enumerate(commands) if command.startswith("systemctl stop"))
    for command in commands[:stop]:
        lab.sh(command)
    lab.sh("systemctl stop flowd flowd-runner; rm -r /var/lib/flowd /etc/flowd/workflows/*")
    lab.sh("systemctl start flowd")
    for command in commands[stop:]:
        lab.sh(command)
    lab.until("both services are active", lab.serving)
    assert sorted(row["executionArn"] for row in _executions(lab, "order")) == before
    lab.until("what was open ends", lambda: "SUCCEEDED" in lab.sh("flowd show copied"), 90)


def test_after_a_reboot_everything_is_back(lab: Lab) -> None:
    before = sorted(row["executionArn"] for row in _executions(lab, "order"))
    lab.verb("reboot")
    lab.until("both services are active", lab.serving)
    assert sorted(row["executionArn"] for row in _executions(lab, "order")) == before
