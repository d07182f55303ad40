"""How many connections the process has room for. A shell allows 1,024 open files; SDK workers that poll need more.

It counts files, never connections, and closes none.
"""

from __future__ import annotations

import resource

WANTED = 16_384  # as LimitNOFILE in systemd/flowd.service
OWN = 192  # of the daemon itself: database, runner, watcher, and the unix socket, which operators must always reach


def raise_limit() -> None:
    """Take as many open files as are wanted and the user may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def room() -> int:
    """Connections that may be open at once; a quarter of the files where the limit is very low."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return WANTED if soft == resource.RLIM_INFINITY else max(soft - OWN, soft // 4)
