"""The encoder, for the activities: ffmpeg as the Python package imageio-ffmpeg carries it."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from pathlib import Path


class EncoderMissing(Exception):
    """The package imageio-ffmpeg is not there."""


class EncodingFailed(Exception):
    """The encoder gave up."""


def test_card(title: str) -> str:
    target = _folder(title) / "source.mp4"
    _run(target, "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25:duration=3", "-c:v", "libx264", "-pix_fmt", "yuv420p")
    return str(target)


def encode(title: str, source: str, height: int) -> tuple[str, int]:
    target = _folder(title) / f"{height}p.mp4"
    picture = ("-vf", f"scale=-2:{height // 2 * 2}", "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p")
    _run(target, "-i", source, *picture, "-movflags", "+faststart")
    return str(target), target.stat().st_size


def poster(title: str, source: str) -> str:
    target = _folder(title) / "poster.jpg"
    _run(target, "-ss", "1", "-i", source, "-frames:v", "1", "-update", "1", "-q:v", "4")
    return str(target)


def discard(title: str, height: int) -> None:
    for file in _folder(title).glob(f"*{height}p.mp4"):
        file.unlink(missing_ok=True)


def _folder(title: str) -> Path:
    given = os.environ.get("FLOWD_EXAMPLES_DIR")
    base = Path(given) if given else Path(tempfile.gettempdir()) / f"flowd-examples-{os.getuid()}"
    made = base / "encoding" / (re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "clip")
    made.mkdir(parents=True, exist_ok=True)
    return made


def _run(target: Path, *arguments: str) -> None:
    """The file is there whole, or not at all: an activity may run twice."""
    try:
        import imageio_ffmpeg
    except ImportError as error:
        raise EncoderMissing("pip install imageio-ffmpeg into flowd's environment") from error
    part = target.with_name(f".{os.getpid()}.{target.name}")
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-hide_banner", "-v", "error", "-y", *arguments, str(part)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        part.unlink(missing_ok=True)
        raise EncodingFailed(done.stderr.strip()[-800:] or f"exit status {done.returncode}")
    part.replace(target)
