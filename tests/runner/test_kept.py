"""What a runner hands on is taken once, or not at all."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import pytest

from flowd.runner.attempts import LOG_LIMIT, Attempt
from flowd.runner.kept import hand_on, take
from flowd.runner.outcomes import Outcome


def forbidden(*_: Any) -> None:
    raise PermissionError(13, "Permission denied")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """An outcome that waits."""
    attempt = Attempt("k", "f", b"")
    attempt.end(Outcome(output=b"1"))
    hand_on(tmp_path / "kept", 7, [attempt])
    return tmp_path / "kept"


def keys(file: Path) -> list[str] | None:
    kept = take(file)
    return None if kept is None else [attempt.key for attempt in kept.attempts]


def test_an_outcome_is_taken_once(file: Path) -> None:
    assert [keys(file), keys(file)] == [["k"], None]
    assert not file.exists()


def test_what_is_still_wanted_is_handed_on_with_its_log_and_nothing_else(tmp_path: Path) -> None:
    attempts = [Attempt(key, "f", b"") for key in ("wanted", "fetched", "runs")]
    attempts.append(Attempt("of a daemon that is no more", "f", b"", fleeting="daemon"))
    wanted, fetched, runs, _ = attempts
    fetched.acknowledged = True
    wanted.log.add(b"x" * (LOG_LIMIT + 1))
    for attempt in attempts:
        if attempt is not runs:
            attempt.end(Outcome(output=b"1"))
    hand_on(tmp_path / "kept", 7, attempts)
    kept = take(tmp_path / "kept")
    assert kept is not None and kept.since_ms == 7
    (found,) = kept.attempts
    assert (found.key, found.request_id, found.outcome) == ("wanted", wanted.request_id, wanted.outcome)
    assert (found.log.tail, found.log.truncated) == (wanted.log.tail, True)


def test_an_outcome_in_a_folder_that_lets_nobody_delete_is_taken_once(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", forbidden)
        assert keys(file) == ["k"]
    assert keys(file) is None


def test_what_cannot_be_taken_away_is_not_used_and_the_file_to_delete_is_named(
    file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Path, "unlink", forbidden)
    monkeypatch.setattr(os, "truncate", forbidden)
    with caplog.at_level(logging.ERROR):
        assert keys(file) is None
    assert f"delete {file}: [Errno 13] Permission denied" in caplog.text
