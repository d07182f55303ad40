"""Processes that evaluate JSONata for the daemon, so that an expression that never ends can be ended.

As many as ask at once, made when they are first needed; whoever asks waits. A process gives itself a time for each
expression and dies of it, even where the engine counts no steps; it also ends when the daemon does. Nothing here knows
of executions.
"""

from __future__ import annotations

import logging
import struct
import subprocess
import sys
import threading
from contextlib import suppress
from typing import IO

import msgspec

from flowd.asl.jsonata import Answer, timed_out

log = logging.getLogger(__name__)

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Answer).decode
_LENGTH = struct.Struct("<I")


def write_frame(stream: IO[bytes], data: bytes) -> None:
    """One message with its length before it."""
    stream.write(_LENGTH.pack(len(data)) + data)
    stream.flush()


def read_frame(stream: IO[bytes]) -> bytes | None:
    """The next message, None at the end."""
    head = stream.read(_LENGTH.size)
    return stream.read(_LENGTH.unpack(head)[0]) if len(head) == _LENGTH.size else None


class Expressions:
    """What `jsonata.evaluate_apart` takes. Usable from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: set[subprocess.Popen[bytes]] = set()
        self._idle: list[subprocess.Popen[bytes]] = []
        self._stopped = False

    def __call__(self, expression: str, bindings: str, now_ms: int, seed: bytes) -> Answer:
        """The answer of a process; if it dies of the question, that the expression took too long."""
        process = self._take()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            write_frame(process.stdin, _encode((expression, bindings, now_ms, seed)))
            answer = read_frame(process.stdout)
        except (OSError, ValueError):  # it has died, or `stop` closed its pipes
            answer = None
        if answer:
            with self._lock:
                self._idle.append(process)
            return _decode(answer)
        self._end(process)
        log.warning("a JSONata expression was ended: %s", expression[:200])
        return timed_out()

    def stop(self) -> None:
        """End all processes; whoever still asks is told that it took too long."""
        with self._lock:
            self._stopped, ended = True, list(self._all)
            self._idle.clear()
        for process in ended:
            self._end(process)

    def _take(self) -> subprocess.Popen[bytes]:
        """An idle process that lives, or a new one."""
        while True:
            with self._lock:
                process = self._idle.pop() if self._idle else None
            if process is None:
                break
            if process.poll() is None:
                return process
            self._end(process)
        # A session of its own: Ctrl-C at the daemon's terminal is the daemon's to answer.
        process = subprocess.Popen(
            [sys.executable, "-m", "flowd.engine.expressionprocess"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        with self._lock:
            self._all.add(process)
            stopped = self._stopped
        if stopped:
            process.kill()
        return process

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with suppress(OSError, ValueError):  # what was still to be written has no reader
                    stream.close()
        with self._lock:
            self._all.discard(process)
