from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from flowd.store.backup import LOCK, BackupError, DataFolderUnusable, InUse, backup, hold, restore


def execute(file: Path, *statements: str) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def rows(file: Path) -> list[int]:
    with closing(sqlite3.connect(file)) as connection:
        return [row[0] for row in connection.execute("SELECT n FROM t ORDER BY n")]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    file = tmp_path / "data" / "flowd.db"
    file.parent.mkdir()
    execute(file, "PRAGMA journal_mode=WAL", "CREATE TABLE t (n INTEGER)", "INSERT INTO t VALUES (1), (2)")
    return file


@pytest.fixture
def writer(database: Path) -> Iterator[sqlite3.Connection]:
    """A daemon's connection, with rows that are in the write-ahead log only."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("PRAGMA wal_autocheckpoint=0")
        connection.execute("INSERT INTO t VALUES (3)")
        yield connection


def test_a_backup_of_a_database_in_use_has_all_that_was_committed(
    database: Path, writer: sqlite3.Connection, tmp_path: Path
) -> None:
    writer.execute("BEGIN")
    writer.execute("INSERT INTO t VALUES (4)")
    target = tmp_path / "copy.db"
    assert backup(database, target) == target.stat().st_size
    assert rows(target) == [1, 2, 3]
    assert target.stat().st_mode & 0o777 == 0o600
    assert sorted(file.name for file in tmp_path.iterdir()) == ["copy.db", "data"]


def test_a_backup_never_replaces_a_file(database: Path, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("precious")
    with pytest.raises(BackupError, match="exists already"):
        backup(database, tmp_path / "there")
    assert (tmp_path / "there").read_text() == "precious"


def test_a_backup_that_cannot_be_written_leaves_nothing(database: Path, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="failed"):
        backup(database, tmp_path / "no" / "such" / "folder")
    with pytest.raises(BackupError, match="no database"):
        backup(tmp_path / "none", tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_a_restore_puts_the_copy_back_and_keeps_what_was_there(database: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    backup(database, copy)
    execute(database, "DELETE FROM t", "INSERT INTO t VALUES (9)")
    kept = restore(copy, database)
    assert rows(database) == [1, 2]
    assert kept is not None
    assert rows(kept) == [9]
    assert restore(copy, database) != kept  # a second restore keeps both


def test_a_restore_after_a_crash_does_not_mix_the_old_log_into_the_copy(database: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    backup(database, copy)
    crash = "import os,sqlite3,sys; c = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
    crash += "c.execute('INSERT INTO t VALUES (77)'); os._exit(1)"
    subprocess.run([sys.executable, "-c", crash, str(database)], check=False)
    assert database.with_name("flowd.db-wal").exists()
    kept = restore(copy, database)
    assert rows(database) == [1, 2]
    assert kept is not None
    assert rows(kept) == [1, 2, 77]


def test_a_restore_to_an_empty_folder_makes_it(database: Path, tmp_path: Path) -> None:
    target = tmp_path / "new" / "flowd.db"
    assert restore(database, target) is None
    assert rows(target) == [1, 2]


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_root_restores_belongs_to_the_owner_of_the_data_folder(database: Path, tmp_path: Path) -> None:
    folder = tmp_path / "service"
    folder.mkdir()
    os.chown(folder, 12345, 12346)
    restore(database, folder / "flowd.db")
    assert {(file.name, file.stat().st_uid, file.stat().st_gid) for file in folder.iterdir()} == {
        ("flowd.db", 12345, 12346),
        (LOCK, 12345, 12346),
    }


def test_a_lock_that_leads_elsewhere_is_refused_and_what_it_leads_to_stays(database: Path, tmp_path: Path) -> None:
    """Root restores in a folder of the service, which would own by a link whatever it likes."""
    folder, target = tmp_path / "service", tmp_path / "of root"
    folder.mkdir()
    target.write_text("secret")
    (folder / LOCK).symlink_to(target)
    with pytest.raises(DataFolderUnusable, match="symbolic link"):
        restore(database, folder / "flowd.db")
    assert target.read_text() == "secret"


@pytest.mark.parametrize("content", [b"", b"no database at all, just text", b"SQLite format 3\0" + b"x" * 5000])
def test_a_damaged_copy_is_refused_and_the_database_stays(database: Path, tmp_path: Path, content: bytes) -> None:
    copy = tmp_path / "copy.db"
    copy.write_bytes(content)
    with pytest.raises(BackupError):
        restore(copy, database)
    assert rows(database) == [1, 2]


def test_a_restore_is_refused_while_a_daemon_holds_the_folder(database: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    backup(database, copy)
    with hold(database.parent):
        with pytest.raises(InUse, match=f"process {os.getpid()}"):
            restore(copy, database)
        backup(database, tmp_path / "another.db")
    restore(copy, database)


def test_the_claim_falls_with_its_process(database: Path) -> None:
    code = "import sys,time; from pathlib import Path; from flowd.store.backup import hold\n"
    code += "with hold(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", code, str(database.parent)], stdout=subprocess.PIPE)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(InUse), hold(database.parent):
            pass
        process.send_signal(signal.SIGKILL)
        process.wait()
        with hold(database.parent):
            assert (database.parent / LOCK).read_text() == f"{os.getpid()}\n"


def test_a_link_that_comes_in_the_place_of_the_unfinished_copy_is_not_followed(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy, victim, unlink = tmp_path / "copy.db", tmp_path / "victim", Path.unlink
    backup(database, copy)
    part = database.with_name(f".{database.name}.part")

    def raced(path: Path, missing_ok: bool = False) -> None:
        unlink(path, missing_ok=missing_ok)
        if path == part:
            monkeypatch.undo()
            part.symlink_to(victim)

    monkeypatch.setattr(Path, "unlink", raced)
    with pytest.raises(BackupError, match="could not be put back"):
        restore(copy, database)
    assert not victim.exists()
