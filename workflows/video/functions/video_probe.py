"""Look into a clip: size, length, frame rate, and which renditions are worth making."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from clips import EncodingFailed, decode_one_frame


class NotAVideo(Exception):
    """The file is not there, or the encoder can't read it."""


def _measure(path: Path) -> dict[str, Any]:
    try:
        decode_one_frame(path)
    except EncodingFailed as error:
        raise NotAVideo(str(error).splitlines()[-1]) from error
    import imageio_ffmpeg

    reader = imageio_ffmpeg.read_frames(path)
    meta: dict[str, Any] = next(reader)
    reader.close()
    return meta


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """{"source", "heights"?} -> {"width", "height", "seconds", "fps", "renditions": [{"height", "width"}]}"""
    path = Path(event["source"])
    if not path.is_file():
        raise NotAVideo(f"there is no file {path}")
    meta = _measure(path)
    width, height = meta["source_size"]
    # H.264 wants even sides; never larger than the source
    wanted = sorted({min(int(h), height) // 2 * 2 for h in event.get("heights", [720, 480, 240])}, reverse=True)
    return {
        "width": width,
        "height": height,
        "seconds": meta["duration"],
        "fps": meta["fps"],
        "renditions": [{"height": h, "width": round(width * h / height / 2) * 2} for h in wanted],
    }
