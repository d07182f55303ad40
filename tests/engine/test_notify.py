"""What systemd hears from the daemon, on a real datagram socket."""

from __future__ import annotations

import asyncio
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from flowd.engine.notify import Notifier


class Manager:
    """The service manager's end of the line."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)

    def heard(self) -> list[str]:
        """The lines of the next message."""
        return self.socket.recv(4096).decode().split("\n")

    async def hears(self) -> str:
        async with asyncio.timeout(5):
            return (await asyncio.get_running_loop().sock_recv(self.socket, 4096)).decode()


@pytest.fixture
def manager() -> Iterator[Manager]:
    with tempfile.TemporaryDirectory(prefix="fn") as folder:  # AF_UNIX paths are at most 107 bytes
        made = Manager(str(Path(folder) / "n"))
        yield made
        made.socket.close()


@pytest.fixture
def notifier(manager: Manager) -> Iterator[Notifier]:
    made = Notifier(manager.address, watchdog_s=0.03)
    yield made
    made.close()


def test_ready_carries_the_status_in_one_message(manager: Manager, notifier: Notifier) -> None:
    assert notifier.ready("serving on 127.0.0.1:8083")
    assert manager.heard() == ["READY=1", "STATUS=serving on 127.0.0.1:8083"]


def test_a_line_break_in_a_status_cannot_forge_a_field(manager: Manager, notifier: Notifier) -> None:
    assert notifier.status("bad\nMAINPID=1\r\nREADY=1")
    assert manager.heard() == ["STATUS=bad MAINPID=1 READY=1"]


def test_stopping_and_more_time_are_said_in_systemd_s_words(manager: Manager, notifier: Notifier) -> None:
    assert notifier.stopping()
    assert manager.heard() == ["STOPPING=1"]
    assert notifier.extend_timeout(1.5)
    assert manager.heard() == ["EXTEND_TIMEOUT_USEC=1500000"]


async def test_a_start_says_what_it_is_at_and_asks_for_time_until_it_is_over(
    manager: Manager, notifier: Notifier
) -> None:
    stages = iter(["starting: opening", "starting: reading"])
    telling = asyncio.create_task(notifier.starting(lambda: next(stages), every_s=0.01))
    assert await manager.hears() == "EXTEND_TIMEOUT_USEC=60000000\nSTATUS=starting: opening"
    assert await manager.hears() == "EXTEND_TIMEOUT_USEC=60000000\nSTATUS=starting: reading"
    telling.cancel()


def test_an_abstract_socket_is_reached_by_its_at_sign() -> None:
    manager = Manager(f"@flowd-test-{os.getpid()}-notify")
    notifier = Notifier(manager.address)
    assert notifier.ready()
    assert manager.heard() == ["READY=1"]
    notifier.close()
    manager.socket.close()


def test_without_a_socket_nothing_is_sent_and_nothing_fails() -> None:
    notifier = Notifier.from_environment({})
    assert not notifier.enabled
    assert not notifier.ready("unheard")
    asyncio.run(notifier.watch())  # returns at once: there is no watchdog
    asyncio.run(notifier.starting(lambda: ""))  # and nobody to tell


def test_a_manager_that_is_gone_does_not_fail_the_daemon(manager: Manager, notifier: Notifier) -> None:
    manager.socket.close()
    assert not notifier.status("anybody there")


def test_a_full_socket_drops_the_message_instead_of_blocking(manager: Manager, notifier: Notifier) -> None:
    results = [notifier.alive() for _ in range(5_000)]
    assert results[0] and not results[-1]


def test_the_environment_is_taken_so_that_children_do_not_speak_for_the_daemon() -> None:
    environ = {"NOTIFY_SOCKET": "/run/n", "WATCHDOG_USEC": "9000000", "WATCHDOG_PID": str(os.getpid()), "HOME": "/"}
    notifier = Notifier.from_environment(environ)
    assert environ == {"HOME": "/"}
    assert notifier.enabled
    assert notifier.watchdog_s == 9.0


@pytest.mark.parametrize(("usec", "pid"), [("9000000", "1"), ("soon", ""), ("", "")])
def test_a_watchdog_of_another_process_or_without_a_number_is_none(usec: str, pid: str) -> None:
    environ = {"NOTIFY_SOCKET": "/run/n", "WATCHDOG_USEC": usec, "WATCHDOG_PID": pid}
    assert Notifier.from_environment(environ).watchdog_s == 0.0


async def test_pings_go_on_through_a_drain_until_the_task_is_cancelled(manager: Manager, notifier: Notifier) -> None:
    watching = asyncio.create_task(notifier.watch())
    assert await manager.hears() == "WATCHDOG=1"
    notifier.stopping("draining")
    heard = [await manager.hears() for _ in range(4)]
    assert heard.count("WATCHDOG=1") == 3
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching


async def test_no_ping_goes_out_while_the_daemon_is_not_healthy(manager: Manager, notifier: Notifier) -> None:
    asked: list[bool] = [False, False, False, True]
    watching = asyncio.create_task(notifier.watch(lambda: asked.pop(0) if asked else True))
    assert await manager.hears() == "WATCHDOG=1"
    assert not asked  # the first three questions were answered no and sent nothing
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching
