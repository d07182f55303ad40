"""Who is calling: what an operation may know of the other side, and where a request may not come from.

The checks are pure: text in, verdict out. The signature itself is checked in `sigv4`.
"""

from __future__ import annotations

import asyncio
import grp
import pwd
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import NamedTuple

from flowd.errors import AccessDeniedException

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]", "sync-127.0.0.1", "sync-localhost"})


class Caller(NamedTuple):
    """`who` stands in the audit; `connected` tells whether an answer would still arrive; `draining` is set when the
    daemon stops, so that long polls end; `uid` is None for all that did not come over the unix socket."""

    who: str
    connected: Callable[[], bool]
    draining: asyncio.Event
    trigger: str = "api"  # what an execution that this call starts was started by
    uid: int | None = None


@lru_cache(maxsize=1000)
def user_name(uid: int) -> str:
    """The login name of a user id, or `uid 1234` for one without a name."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def groups_of(uid: int, names: Iterable[str]) -> set[str]:
    """Those of the groups `names` that a user is in: their own (primary) one, and what `getent group NAME` lists them
    in. A server (LDAP) may have to be asked for it, so it is nothing for the event loop; and `os.getgrouplist` would
    hold all threads up meanwhile: it keeps the interpreter's lock."""
    try:
        user = pwd.getpwuid(uid)
    except KeyError:
        return set()
    found = set()
    for name in names:
        with suppress(KeyError, ValueError):  # no such group; a name with a NUL in it
            group = grp.getgrnam(name)
            if group.gr_gid == user.pw_gid or user.pw_name in group.gr_mem:
                found.add(name)
    return found


def refuse_browsers(headers: Mapping[str, str]) -> None:
    """A web page must not reach the daemon through its visitor's browser: browsers name themselves by these headers.
    `Sec-Fetch-Mode` tells nothing: Node's fetch sends it alone, browsers only with `Sec-Fetch-Site` (Fetch Metadata).
    """
    if "origin" in headers or "sec-fetch-site" in headers:
        raise AccessDeniedException("flowd does not answer browsers (the request carries an Origin)")


def refuse_foreign_hosts(headers: Mapping[str, str]) -> None:
    """A host name that is not this machine's own may be a rebound one (DNS rebinding)."""
    host = headers.get("host", "")
    name = host[: host.index("]") + 1] if host.startswith("[") and "]" in host else host.partition(":")[0]
    name = name.lower().rstrip(".")
    if name not in _LOOPBACK and not name.endswith(".localhost"):
        raise AccessDeniedException(f"flowd answers on 127.0.0.1 and localhost only, not as '{name[:100]}'")
