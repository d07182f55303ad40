"""Drafts of answers as the daemon keeps them: what stands in a form, as JSON. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from console.fields import MISSING, Path

Draft = dict[Path, Any]


def packed(raws: Mapping[Path, Any]) -> str:
    """A draft as text; what was left alone is left out."""
    rows = [[list(path), raw] for path, raw in raws.items() if raw is not MISSING]
    return json.dumps(rows, ensure_ascii=False)


def unpacked(text: str) -> Draft:
    """The draft of a text; one that was written in another form is none."""
    try:
        return {tuple(str(part) for part in path): raw for path, raw in json.loads(text)}
    except (ValueError, TypeError):
        return {}
