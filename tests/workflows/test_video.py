"""The video example: real files out of a real encoder."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from tests.workflows.code import WORKFLOWS, Code
from tests.workflows.stage import Stage, definition, ended, output, sample, types

imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg", reason="pip install 'flowd[examples]'")
FOLDER = WORKFLOWS / "video"


def _stage(tmp_path: Path) -> Stage:
    return Stage(definition(FOLDER), Code("video/functions", tmp_path))


def test_the_sample_becomes_three_renditions_a_poster_and_an_index(tmp_path: Path) -> None:
    stage = _stage(tmp_path)
    host = stage.run({**sample(FOLDER), "seconds": 1})
    index = json.loads(Path(output(host)["index"]).read_text())
    assert [file["name"] for file in index["files"]] == ["360p.mp4", "240p.mp4", "144p.mp4", "poster.jpg"]
    place = Path(output(host)["folder"])
    for file in index["files"]:
        data = (place / file["name"]).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (file["bytes"], file["sha256"])
    meta = next(imageio_ffmpeg.read_frames(place / "240p.mp4"))
    assert (meta["source_size"], meta["codec"]) == ((426, 240), "h264")
    assert types(host).count("MapIterationSucceeded") == 3


def test_a_file_of_one_s_own_is_used_and_never_made_larger(tmp_path: Path) -> None:
    stage = _stage(tmp_path)
    clip = stage.code.call("video_test_clip", {"title": "own", "seconds": 0.4})
    made = output(stage.run({"title": "Mine", "source": clip, "heights": [1080, 144]}))
    assert [file["name"] for file in made["files"]] == ["360p.mp4", "144p.mp4", "poster.jpg"]


def test_what_is_no_video_fails_before_anything_is_encoded(tmp_path: Path) -> None:
    text = tmp_path / "clip.mp4"
    text.write_text("not a film")
    stage = _stage(tmp_path)
    assert ended(stage.run({"title": "x", "source": str(text)})) == ("FAILED", "NotAVideo")
    assert stage.code.calls == ["video_probe"]
