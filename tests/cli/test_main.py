from __future__ import annotations

import errno
import socket
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import httpx
import pytest

from flowd.__main__ import COMMANDS, main
from flowd.client import Client, Unreachable, _unreachable
from tests.cli.conftest import FakeDaemon, Flowd

# DESIGN.md fixes these names: scripts rely on them.
FIXED = """serve env console check run start ls show history logs stop redrive signal cancel terminate inbox answer
machines schedules queues deploys doctor backup restore""".split()


def test_the_commands_that_were_promised_are_there() -> None:
    assert set(FIXED) - set(COMMANDS) == set()


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_command_s_help_is_the_one_in_the_list_and_takes_no_daemon(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    module, text = COMMANDS[name]
    assert import_module(f"flowd.cli.{module}").COMMANDS[name].help == text
    assert main([name, "--help"]) == 0
    assert text in " ".join(capsys.readouterr().out.split())


def test_every_listing_takes_json(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("ls", "show", "history", "logs", "inbox", "machines", "schedules", "queues", "doctor", "check"):
        main([name, "--help"])
        assert "--json" in capsys.readouterr().out, name


def test_a_command_loads_neither_the_console_nor_the_engine() -> None:
    code = "import sys; from flowd.__main__ import main; main(['ls', '--socket', '/nonexistent/socket']); "
    code += (
        "bad = {'textual', 'sqlalchemy', 'flowd.engine', 'boto3', 'flowd.asl'} & set(sys.modules); sys.exit(len(bad))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_a_reader_that_has_enough_is_no_error(daemon: FakeDaemon, tmp_path: Path) -> None:
    item = {"name": "n" * 600, "stateMachineName": "m", "status": "RUNNING", "id": 1, "startDate": 1.0}
    daemon.answers = {"ListExecutions": {"executions": [item] * 500}}
    command = f"{sys.executable} -m flowd ls --limit 500 --socket {daemon.socket} | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("NAME")


def test_the_version_is_told(flowd: Flowd) -> None:
    assert flowd("--version").out.startswith("flowd 0.")


def test_a_bad_setting_is_one_line(flowd: Flowd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWD_LISTEN", "nonsense")
    found = flowd("ls")
    assert found.code == 1
    assert found.err == "flowd: listen: 'nonsense' is not HOST:PORT (as 127.0.0.1:8083) or off\n"


def test_a_file_that_no_command_has_thought_of_is_one_line_with_its_name(
    flowd: Flowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/data/x")

    monkeypatch.setattr("flowd.cli.upkeep.backup", full)
    found = flowd("backup", "copy.db")
    assert found.code == 1
    assert found.err == "flowd: /data/x: No space left on device; `flowd doctor` looks at everything flowd needs\n"


def test_a_socket_that_one_may_not_open_is_told_from_a_daemon_that_is_not_there() -> None:
    denied = _unreachable(Path("/run/s"), httpx.ConnectError("[Errno 13] Permission denied"))
    assert str(denied).startswith("you may not open /run/s (Permission denied); ") and "usermod" in str(denied)
    absent = _unreachable(Path("/run/s"), httpx.ConnectError("[Errno 2] No such file or directory"))
    assert str(absent).startswith("no daemon answers on /run/s (No such file or directory); start one")


def test_a_daemon_that_is_there_and_does_not_answer_is_told_from_one_that_is_not(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(path))
        silent.listen()
        with pytest.raises(Unreachable) as caught:
            Client(path, timeout_s=0.05).flowd("Health")
    assert str(caught.value) == (
        f"the daemon on {path} took the request and has not answered; its log says what holds it up"
    )


def test_a_file_that_cannot_be_read_is_named_without_error_numbers(flowd: Flowd) -> None:
    assert flowd("start", "m", "--input", "@no.json").err == "flowd: cannot read no.json: No such file or directory\n"
