"""The key pair in the data folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowd.api.wire.credentials import FILE, load_or_create
from flowd.errors import ConfigError


def test_a_key_pair_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    first = load_or_create(tmp_path / "data")
    assert load_or_create(tmp_path / "data") == first
    assert first != load_or_create(tmp_path / "other")
    assert (tmp_path / "data" / FILE).stat().st_mode & 0o777 == 0o600
    assert len(first.access_key) == 20
    assert first.secret_key not in repr(first)
    assert [path.name for path in (tmp_path / "data").iterdir()] == [FILE]


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    load_or_create(tmp_path)
    (tmp_path / FILE).chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        load_or_create(tmp_path)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("nothing")
    (tmp_path / FILE).chmod(0o600)
    with pytest.raises(ConfigError, match="no key pair"):
        load_or_create(tmp_path)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises((ConfigError, OSError)):
        load_or_create(tmp_path / "file" / "data")
