"""How the programs of flowd write their log: lines on standard error, with their level where a journal reads them.

It configures Python's logging and knows no message.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Mapping
from typing import TextIO

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
#: syslog's numbers, as sd-daemon(3) wants them in front of a line.
_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
_DEBUG = 7


class OneLine(logging.Formatter):
    """Foreign text in a message (the name of a file, say) can neither begin a line of its own nor speak to a terminal;
    tracebacks keep their lines."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), record.message)
        return super().formatMessage(record)


class JournalLines(OneLine):
    """With `<3>` in front of each line of an error, so that `journalctl -p err` finds it, its traceback as well."""

    def format(self, record: logging.LogRecord) -> str:
        priority = next((number for level, number in _PRIORITIES if record.levelno >= level), _DEBUG)
        return "\n".join(f"<{priority}>{line}" for line in super().format(record).split("\n"))


def configure() -> None:
    """Write what is at least INFO to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    kind = JournalLines if read_by_journal(sys.stderr, os.environ) else OneLine
    handler.setFormatter(kind("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def fatal(text: str) -> None:
    """What ends the program, in one line for people."""
    mark = "<3>" if read_by_journal(sys.stderr, os.environ) else ""
    sys.stderr.write(f"{mark}flowd: {text}\n")


def read_by_journal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """True if the stream is the one that systemd connected with its journal (systemd.exec(5), JOURNAL_STREAM): the
    variable alone is inherited by programs whose output goes elsewhere."""
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"
