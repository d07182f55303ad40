"""A place in a template's text, and the small steps over it that the parsers share."""

from __future__ import annotations

import re
from typing import NoReturn

from flowd.velocity.nodes import Invalid

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_BLANKS = re.compile(r"\s*")


class Scanner:
    """Text and how far it was read. `offset` is where `text` begins in the whole template, for the places of errors."""

    def __init__(self, text: str, whole: str | None = None, offset: int = 0) -> None:
        self.text = text
        self.at = 0
        self._whole = text if whole is None else whole
        self._offset = offset

    def inner(self, text: str, begins: int) -> Scanner:
        """A scanner over a text within this one, as the inside of a string."""
        return Scanner(text, self._whole, self._offset + begins)

    def fail(self, message: str, at: int | None = None) -> NoReturn:
        """Raises Invalid with line and column."""
        before = self._whole[: self._offset + (self.at if at is None else at)]
        raise Invalid(message, before.count("\n") + 1, len(before) - before.rfind("\n"))

    def starts(self, *texts: str) -> bool:
        return self.text.startswith(texts, self.at)

    def take(self, text: str) -> bool:
        """True, and past it, if `text` comes next."""
        found = self.text.startswith(text, self.at)
        self.at += len(text) if found else 0
        return found

    def want(self, text: str) -> None:
        self.blanks()
        if not self.take(text):
            shown = self.text[self.at : self.at + 12].split("\n")[0]
            self.fail(f"{text} is missing before {shown!r}" if shown else f"{text} is missing at the end")

    def match(self, pattern: re.Pattern[str]) -> str | None:
        found = pattern.match(self.text, self.at)
        if found is None:
            return None
        self.at = found.end()
        return found[0]

    def blanks(self) -> None:
        self.match(_BLANKS)

    @property
    def next(self) -> str:
        return self.text[self.at : self.at + 1]

    @property
    def over(self) -> bool:
        return self.at >= len(self.text)
