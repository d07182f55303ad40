"""The runner's side of the socket, and what a client knows of functions, without any process to run them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from flowd.containers import ContainerSpec
from flowd.functions import FunctionSpec
from flowd.runner import server as server_module
from flowd.runner.attempts import Attempt, Ledger
from flowd.runner.client import RunnerClient
from flowd.runner.containers import Containers, Folders
from flowd.runner.leftovers import Leftovers
from flowd.runner.outcomes import Outcome
from flowd.runner.pool import Pool
from flowd.runner.process import Hosting
from flowd.runner.protocol import Attach, Hello, Invoke, Leaving, Register, RunContainer
from flowd.runner.server import Server
from tests.runner.harness import DEADLINE_S, Functions, until

ORPHAN_S = 0.02


def orphan(ledger: Ledger) -> Server:
    """A server that ends when nobody has needed it for a moment."""
    hosting = Hosting(Leftovers(Path("/nowhere")))
    return Server(Pool(hosting), Containers(hosting, Folders(Path("/nowhere"))), ledger, 1, ORPHAN_S)


async def becomes_idle(server: Server) -> bool:
    try:
        async with asyncio.timeout(ORPHAN_S * 5):
            await server.idle.wait()
    except TimeoutError:
        return False
    return True


async def test_a_runner_that_nobody_ever_connects_to_ends() -> None:
    assert await becomes_idle(orphan(Ledger()))


async def test_a_runner_stays_while_somebody_is_connected_and_ends_when_all_have_gone() -> None:
    server = orphan(Ledger())
    first, second = server.connect(), server.connect()
    assert not await becomes_idle(server)
    first.connection_lost(None)
    assert not await becomes_idle(server)
    second.connection_lost(None)
    assert await becomes_idle(server)


async def test_a_runner_stays_while_something_runs_and_hands_on_what_has_ended() -> None:
    ledger = Ledger()
    server = orphan(ledger)
    attempt = Attempt("k", "f", b"")
    ledger.enter(attempt)
    assert not await becomes_idle(server)
    attempt.end(Outcome(output=b"1"))
    assert await becomes_idle(server)
    assert not server.forsaken


async def test_a_runner_that_ends_begins_nothing_and_says_so_to_whoever_comes_then() -> None:
    ledger = Ledger()
    server = orphan(ledger)
    assert await becomes_idle(server)
    late = server.connect()
    assert server.hello(late, Hello(1, "late daemon")) == Leaving(0)
    server.register(late, Register(2, [FunctionSpec(name="f", kind="python", path="/f.py")], {}))
    assert server.invoke(late, Invoke(3, "k", "f", b"{}")) == Leaving(0)
    container = ContainerSpec(name="w", command=["true"], folder="/")
    assert server.run_container(late, RunContainer(4, "c", container)) == Leaving(0)
    assert len(ledger) == 0


@pytest.mark.parametrize("told", [False, True], ids=["forgotten", "told to stop"])
async def test_a_worker_of_a_workflow_file_does_not_keep_a_runner_that_is_forgotten_or_told_to_stop(
    tmp_path: Path, told: bool
) -> None:
    hosting, ledger, attempt = Hosting(Leftovers(tmp_path / "left")), Ledger(), Attempt("code:v", "", b"")
    containers = Containers(hosting, Folders(tmp_path / "folders"))
    server = Server(Pool(hosting), containers, ledger, 1, 0 if told else ORPHAN_S)
    ledger.enter(attempt)
    containers.run(attempt, ContainerSpec(name="w", command=["sleep", "100"], folder=str(tmp_path), standing=True))
    if told:
        server.stop()
    async with asyncio.timeout(DEADLINE_S):
        await server.idle.wait()
    assert attempt.outcome is not None and b'"exit_code":143' in (attempt.outcome.output or b"")


async def test_what_a_daemon_at_work_has_not_asked_for_is_dropped_after_a_while_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server_module, "UNASKED_S", 0.01)
    ledger = Ledger()
    server = orphan(ledger)
    for key in ("wanted", "lost", "runs"):
        ledger.enter(Attempt(key, "f", b""))
    connection = server.connect()
    server.hello(connection, Hello(1, "second daemon"))
    server.attach(connection, Attach(2, "wanted"))
    for key in ("wanted", "lost"):
        attempt = ledger.find(key)
        assert attempt is not None
        attempt.end(Outcome(output=b"1"))
    await asyncio.sleep(0.05)
    assert ledger.find("lost") is not None  # it has not begun to work
    server.register(connection, Register(3, [], {}))
    await until(lambda: ledger.find("lost") is None)
    assert ledger.find("wanted") is not None and ledger.find("runs") is not None


async def test_a_call_of_a_starting_daemon_waits_until_the_functions_are_known(functions: Functions) -> None:
    client = RunnerClient(functions.client.socket_path, grace_s=0)
    await client.connect()
    asked = asyncio.ensure_future(client.knows("f"))
    await client.counts()
    assert not asked.done()
    await client.register([FunctionSpec(name="f", kind="python", path="/f.py")], {})
    assert await asked
    assert not await client.knows("g")
    await client.close()


async def test_a_function_that_was_dropped_a_moment_ago_is_waited_for(functions: Functions) -> None:
    client = RunnerClient(functions.client.socket_path)
    await client.connect()
    await client.register([], {})
    asked = asyncio.ensure_future(client.knows("f"))
    await client.counts()
    assert not asked.done()
    await client.register([FunctionSpec(name="other", kind="python", path="/o.py")], {})
    await client.register([FunctionSpec(name="f", kind="python", path="/f.py")], {})
    assert await asked
    await client.close()
