"""Where the server listens: loopback without keys, socket files, sockets that systemd opened."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from flowd.api.server import Addresses, Server
from flowd.api.wire.credentials import Credentials
from flowd.clock import SystemClock
from flowd.errors import ConfigError
from tests.api.test_server import KEY, Running, call, sdk


async def test_without_auth_any_key_does(tmp_path: Path) -> None:
    running = Running(tmp_path, credentials=None)
    await running.server.start()
    assert (await call(sdk(running.url, Credentials("a", "b")), "list_activities"))["activities"]
    await running.server.stop()


async def test_without_auth_only_loopback_is_served(tmp_path: Path) -> None:
    server = Server({}, Addresses(tcp=("0.0.0.0", 0)), SystemClock(), None)
    with pytest.raises(ConfigError, match="loopback"):
        await server.start()


async def test_a_socket_file_left_by_a_dead_daemon_is_replaced(tmp_path: Path) -> None:
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(tmp_path / "s"))
    dead.close()
    running = Running(tmp_path)
    await running.server.start()
    assert (await running.post()).status_code == 200
    assert running.path.stat().st_mode & 0o777 == 0o660
    await running.server.stop()


async def test_folders_that_are_made_for_the_socket_can_be_entered(tmp_path: Path) -> None:
    server = Server({}, Addresses(unix=tmp_path / "new" / "er" / "s"), SystemClock(), KEY)
    await server.start()
    assert {path.stat().st_mode & 0o700 for path in (tmp_path / "new", tmp_path / "new" / "er")} == {0o700}
    await server.stop()


async def test_a_socket_path_that_is_no_socket_or_too_long_is_told(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("mine")
    with pytest.raises(ConfigError, match="no socket"):
        await Running(tmp_path).server.start()
    with pytest.raises(ConfigError, match="107 bytes"):
        await Server({}, Addresses(unix=tmp_path / ("s" * 110)), SystemClock(), KEY).start()


async def test_sockets_that_systemd_opened_are_used(tmp_path: Path) -> None:
    inherited = socket.socket(socket.AF_UNIX)
    inherited.bind(str(tmp_path / "given"))
    inherited.listen()
    running = Running(tmp_path)
    running.server._addresses = Addresses(unix=tmp_path / "unused", inherited=[inherited])
    await running.server.start()
    running.path = tmp_path / "given"
    assert (await running.post()).status_code == 200
    await running.server.stop()
    assert (tmp_path / "given").exists()
    assert not (tmp_path / "unused").exists()
