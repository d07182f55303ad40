"""Parsed definitions, by the row of their text: an execution is pinned to one for its whole life."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from functools import partial

from flowd.asl.model import StateMachine
from flowd.asl.parse import parse
from flowd.store import executions
from flowd.store.database import Database

KEPT = 500


class Definitions:
    """A cache in front of the store."""

    def __init__(self, db: Database, map_objects: bool = False) -> None:
        self._db = db
        self._map_objects = map_objects
        self._parsed: OrderedDict[int, StateMachine] = OrderedDict()
        self._reading: dict[int, asyncio.Task[StateMachine]] = {}

    async def get(self, definition_id: int) -> StateMachine:
        """The parsed definition; LookupError if there is no such row. Many who ask at once share one reading."""
        known = self._parsed.get(definition_id)
        if known is not None:
            self._parsed.move_to_end(definition_id)
            return known
        reading = self._reading.get(definition_id)
        if reading is None:
            reading = self._reading[definition_id] = asyncio.create_task(self._read(definition_id))
            reading.add_done_callback(lambda _: self._reading.pop(definition_id))
        return await asyncio.shield(reading)

    async def _read(self, definition_id: int) -> StateMachine:
        text = await self._db.read(partial(executions.definition_text, definition_id=definition_id))
        parsed = self._parsed[definition_id] = parse(text, map_objects=self._map_objects)
        if len(self._parsed) > KEPT:
            self._parsed.popitem(last=False)
        return parsed
