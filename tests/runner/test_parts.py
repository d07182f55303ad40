"""The parts of the runner that need no process: logs, the ledger, words of outcomes, command lines, notes, cgroups."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flowd.functions import FunctionSpec
from flowd.runner import cgroups, launch, leftovers, outcomes
from flowd.runner.attempts import Attempt, Ledger, Log
from flowd.runner.leftovers import Leftovers
from flowd.runner.outcomes import Outcome
from flowd.runner.protocol import Hello, Invoke, Welcome, decode_answer, decode_request, pack
from tests.runner.harness import alive


def test_a_log_keeps_its_end_and_says_so() -> None:
    log = Log(limit=4)
    log.add(b"ab")
    assert (log.tail, log.truncated) == (b"ab", False)
    log.add(b"cd")
    assert (log.tail, log.truncated) == (b"abcd", False)
    for _ in range(100):
        log.add(b"xyz")
    assert (log.tail, log.truncated) == (b"zxyz", True)


def test_the_first_outcome_stands() -> None:
    attempt = Attempt("k", "f", b"payload")
    heard: list[Outcome | None] = []
    attempt.when_ended(lambda ended: heard.append(ended.outcome))
    attempt.end(Outcome(output=b"1"))
    attempt.end(Outcome(error="late"))
    attempt.when_ended(lambda ended: heard.append(ended.outcome))
    assert heard == [Outcome(output=b"1")] * 2


def test_a_ledger_holds_outcomes_until_they_are_acknowledged() -> None:
    ledger = Ledger()
    done, open_ = Attempt("done", "f", b""), Attempt("open", "f", b"")
    for attempt in (done, open_):
        ledger.enter(attempt)
    done.end(Outcome(output=b"1"))
    assert (len(ledger), ledger.running) == (2, 1)
    ledger.acknowledge(["done", "open", "never known"])
    assert ledger.find("done") is None
    assert ledger.find("open") is open_  # it still runs, and is forgotten when it ends
    open_.end(Outcome(output=b"1"))
    assert len(ledger) == 0


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "Runtime exited without providing a reason"),
        (2, "Runtime exited with error: exit status 2"),
        (-9, "Runtime exited with error: signal: killed"),
        (-15, "Runtime exited with error: signal: terminated"),
    ],
)
def test_ends_of_processes_have_lambdas_words(code: int, words: str) -> None:
    cause = outcomes.exited("r-1", code).cause
    assert cause == f'{{"errorType":"Runtime.ExitError","errorMessage":"RequestId: r-1 Error: {words}"}}'


def test_an_error_that_is_no_object_has_no_type() -> None:
    for body in (b"[]", b"not json", b'{"errorType": 5}', b"\xff"):
        assert outcomes.failed(body).error == "Lambda.Unknown"


def test_messages_survive_the_wire() -> None:
    invoke = Invoke(7, "1:0:1", "f", b'{"a": 1.0}', 5, "arn", "", True)
    assert decode_request(pack(invoke)[4:]) == invoke
    assert decode_request(pack(Hello(1))[4:]) == Hello(1)
    assert decode_answer(pack(Welcome(1, 1, 2, 3))[4:]) == Welcome(1, 1, 2, 3)


def test_reserved_names_win_over_the_functions_own_settings(tmp_path: Path) -> None:
    file = tmp_path / "f.py"
    spec = FunctionSpec(
        name="f", kind="python", path=str(file), environment={"A": "own", "AWS_LAMBDA_FUNCTION_NAME": "other"}
    )
    command = launch.command(spec, {"A": "given", "B": "given"}, 1_700_000_000_000, "stream", 9)
    assert command.environment["A"] == "own"
    assert command.environment["B"] == "given"
    assert command.environment["AWS_LAMBDA_FUNCTION_NAME"] == "f"
    assert command.environment["AWS_LAMBDA_LOG_STREAM_NAME"] == "2023/11/14/[$LATEST]stream"
    assert command.arguments[-3:] == ["9", str(file), "handler"]


def test_node_that_is_missing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    spec = FunctionSpec(name="f", kind="node", path=str(tmp_path / "f.js"))
    assert "no program `node`" in launch.command(spec, {}, 0, "s").why_not


def test_the_entry_file_of_a_folder_is_that_of_its_handler(tmp_path: Path) -> None:
    (tmp_path / "app.mjs").touch()
    spec = FunctionSpec(name="f", kind="node", path=str(tmp_path), handler="app.run")
    assert launch.entry_file(spec) == str(tmp_path / "app.mjs")
    spec = FunctionSpec(name="f", kind="bootstrap", path=str(tmp_path))
    assert launch.entry_file(spec) == str(tmp_path / "bootstrap")


def test_limits_are_set_by_the_shell_that_becomes_the_function() -> None:
    command = launch.with_limits(["/bin/sh", "-c", "ulimit -d; ulimit -c; echo $0", 'it\'s "me"'], 64, "")
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n") == ["65536", "0", 'it\'s "me"', ""]


def test_in_a_cgroup_the_process_enters_it_first(tmp_path: Path) -> None:
    command = launch.with_limits(["/bin/sh", "-c", "echo $$"], 64, str(tmp_path))
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (tmp_path / "cgroup.procs").read_text() == done.stdout


# -- what an earlier runner left behind


@pytest.fixture
def notes(tmp_path: Path) -> Leftovers:
    notes = Leftovers(tmp_path / "notes")
    notes.sweep()
    return notes


def sleeper() -> subprocess.Popen[bytes]:
    return subprocess.Popen(["sleep", "60"], start_new_session=True)


def test_groups_that_were_noted_are_killed(notes: Leftovers) -> None:
    left, ended = sleeper(), sleeper()
    notes.add(left.pid, "m1")
    notes.add(ended.pid, "m2")
    notes.discard(ended.pid)
    assert notes.sweep() == 1
    assert left.wait(10) == -9
    assert alive(ended.pid)
    ended.kill()
    ended.wait()
    assert notes.sweep() == 0


def test_a_number_that_now_belongs_to_another_process_is_left_alone(notes: Leftovers, tmp_path: Path) -> None:
    other = sleeper()
    boot = leftovers._boot()
    (tmp_path / "notes" / str(other.pid)).write_text(f"{boot} 12345")
    assert notes.sweep() == 0
    (tmp_path / "notes" / str(other.pid)).write_text(f"another-boot {leftovers._start_time(other.pid)}")
    assert notes.sweep() == 0
    assert alive(other.pid)
    other.kill()
    other.wait()


def test_notes_are_no_reason_to_fail(tmp_path: Path) -> None:
    notes = Leftovers(tmp_path / "missing")
    notes.add(os.getpid(), "m")
    notes.discard(os.getpid())


# -- cgroups, against a folder that looks like one


@pytest.fixture
def hierarchy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    base = tmp_path / "mount" / "system.slice" / "flowd-runner.service"
    base.mkdir(parents=True)
    (base / "cgroup.controllers").write_text("cpu memory pids\n")
    (base / "cgroup.procs").write_text("")
    (tmp_path / "self").write_text("9:name=systemd:/x\n0::/system.slice/flowd-runner.service\n")
    monkeypatch.setattr(os, "getxattr", lambda path, name: b"1" if name == "user.delegate" else b"")
    return base


def test_a_delegated_cgroup_is_taken_over(hierarchy: Path, tmp_path: Path) -> None:
    found = cgroups.open_delegated(tmp_path / "mount", tmp_path / "self")
    assert found is not None
    assert (hierarchy / "runner" / "cgroup.procs").read_text() == str(os.getpid())
    assert (hierarchy / "cgroup.subtree_control").read_text() == "+memory"
    folder = found.create(128)
    assert folder is not None
    assert (folder / "memory.max").read_text() == str(128 << 20)
    limited = found.create(64, cpu_units=256)
    assert limited is not None
    assert (limited / "cpu.max").read_text() == "25000 100000"  # a quarter of a processor
    assert not (folder / "cpu.max").exists()
    assert not found.was_out_of_memory(folder)
    (folder / "memory.events").write_text("low 0\noom 1\noom_kill 1\n")
    assert found.was_out_of_memory(folder)
    found.kill(folder)
    assert (folder / "cgroup.kill").read_text() == "1"
    found.release(folder)  # not empty here, as while processes die: tried again later
    for file in folder.iterdir():
        file.unlink()
    second = found.create(1)
    assert second is not None and second != folder
    found.release(second)
    assert not folder.exists()


def test_a_cgroup_that_is_not_marked_as_delegated_is_never_touched(
    hierarchy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: object, name: object) -> bytes:
        raise OSError

    monkeypatch.setattr(os, "getxattr", refuse)
    assert cgroups.open_delegated(tmp_path / "mount", tmp_path / "self") is None
    assert not (hierarchy / "runner").exists()


def test_without_the_memory_controller_there_are_no_cgroups(hierarchy: Path, tmp_path: Path) -> None:
    (hierarchy / "cgroup.controllers").write_text("cpu pids\n")
    assert cgroups.open_delegated(tmp_path / "mount", tmp_path / "self") is None
    assert cgroups.open_delegated(tmp_path / "mount", tmp_path / "nothing") is None


def test_the_bootstrap_imports_nothing_of_flowd(tmp_path: Path) -> None:
    file = Path(launch.__file__).parent / "bootstrap" / "python.py"
    code = f"import runpy, sys; runpy.run_path({str(file)!r}); print([m for m in sys.modules if 'flowd' in m])"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert done.stdout == "[]\n"


def test_what_a_dead_daemon_wanted_for_itself_is_forgotten() -> None:
    ledger = Ledger()
    done = Attempt("done", "f", b"", fleeting="first")
    running = Attempt("running", "f", b"", fleeting="first")
    kept, of_now = Attempt("kept", "f", b""), Attempt("of now", "f", b"", fleeting="second")
    for attempt in (done, running, kept, of_now):
        ledger.enter(attempt)
    for attempt in (done, kept, of_now):
        attempt.end(Outcome(output=b"1"))
    ledger.drop_fleeting("second")
    assert ledger.find("done") is None
    assert ledger.find("running") is running  # it still runs, and is forgotten when it ends
    running.end(Outcome(output=b"1"))
    assert ledger.find("running") is None
    assert (ledger.find("kept"), ledger.find("of now")) == (kept, of_now)
