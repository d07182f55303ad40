"""The ways to a console that is not in this terminal, or not on this host."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from console.web import COOKIE, Served
from flowd.cli.command import CommandError
from flowd.cli.remote import tunnel
from flowd.client import Client
from tests.cli.conftest import FakeDaemon, Flowd

SSH = f"""#!{sys.executable}
import os, sys, time
if "nowhere" in sys.argv:
    sys.exit(255)
local, remote = sys.argv[sys.argv.index("-L") + 1].split(":")
os.symlink(remote, local)
time.sleep(60)
"""


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An ssh whose remote side is this machine."""
    program = tmp_path / "bin" / "ssh"
    program.parent.mkdir()
    program.write_text(SSH)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")


@pytest.mark.usefixtures("ssh")
def test_a_remote_daemon_is_reached_through_ssh_and_the_tunnel_ends(daemon: FakeDaemon) -> None:
    daemon.answers = {"Health": {"version": "far away"}}
    with tunnel("host", str(daemon.socket)) as socket:
        client = Client(socket)
        assert client.flowd("Health") == {"version": "far away"}
        client.close()
    assert not socket.parent.exists()


@pytest.mark.usefixtures("ssh")
def test_an_ssh_that_fails_is_told() -> None:
    with pytest.raises(CommandError, match="ssh nowhere ended with 255"), tunnel("nowhere", "/s"):
        pass
    with pytest.raises(CommandError, match="is no host"), tunnel("-oProxyCommand=evil", "/s"):
        pass


def test_web_and_ssh_exclude_each_other(flowd: Flowd) -> None:
    assert flowd("console", "--web", "--ssh", "host").code == 2


async def test_nobody_gets_a_web_console_without_its_token() -> None:
    served = Served("true", 0, token="secret-token")
    server = TestServer(await served._make_app(), host="127.0.0.1")
    async with TestClient(server) as client:
        served.port = server.port or 0
        served.public_url = f"http://127.0.0.1:{server.port}"
        for path in ("/", "/ws", "/static/js/textual.js", "/?token=wrong"):
            assert (await client.get(path)).status == 403
        first = await client.get("/?token=secret-token", allow_redirects=False)
        assert (first.status, first.headers["Location"]) == (302, "/")
        assert {"httponly", "samesite=strict"} <= {
            part.strip().lower() for part in first.headers["Set-Cookie"].split(";")
        }
        cookies = {"Cookie": f"{COOKIE}=secret-token"}
        page = await client.get("/", headers=cookies)
        assert page.status == 200 and "flowd console" in await page.text()
        assert (await client.get("/", headers={**cookies, "Origin": "http://evil.example"})).status == 403
        assert (await client.get("/", headers={**cookies, "Host": "evil.example"})).status == 403
