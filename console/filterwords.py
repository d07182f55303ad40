"""Completion of the filter line: keys after a blank, values after a key that has a known set of them. Pure but for its
last class.
"""

from __future__ import annotations

from textual.suggester import Suggester

#: Keys of docs/api.md with the values that can be said beforehand.
KEYS: dict[str, tuple[str, ...]] = {
    "status": ("failed", "running", "succeeded", "timed_out", "aborted"),
    "since": ("24h", "1h", "7d", "30m"),
    "machine": (),
    "waiting": ("prompt", "task", "timer", "retry", ">1h"),
    "error": (),
    "on": (),
    "until": ("1h", "24h"),
    "input": (),
    "output": (),
    "name": (),
    "trigger": ("schedule:", "api"),
    "type": ("standard", "express"),
    "map": (),
    "item": (),
}


def complete(text: str) -> str | None:
    """The line with its last word completed; None if there is nothing to add."""
    head, blank, word = text.rpartition(" ")
    key, colon, value = word.partition(":")
    if colon:
        before, comma, last = value.rpartition(",")
        found = next((known for known in KEYS.get(key, ()) if known.startswith(last) and known != last), None)
        return None if found is None else f"{head}{blank}{key}:{before}{comma}{found}"
    if not word:
        return None
    found = next((known for known in KEYS if known.startswith(word)), None)
    return None if found is None else f"{head}{blank}{found}:"


class FilterWords(Suggester):
    """What the line shows in grey, and → or tab takes."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)

    async def get_suggestion(self, value: str) -> str | None:
        return complete(value)
