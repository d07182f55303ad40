"""How many files the daemon asks for, and how many of them clients may take."""

from __future__ import annotations

import resource

import pytest

from flowd.api.wire import descriptors


class Limits:
    """Stands in for the kernel's limits of this process."""

    def __init__(self, soft: int, hard: int) -> None:
        self.now = (soft, hard)

    def get(self, which: int) -> tuple[int, int]:
        return self.now

    def set(self, which: int, limits: tuple[int, int]) -> None:
        self.now = limits


@pytest.mark.parametrize(
    ("soft", "hard", "after"),
    [
        pytest.param(1024, 1_048_576, 16_384, id="a shell's limit is raised"),
        pytest.param(1024, 4096, 4096, id="no further than the user may"),
        pytest.param(256, 256, 256, id="not where it cannot be"),
        pytest.param(50_000, 1_048_576, 50_000, id="never lowered"),
        pytest.param(1024, resource.RLIM_INFINITY, 16_384, id="without a hard limit"),
    ],
)
def test_the_daemon_takes_the_files_it_may(soft: int, hard: int, after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits(soft, hard)
    monkeypatch.setattr(resource, "getrlimit", limits.get)
    monkeypatch.setattr(resource, "setrlimit", limits.set)
    descriptors.raise_limit()
    assert limits.now == (after, hard)


@pytest.mark.parametrize(("soft", "room"), [(1024, 832), (256, 64), (16_384, 16_192), (resource.RLIM_INFINITY, 16_384)])
def test_clients_leave_files_for_the_daemon(soft: int, room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", Limits(soft, resource.RLIM_INFINITY).get)
    assert descriptors.room() == room
