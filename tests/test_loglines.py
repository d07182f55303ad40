"""The programs' log: lines that nobody can forge, with levels that the journal knows."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import pytest

from flowd.loglines import JournalLines, OneLine, read_by_journal


def test_foreign_text_in_the_log_begins_no_line_of_its_own_and_does_not_speak_to_the_terminal() -> None:
    record = logging.LogRecord("flowd", logging.ERROR, "", 0, "%s: bad", ("new\nERROR forged\x1b[31m größe",), None)
    assert OneLine("%(levelname)s %(message)s").format(record) == "ERROR new\\nERROR forged\\x1b[31m größe: bad"
    try:
        raise ValueError("x")
    except ValueError:
        record.exc_info = sys.exc_info()
    assert len(OneLine("%(message)s").format(record).splitlines()) > 2


@pytest.mark.parametrize(
    ("level", "number"),
    [(logging.DEBUG, 7), (logging.INFO, 6), (logging.WARNING, 4), (logging.ERROR, 3), (logging.CRITICAL, 2)],
)
def test_a_line_for_the_journal_begins_with_its_priority(level: int, number: int) -> None:
    record = logging.LogRecord("flowd", level, "", 0, "full", (), None)
    assert JournalLines("%(message)s").format(record) == f"<{number}>full"


def test_each_line_of_a_traceback_has_the_priority_of_its_message() -> None:
    try:
        raise ValueError("x")
    except ValueError:
        record = logging.LogRecord("flowd", logging.ERROR, "", 0, "bad", (), sys.exc_info())
    lines = JournalLines("%(message)s").format(record).splitlines()
    assert len(lines) > 2 and all(line.startswith("<3>") for line in lines)


def test_only_the_very_stream_that_systemd_names_is_read_by_the_journal(tmp_path: Path) -> None:
    with (tmp_path / "a").open("w") as journal, (tmp_path / "b").open("w") as other:
        found = os.fstat(journal.fileno())
        environ = {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}
        assert read_by_journal(journal, environ)
        assert not read_by_journal(other, environ)
        assert not read_by_journal(journal, {})
    assert not read_by_journal(journal, environ)  # it is closed
