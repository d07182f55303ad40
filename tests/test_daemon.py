"""What the composition root decides of the settings before anything is started."""

from __future__ import annotations

import asyncio
import json
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from flowd.api.server import Addresses, Server
from flowd.clock import SystemClock
from flowd.cloudsettings import CloudSettings
from flowd.config import Config
from flowd.daemon import Daemon, _runner_socket
from flowd.errors import ConfigError
from flowd.foreground import _start, serve
from flowd.httpsettings import HttpSettings
from flowd.integrations.mocks import MockedRegistry


def settings(tmp_path: Path, services: dict[str, str], mocks: Path | None) -> Config:
    return Config(
        workflows=tmp_path / "w",
        data=tmp_path,
        socket=tmp_path / "s",
        listen=None,
        cloud=CloudSettings(services, mocks=mocks),
        file=tmp_path / "flowd.toml",
    )


def test_a_machine_with_a_task_of_a_service_on_mock_is_loaded_and_other_services_are_refused_as_ever(
    tmp_path: Path,
) -> None:
    file = tmp_path / "mocks.json"
    file.write_text(json.dumps({"StateMachines": {}}))
    daemon = Daemon(settings(tmp_path, {"glue": "mock"}, file))
    assert daemon._refuse("glue", "startJobRun", "sync") is None
    assert daemon._refuse("aws-sdk:glue", "getJob", "") is None
    assert "the integration glue is not built" in (daemon._refuse("glue", "noSuchAction", "") or "")
    assert "no operation getJbo" in (daemon._refuse("aws-sdk:glue", "getJbo", "") or "")
    assert "not built" in (daemon._refuse("batch", "submitJob", "sync") or "")
    assert isinstance(daemon.core.registry, MockedRegistry)


@pytest.mark.parametrize(
    ("service", "named", "words"),
    [
        ("glue", False, r'\[services\] glue cannot be "mock" without a file of answers: write file = '),
        ("gleu", True, r"flowd.toml: \[services\] gleu is no service by the name"),
        ("eventbridge", True, r"\[services\] eventbridge is no service by the name that boto3 gives it"),
    ],
)
def test_a_mock_without_a_file_or_of_a_service_that_nobody_knows_is_refused(
    tmp_path: Path, service: str, named: bool, words: str
) -> None:
    file = tmp_path / "mocks.json"
    file.write_text(json.dumps({"StateMachines": {}}))
    with pytest.raises(ConfigError, match=words):
        Daemon(settings(tmp_path, {service: "mock"}, file if named else None))


@pytest.mark.parametrize("made", ["file", "below"])
def test_a_data_folder_that_cannot_be_used_is_named_with_the_way_out(
    tmp_path: Path, made: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    data = tmp_path / "file" if made == "file" else tmp_path / "file" / "data"
    config = replace(settings(tmp_path, {}, None), data=data)
    assert serve(config) == 1
    said = capsys.readouterr().err
    assert f"the data folder {data} cannot be used" in said and "--data" in said and "Errno" not in said


async def test_a_workflows_folder_that_cannot_be_made_is_named_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "w").touch()
    with pytest.raises(ConfigError, match=r"the workflows folder .*/w is not there.*--workflows"):
        await Daemon(settings(tmp_path, {}, None)).start()


def test_daemons_whose_sockets_are_in_one_folder_have_a_runner_each(tmp_path: Path) -> None:
    runners = []
    for name in ("a.sock", "b.sock", "a"):
        config = replace(settings(tmp_path, {}, None), socket=tmp_path / name, data=tmp_path / f"data-{name}")
        runners.append(_runner_socket(config))
    assert [runner.name for runner in runners] == ["a.sock.runner", "b.sock.runner", "a.runner"]
    assert {runner.parent for runner in runners} == {tmp_path}


def test_a_runner_s_socket_that_would_be_too_long_is_refused_before_anything_is_started(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * (105 - len(str(tmp_path)) - 1))
    config = replace(settings(tmp_path, {}, None), socket=folder / "s")
    with pytest.raises(ConfigError, match=r"s\.runner has more than 107 bytes; .*--socket"):
        Daemon(config)
    Daemon(replace(config, runner_socket=tmp_path / "r"))


@pytest.mark.parametrize("taken", ["api", "routes", "socket"])
async def test_an_address_that_another_has_is_told_before_anything_long_is_begun(tmp_path: Path, taken: str) -> None:
    config = settings(tmp_path, {}, None)
    other = socket.socket(socket.AF_UNIX) if taken == "socket" else socket.create_server(("127.0.0.1", 0))
    with other:
        if taken == "socket":
            other.bind(str(config.socket))
            other.listen()
        address = ("127.0.0.1", 0) if taken == "socket" else other.getsockname()[:2]
        if taken == "api":
            config = replace(config, listen=address)
        elif taken == "routes":
            config = replace(config, http=HttpSettings(listen=address))
        daemon = Daemon(config)
        with pytest.raises(ConfigError, match=r"another daemon answers on .*--socket|port .*choose another port"):
            await daemon.start()
        await daemon.stop()
    assert not config.database.exists()


async def test_a_claimed_port_refuses_connections_until_the_server_starts(tmp_path: Path) -> None:
    server = Server({}, Addresses(unix=tmp_path / "s", tcp=("127.0.0.1", 0)), SystemClock(), None)
    server.claim()
    port = int(str(server.url).rpartition(":")[2])
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
    assert not (tmp_path / "s").exists()
    await server.start()
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        assert (tmp_path / "s").exists()
    finally:
        await server.stop()


async def test_a_daemon_that_is_told_to_stop_while_it_starts_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon, stopping, cancelled = Daemon(settings(tmp_path, {}, None)), asyncio.Event(), asyncio.Event()

    async def reads_for_ever() -> None:
        stopping.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    monkeypatch.setattr(daemon, "start", reads_for_ever)
    async with asyncio.timeout(10):
        assert not await _start(daemon, stopping)
    assert cancelled.is_set()


async def test_a_start_that_fails_is_told(tmp_path: Path) -> None:
    (tmp_path / "w").touch()
    with pytest.raises(ConfigError, match="workflows folder"):
        await _start(Daemon(settings(tmp_path, {}, None)), asyncio.Event())
