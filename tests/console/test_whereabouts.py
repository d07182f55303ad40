"""Who is attached, as one console knows it."""

from __future__ import annotations

import asyncio

from console.client import Item, Unreachable
from console.whereabouts import SAID_EVERY_S, Presence
from tests.console.fake import FakeDaemon


class Flaky(FakeDaemon):
    """A daemon whose first answers are lost."""

    def __init__(self, lost: int) -> None:
        super().__init__()
        self.lost = lost
        self.heard: list[str] = []

    async def ask(self, operation: str, **members: object) -> Item:
        self.heard.append(str(members["looksAt"]))
        if len(self.heard) <= self.lost:
            raise Unreachable("no daemon")
        return await super().ask(operation, **members)


async def test_what_the_daemon_did_not_hear_is_said_again() -> None:
    daemon = Flaky(lost=1)
    presence = Presence(daemon)
    assert not await presence.say("inbox", 0.0)
    assert presence.you == ""
    assert await presence.say("inbox", 1.0)
    assert presence.you == "you"


async def test_what_was_heard_is_not_said_again_before_its_time() -> None:
    daemon = Flaky(lost=0)
    presence = Presence(daemon)
    assert await presence.say("inbox", 0.0)
    assert not await presence.say("inbox", SAID_EVERY_S - 1)
    assert await presence.say("inbox", SAID_EVERY_S)
    assert await presence.say("health", SAID_EVERY_S + 1)
    assert await presence.say("health", SAID_EVERY_S + 2, anew=True)
    assert daemon.heard == ["inbox", "inbox", "health", "health"]


async def test_one_saying_at_a_time_is_enough() -> None:
    daemon = Flaky(lost=0)
    presence = Presence(daemon)
    told = await asyncio.gather(presence.say("inbox", 0.0), presence.say("inbox", 0.0))
    assert told.count(True) == len(daemon.heard) == 1
