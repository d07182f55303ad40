"""What a runner that ends in good order hands on to the next one on its socket: outcomes that nobody has fetched yet.

At a shutdown of the machine functions end while the daemon is away already. With the outcomes goes since when keys are
kept: what the next runner does not hold was then never begun, and may be begun without a second effect. A runner that
dies leaves nothing, and the next one knows that it knows nothing. It blocks on the disk.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from flowd import durable
from flowd.functions import Report
from flowd.runner.attempts import Attempt
from flowd.runner.outcomes import Outcome

log = logging.getLogger(__name__)


class _Held(msgspec.Struct, frozen=True):
    key: str
    request_id: str
    outcome: Outcome
    log: bytes
    truncated: bool
    report: Report


class Kept(msgspec.Struct, frozen=True):
    """`since_ms`: when the first of the runners began that handed on to each other."""

    since_ms: int
    held: list[_Held]

    @property
    def attempts(self) -> list[Attempt]:
        return [
            Attempt.ended(each.key, each.request_id, each.outcome, each.log, each.truncated, each.report)
            for each in self.held
        ]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Kept).decode


def hand_on(file: Path, since_ms: int, attempts: Iterable[Attempt]) -> None:
    """Write down what is held and has ended. What cannot be written is lost, which the next runner can tell."""
    held = [
        _Held(each.key, each.request_id, each.outcome, each.log.tail, each.log.truncated, each.report)
        for each in attempts
        if each.outcome is not None and not each.fleeting and not each.acknowledged
    ]
    part = file.with_name(f".{file.name}.part")
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part.touch(mode=0o600)
        durable.write(part, _encode(Kept(since_ms, held)))
        durable.put(part, file)
    except OSError as error:
        log.error("%d outcomes are lost, %s cannot be written: %s", len(held), file, error)
        part.unlink(missing_ok=True)
    else:
        if held:
            log.info("%d outcomes wait in %s for the next runner", len(held), file)


def take(file: Path) -> Kept | None:
    """What the runner before has handed on, once: it is gone with this call. None if that one died."""
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        log.error("what the runner before has kept cannot be read from %s: %s", file, error)
        return None
    try:
        _take_away(file)
    except OSError as error:
        log.error("what the runner before has kept cannot be taken away, so it is not used; delete %s: %s", file, error)
        return None
    try:
        return _decode(data)
    except msgspec.DecodeError as error:
        log.error("what the runner before has kept in %s cannot be used: %s", file, error)
        return None


def _take_away(file: Path) -> None:
    """A later runner that found it again would take a run that began since for one that never did."""
    try:
        file.unlink()
    except OSError:  # the folder lets nobody, the file may
        os.truncate(file, 0)
        durable.sync(file)
    else:
        durable.sync(file.parent)
