"""The key pair with which programs sign their requests: made once, kept in the data folder, its owner's alone."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from flowd import durable
from flowd.errors import ConfigError

FILE = "credentials"
_ID_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_FORM = re.compile(r"aws_access_key_id\s*=\s*(\S+)\s+aws_secret_access_key\s*=\s*(\S+)")


@dataclass(frozen=True, repr=False)
class Credentials:
    """What a client needs to sign."""

    access_key: str
    secret_key: str

    def __repr__(self) -> str:
        return f"Credentials({self.access_key!r}, ...)"


def load_or_create(folder: Path) -> Credentials:
    """The key pair of a data folder; ConfigError if its file cannot be used.

    The file has the form of ~/.aws/credentials, so that it can serve as AWS_SHARED_CREDENTIALS_FILE.
    """
    path = folder / FILE
    if not path.exists():
        _create(folder, path)
    try:
        mode = path.stat().st_mode & 0o777
        text = path.read_text()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    if mode & 0o077:
        raise ConfigError(f"{path} may be read by others (mode {mode:04o}): run `chmod 600 {path}`")
    found = _FORM.search(text)
    if found is None:
        raise ConfigError(f"{path} holds no key pair: delete it, and a new one is made at the next start")
    return Credentials(found[1], found[2])


def _create(folder: Path, path: Path) -> None:
    """Written aside and linked into place: two starting daemons agree on one key, and none sees half a file."""
    folder.mkdir(parents=True, exist_ok=True)
    key = "AKIAFLOWD" + "".join(secrets.choice(_ID_ALPHABET) for _ in range(11))
    text = f"[default]\naws_access_key_id = {key}\naws_secret_access_key = {secrets.token_hex(20)}\n"
    draft = folder / f"{FILE}.{os.getpid()}.{secrets.token_hex(4)}"
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        durable.sync(folder)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from None
    finally:
        with contextlib.suppress(OSError):
            draft.unlink()
