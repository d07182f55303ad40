"""The sockets flowd listens on: a unix socket for people's programs, loopback TCP for SDKs. Opens and closes them."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
from dataclasses import dataclass
from pathlib import Path

from flowd.errors import ConfigError

BACKLOG = 1024
SOCKET_PATH_BYTES = 107  # sockaddr_un
_WAYS_OUT = {
    errno.EADDRINUSE: "another program has this port (`ss -ltnp` says which): stop it, or choose another port",
    errno.EACCES: "ports below 1024 are root's: choose a higher one",
}


@dataclass(frozen=True)
class Listener:
    """An open socket and the text that tells where it is."""

    sock: socket.socket
    where: str
    path: Path | None = None  # a socket file that goes when the listener does

    @property
    def lost(self) -> bool:
        """True if its file is gone: whoever cleans up temporary folders takes it for old."""
        return self.path is not None and not os.path.lexists(self.path)

    def close(self) -> None:
        self.sock.close()
        if self.path is not None:
            with contextlib.suppress(OSError):
                self.path.unlink()


def unix(path: Path, mode: int = 0o660) -> Listener:
    """Listen on a socket file. One that a dead daemon left is replaced; one that answers is an error."""
    listener = _bound(path, mode)
    try:
        listen(listener)
    except ConfigError:
        listener.close()
        raise
    return listener


def try_unix(path: Path) -> None:
    """ConfigError if `unix` could not listen there now. A file that nobody listens behind yet would look to another
    daemon like a dead one's, so nothing is left of it."""
    _bound(path, 0o600).close()


def _bound(path: Path, mode: int) -> Listener:
    if len(os.fsencode(path)) > SOCKET_PATH_BYTES:
        raise ConfigError(
            f"the socket path {path} has more than {SOCKET_PATH_BYTES} bytes; choose a shorter one with --socket"
        )
    _clear(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        before = os.umask(0o777 & ~mode)  # of the socket: a folder without `x` could not be entered
        try:
            sock.bind(str(path))
        finally:
            os.umask(before)
    except OSError as error:
        sock.close()
        raise _no_socket(path, error) from None
    return Listener(sock, str(path), path)


def _no_socket(path: Path, error: OSError) -> ConfigError:
    hint = "choose another place with --socket (FLOWD_SOCKET)"
    return ConfigError(f"cannot listen on {path}: {error.strerror}; {hint}")


def listen(listener: Listener) -> None:
    """Accept connections from now on; until then they are refused. Raises ConfigError."""
    try:
        listener.sock.listen(BACKLOG)
    except OSError as error:
        if listener.path is not None:
            raise _no_socket(listener.path, error) from None
        host, port = listener.sock.getsockname()[:2]
        raise _not_listening(host, port, error) from None


def _clear(path: Path) -> None:
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise ConfigError(f"{path} is there and is no socket; choose another path with --socket")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.settimeout(1)
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
        except OSError as error:
            raise ConfigError(f"{path} is there and cannot be asked who uses it: {error}") from None
    raise ConfigError(f"another daemon answers on {path}; stop it, or choose another path with --socket")


def tcp(host: str, port: int) -> Listener:
    """Take a TCP port, or with 0 a free one, for `listen`: it is ours from now on, and refuses connections until then.

    Raises ConfigError if somebody else listens there.
    """
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise _not_listening(host, port, error) from None
    sock = socket.socket(family, kind, proto)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
    except OSError as error:
        sock.close()
        raise _not_listening(host, port, error) from None
    return adopted(sock)


def _not_listening(host: str, port: int, error: OSError) -> ConfigError:
    hint = _WAYS_OUT.get(error.errno or 0, "give an address of this machine")
    return ConfigError(f"cannot listen on {host}:{port}: {error.strerror}; {hint}")


def adopted(sock: socket.socket) -> Listener:
    """A socket that somebody else opened (systemd); its file, if any, stays."""
    sock.setblocking(False)
    if sock.family == socket.AF_UNIX:
        return Listener(sock, str(sock.getsockname()))
    host, port = sock.getsockname()[:2]
    return Listener(sock, f"http://{f'[{host}]' if ':' in host else host}:{port}")


def is_loopback(listener: Listener) -> bool:
    """True for a unix socket and for an address that only this machine reaches."""
    if listener.sock.family == socket.AF_UNIX:
        return True
    host = str(listener.sock.getsockname()[0])
    return host.startswith("127.") or host == "::1"
