"""Draw a short test clip with the encoder's own test card and tone."""

from __future__ import annotations

from typing import Any

from clips import encode, folder, slug


def handler(event: dict[str, Any], context: Any) -> str:
    """{"title", "seconds"?} -> the clip's path"""
    seconds = str(event.get("seconds", 3))
    target = folder(f"work/{slug(event['title'])}") / "source.mp4"
    picture = ("-f", "lavfi", "-i", f"testsrc=duration={seconds}:size=640x360:rate=25")
    tone = ("-f", "lavfi", "-i", f"sine=frequency=440:duration={seconds}")
    encode(*picture, *tone, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", target)
    return str(target)
