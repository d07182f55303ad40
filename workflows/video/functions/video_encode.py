"""Encode one rendition of a clip as H.264 in MP4, ready to be streamed."""

from __future__ import annotations

from typing import Any

from clips import encode, folder, slug


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """{"title", "source", "rendition": {"width", "height"}} -> {"height", "file", "bytes"}"""
    width, height = event["rendition"]["width"], event["rendition"]["height"]
    target = folder(f"work/{slug(event['title'])}") / f"{height}p.mp4"
    picture = ("-vf", f"scale={width}:{height}", "-c:v", "libx264", "-preset", "veryfast", "-crf", "26", "-pix_fmt", "yuv420p")
    encode("-i", event["source"], *picture, "-c:a", "aac", "-b:a", "96k", "-movflags", "+faststart", target)
    return {"height": height, "file": str(target), "bytes": target.stat().st_size}
