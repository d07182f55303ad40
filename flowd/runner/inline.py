"""Functions whose code stands in their template: each becomes a folder of the runner's own, named by what is in it.

The daemon sends the text, since a runner need not see its data. Nothing here starts functions.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from flowd.errors import reason
from flowd.functions import FunctionSpec

log = logging.getLogger(__name__)
_FILES = {"python": "index.py", "node": "index.js"}


def placed(specs: Iterable[FunctionSpec], folder: Path) -> list[FunctionSpec]:
    """The functions, those with code as functions of a folder below `folder`; what stands there stays."""
    return [_placed(spec, folder) if spec.code else spec for spec in specs]


def _placed(spec: FunctionSpec, folder: Path) -> FunctionSpec:
    """A text has a few kilobytes and is written once; a function whose text cannot be written has no folder."""
    data = spec.code.encode()
    home = folder / hashlib.sha256(data).hexdigest()[:32]
    file = home / _FILES[spec.kind]
    if not file.is_file():
        try:
            home.mkdir(parents=True, exist_ok=True)
            draft = file.with_suffix(f".{os.getpid()}")
            draft.write_bytes(data)
            draft.replace(file)
        except OSError as error:
            log.error("%s: its code cannot be written to %s: %s", spec.name, home, reason(error))
    return msgspec.structs.replace(spec, path=str(home), code="")
