"""Take a still from the middle of a clip."""

from __future__ import annotations

from typing import Any

from clips import encode, folder, slug


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """{"title", "source", "clip": {"seconds"}} -> {"file", "bytes"}"""
    target = folder(f"work/{slug(event['title'])}") / "poster.jpg"
    middle = f"{event['clip']['seconds'] / 2:.3f}"
    encode("-ss", middle, "-i", event["source"], "-frames:v", "1", "-update", "1", "-q:v", "4", target)
    return {"file": str(target), "bytes": target.stat().st_size}
