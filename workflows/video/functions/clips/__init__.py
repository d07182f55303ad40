"""Where clips lie, and the encoder that the imageio-ffmpeg wheel carries."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from pathlib import Path


class EncoderMissing(Exception):
    """The package imageio-ffmpeg is not installed for the functions."""


class EncodingFailed(Exception):
    """The encoder gave up."""


def folder(name: str) -> Path:
    """`work/TITLE` or `published/TITLE` below FLOWD_EXAMPLES_DIR, else a folder among the temporary files."""
    given = os.environ.get("FLOWD_EXAMPLES_DIR")
    base = Path(given) if given else Path(tempfile.gettempdir()) / f"flowd-examples-{os.getuid()}"
    made = base / "video" / name
    made.mkdir(parents=True, exist_ok=True)
    return made


def slug(title: str) -> str:
    """A title as a file name: nothing in it can climb out of the folder."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "clip"


def encode(*arguments: str | Path) -> None:
    """Run the encoder; the last argument is the file it writes, whole or not at all."""
    *options, target = arguments
    target = Path(target)
    part = target.with_name(f".{os.getpid()}.{target.name}")
    try:
        _run("-y", *options, part)
    except EncodingFailed:
        part.unlink(missing_ok=True)
        raise
    part.replace(target)


def decode_one_frame(source: Path) -> None:
    """EncodingFailed if there is no picture in the file."""
    _run("-i", source, "-frames:v", "1", "-f", "null", "-")


def _run(*arguments: str | Path) -> None:
    try:
        import imageio_ffmpeg
    except ImportError as error:
        raise EncoderMissing("pip install imageio-ffmpeg into the environment that flowd-runner uses") from error
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-hide_banner", "-v", "error", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise EncodingFailed(done.stderr.strip()[-800:] or f"exit code {done.returncode}")
