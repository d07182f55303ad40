"""A video as code: one child workflow for each rendition, two at a time, each cancelled and cleaned up on its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

import clips
from flowd.sdk import (
    CancelledError,
    ChildFailed,
    Retry,
    activity,
    gather,
    set_status,
    wait_until,
    workflow,
)

AT_ONCE = 2


@dataclass
class Video:
    title: str
    heights: list[int] = field(default_factory=lambda: [360, 240, 144])
    source: str | None = None


@dataclass
class Clip:
    title: str
    source: str
    height: int


@dataclass
class Rendition:
    height: int
    file: str
    bytes: int
    attempts: int = 1


@dataclass
class Published:
    title: str
    renditions: list[Rendition]
    failed: list[str]
    poster: str


@activity(start_to_close=timedelta(minutes=5), retry=Retry(attempts=2, unless=("EncoderMissing",)))
def test_card(title: str) -> str:
    """Three seconds of a test card, for a video without a source."""
    return clips.test_card(title)


@activity(start_to_close=timedelta(hours=1), retry=Retry(first=5, attempts=3, unless=("EncoderMissing",)))
def encode(clip: Clip) -> Rendition:
    """One rendition as H.264 in MP4. The worker says by itself that it is still there."""
    file, size = clips.encode(clip.title, clip.source, clip.height)
    return Rendition(clip.height, file, size)


@activity(start_to_close=timedelta(minutes=5), retry=Retry(attempts=3, unless=("EncoderMissing",)))
def poster(title: str, source: str) -> str:
    """A still."""
    return clips.poster(title, source)


@activity(start_to_close=60, retry=Retry())
def discard(title: str, height: int) -> None:
    """Remove what a cancelled encoding left behind."""
    clips.discard(title, height)


@workflow(execution_timeout=timedelta(hours=4), child_policy="REQUEST_CANCEL")
async def rendition(clip: Clip) -> Rendition:
    """One rendition: a workflow of its own, so that it can be looked at, cancelled and counted on its own."""
    try:
        return await encode(clip)
    except CancelledError:
        await discard(clip.title, clip.height)
        raise


@workflow(execution_timeout=timedelta(hours=12))
async def encoding(video: Video) -> Published:
    """All renditions, two children at a time, and the poster beside them. One that fails does not end the others."""
    source = video.source or await test_card(video.title)
    failed: list[str] = []
    running = 0

    async def one(height: int) -> Rendition | None:
        nonlocal running
        await wait_until(lambda: running < AT_ONCE)
        running += 1
        set_status(f"{running} renditions at work, {len(failed)} failed")
        try:
            return await rendition(Clip(video.title, source, height))
        except ChildFailed as failure:
            failed.append(f"{height}p: {failure.type}")
            return None
        finally:
            running -= 1

    still, *made = await gather(poster(video.title, source), *(one(height) for height in video.heights))
    return Published(video.title, [each for each in made if isinstance(each, Rendition)], failed, str(still))
