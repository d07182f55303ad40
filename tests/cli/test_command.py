"""Which daemon a command speaks of."""

from __future__ import annotations

import os
import tempfile
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowd.cli.command import SYSTEM, config_of
from flowd.config import Config
from flowd.errors import ConfigError

NONE = Namespace()


def environ(home: Path, **more: str) -> dict[str, str]:
    return {"HOME": str(home), **more}


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Path]]:
    """The service's folders, as if it were installed."""
    with tempfile.TemporaryDirectory(prefix="fc") as folder:  # a socket's path has at most 107 bytes
        places = {name: Path(folder) / name.lower() for name in SYSTEM}
        for place in places.values():
            place.mkdir()
        monkeypatch.setattr("flowd.cli.command.SYSTEM", {name: str(place) for name, place in places.items()})
        yield places


def test_a_client_of_a_user_without_a_daemon_speaks_of_the_system_s_service(
    tmp_path: Path, system: dict[str, Path]
) -> None:
    file = system["CONFIGURATION_DIRECTORY"] / "flowd.toml"
    file.write_text(
        '[daemon]\nretention_days = 3\n[connections.c]\ntype = "api_key"\nheader = "X"\nsecret_credential = "c"\n'
    )
    found = config_of(NONE, environ(tmp_path))
    assert (found.file, found.retention_days) == (file, 3)
    assert found.socket == system["RUNTIME_DIRECTORY"] / "flowd.sock"  # also while that daemon is down
    assert found.data == system["STATE_DIRECTORY"]
    assert Config.load(NONE, environ(tmp_path)).file is None  # a daemon of the user's own is not set up by it


def test_a_client_of_a_user_with_a_daemon_or_a_name_for_one_speaks_of_that(
    tmp_path: Path, system: dict[str, Path]
) -> None:
    (system["RUNTIME_DIRECTORY"] / "flowd.sock").touch()
    named = environ(tmp_path, FLOWD_SOCKET=str(tmp_path / "named.sock"))
    assert config_of(NONE, named).socket == tmp_path / "named.sock"
    assert config_of(Namespace(data=str(tmp_path)), environ(tmp_path)).data == tmp_path
    own = Config.load(NONE, environ(tmp_path))
    own.data.mkdir(parents=True)
    own.database.touch()
    beside = config_of(NONE, environ(tmp_path))  # its own daemon does not run: the data are still its own
    assert (beside.data, beside.socket) == (own.data, system["RUNTIME_DIRECTORY"] / "flowd.sock")
    own.socket.touch()
    assert config_of(NONE, environ(tmp_path)) == own


def test_settings_of_the_service_that_are_not_for_a_user_keep_no_command_from_him(
    tmp_path: Path, system: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = system["CONFIGURATION_DIRECTORY"] / "flowd.toml"
    file.write_text("[nonsense]\n")
    with pytest.raises(ConfigError, match="nonsense"):  # who speaks of that daemon is told
        config_of(NONE, environ(tmp_path))
    readable = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != file and readable(path, mode))
    hidden = config_of(NONE, environ(tmp_path))
    assert (hidden.file, hidden.data) == (None, system["STATE_DIRECTORY"])
    assert hidden.socket == system["RUNTIME_DIRECTORY"] / "flowd.sock"
    assert hidden.workflows == system["CONFIGURATION_DIRECTORY"] / "workflows"


def test_wrong_settings_of_the_service_are_nothing_to_a_user_with_data_of_his_own(
    tmp_path: Path, system: dict[str, Path]
) -> None:
    (system["CONFIGURATION_DIRECTORY"] / "flowd.toml").write_text("[nonsense]\n")
    own = Config.load(NONE, environ(tmp_path))
    own.data.mkdir(parents=True)
    own.database.touch()
    assert config_of(NONE, environ(tmp_path)) == own
    socket = system["RUNTIME_DIRECTORY"] / "flowd.sock"
    socket.touch()
    beside = config_of(NONE, environ(tmp_path))
    assert (beside.data, beside.socket) == (own.data, socket)


def test_where_no_service_is_installed_a_client_has_the_user_s_own_places(
    tmp_path: Path, system: dict[str, Path]
) -> None:
    system["CONFIGURATION_DIRECTORY"].rmdir()
    assert config_of(NONE, environ(tmp_path)) == Config.load(NONE, environ(tmp_path))
