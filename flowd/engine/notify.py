"""What the daemon tells systemd: ready, status, still alive, stopping (the sd_notify protocol).

Datagrams on the socket that systemd names in NOTIFY_SOCKET. Sending never blocks and never fails the daemon: a message
that cannot be delivered is dropped, and the next one says more anyway. Without NOTIFY_SOCKET everything here does
nothing. It must not decide what healthy means: the caller hands that in.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, MutableMapping

# systemd kills a service whose ping is later than WatchdogSec. A third leaves room for two that come late.
_PINGS_PER_INTERVAL = 3
# For so long a start may be too busy to say that it goes on.
_STARTING_S = 60
# sd_notify(3) gives no limit, but a status is one line of `systemctl status`.
_STATUS_LIMIT = 200


def _always() -> bool:
    return True


class Notifier:
    """One process's line to its service manager. Make it with `from_environment`."""

    def __init__(self, address: str = "", watchdog_s: float = 0.0) -> None:
        """`address`: a socket path, `@name` for an abstract one, empty for none. `watchdog_s`: 0 = no watchdog."""
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._socket: socket.socket | None = None
        self.watchdog_s = watchdog_s if address else 0.0

    @classmethod
    def from_environment(cls, environ: MutableMapping[str, str] = os.environ) -> Notifier:
        """Read NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, and take them out so that no child process inherits them.

        A watchdog meant for another pid is not ours (sd_watchdog_enabled(3)), and a number that is none counts as none.
        """
        address = environ.pop("NOTIFY_SOCKET", "")
        usec, pid = environ.pop("WATCHDOG_USEC", ""), environ.pop("WATCHDOG_PID", "")
        ours = usec.isdecimal() and (not pid or pid == str(os.getpid()))
        return cls(address, int(usec) / 1_000_000 if ours else 0.0)

    @property
    def enabled(self) -> bool:
        return bool(self._address)

    def ready(self, status: str = "") -> bool:
        """The service serves: units that wait for it may start."""
        return self._send("READY=1", *_status(status))

    def status(self, text: str) -> bool:
        """One line for `systemctl status`."""
        return self._send(*_status(text))

    def alive(self) -> bool:
        """One watchdog ping."""
        return self._send("WATCHDOG=1")

    def stopping(self, status: str = "") -> bool:
        """The service goes down on purpose. The watchdog stays on: keep `watch` running until the very end."""
        return self._send("STOPPING=1", *_status(status))

    def extend_timeout(self, seconds: float) -> bool:
        """Ask for `seconds` more, from now, to start or to stop (a long recovery, a long drain)."""
        return self._send(f"EXTEND_TIMEOUT_USEC={round(seconds * 1_000_000)}")

    async def starting(self, stage: Callable[[], str], every_s: float = 2.0) -> None:
        """Say what the start is at, and ask for more time for it, until it is cancelled; without a manager at once."""
        while self.enabled:
            self._send(f"EXTEND_TIMEOUT_USEC={round(_STARTING_S * 1_000_000)}", *_status(stage()))
            await asyncio.sleep(every_s)

    async def watch(self, healthy: Callable[[], bool] = _always) -> None:
        """Ping as often as the watchdog wants, for as long as `healthy` says so; returns at once where there is none.

        Cancel it last: systemd's watchdog also runs while a service stops, so a drain without pings is killed.
        When `healthy` is false no ping goes out, and systemd restarts the service once the interval is over.
        """
        if not self.watchdog_s:
            return
        while True:
            if healthy():
                self.alive()
            await asyncio.sleep(self.watchdog_s / _PINGS_PER_INTERVAL)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, *lines: str) -> bool:
        """True if systemd's socket took the message; False without one, and when it is full or gone."""
        if not self._address or not lines:
            return False
        try:
            if self._socket is None:
                self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
            self._socket.sendto("\n".join(lines).encode(), self._address)
        except OSError:
            return False
        return True


def _status(text: str) -> list[str]:
    """A STATUS line, or nothing. A line break in it would start a field of its own."""
    line = " ".join(text.split())[:_STATUS_LIMIT]
    return [f"STATUS={line}"] if line else []
