"""What a container is: the values that the ECS engine produces and the runner obeys. Pure data.

A container without an `engine` is a local command: a process of the runner in a control group of its own.
"""

from __future__ import annotations

import msgspec


class ContainerSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One container of one ECS task, overrides done."""

    name: str  # `TASK-ID.CONTAINER`; also what an engine calls it
    command: list[str]  # a local command whole; for an image what follows its entry point
    entry_point: list[str] = []
    environment: dict[str, str] = {}
    folder: str = "/"  # the working directory; "" = the image's
    files: dict[str, str] = {}  # of a local command: texts in a folder made for this run, which it works in
    memory_mb: int = 512
    cpu_units: int = 0  # 1,024 = one processor; 0 = no limit
    stop_timeout_s: float = 30.0  # between SIGTERM and SIGKILL
    engine: str = ""  # the program that runs images (podman, docker); "" = a local command
    image: str = ""
    mounts: list[str] = []  # SOURCE:TARGET[:ro]
    user: str = ""
    standing: bool = False  # it never ends by itself, and is asked to as soon as the runner is to end


class ContainerEnd(msgspec.Struct, frozen=True, kw_only=True):
    """How a container ended. Without an `exit_code` it never ran, or nobody knows: `reason` says which."""

    exit_code: int | None = None
    reason: str = ""
    log: str = ""
    truncated: bool = False
    started_ms: int = 0
    ended_ms: int = 0


class Report(msgspec.Struct, frozen=True):
    """What the runner writes as the output of a container's run."""

    exit_code: int
    reason: str
    started_ms: int
    ended_ms: int
