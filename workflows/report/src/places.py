"""Where reports lie."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def examples() -> Path:
    """FLOWD_EXAMPLES_DIR, else a folder among the temporary files; the order example uses the same."""
    given = os.environ.get("FLOWD_EXAMPLES_DIR")
    return Path(given) if given else Path(tempfile.gettempdir()) / f"flowd-examples-{os.getuid()}"


def reports() -> Path:
    made = examples() / "reports"
    made.mkdir(parents=True, exist_ok=True)
    return made
