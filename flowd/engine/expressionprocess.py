"""The program that evaluates JSONata apart from the daemon: questions on standard input, answers on standard output.

It imports the adapter of the engine and nothing else of the daemon. The system ends it when one question takes longer
than TOO_LONG_S or more memory than MEMORY_BYTES: no code of ours runs while the engine does.
"""

from __future__ import annotations

import resource
import signal
import sys
from typing import Final

import msgspec

from flowd.asl.jsonata import LIMITS, answer
from flowd.engine.expressions import read_frame, write_frame

#: Longer than the engine's own limit: that one has the better words.
TOO_LONG_S: Final = 2 * LIMITS["timeout"]
MEMORY_BYTES: Final = 3 << 30

_decode = msgspec.msgpack.Decoder(tuple[str, str, int, bytes]).decode
_encode = msgspec.msgpack.Encoder().encode


def main() -> None:
    """Answer until standard input ends."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    questions, answers = sys.stdin.buffer, sys.stdout.buffer
    while (question := read_frame(questions)) is not None:
        request = _decode(question)
        signal.setitimer(signal.ITIMER_REAL, TOO_LONG_S)
        found = _encode(answer(*request))
        signal.setitimer(signal.ITIMER_REAL, 0)
        write_frame(answers, found)


if __name__ == "__main__":
    main()
