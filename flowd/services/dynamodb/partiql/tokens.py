"""A PartiQL statement cut into tokens, and the reader that the grammar asks for the next one."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from flowd.services.dynamodb.errors import invalid
from flowd.services.ports import ServiceError

LONGEST: Final = 8192
_TOKEN: Final = re.compile(
    r"""(?P<blank>\s+|--[^\n]*|/\*.*?\*/)
    |(?P<text>'(?:[^']|'')*')
    |(?P<quoted>"(?:[^"]|"")*")
    |(?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
    |(?P<word>[A-Za-z_$][A-Za-z0-9_$]*)
    |(?P<sign><<|>>|<=|>=|<>|!=|[=<>(){}\[\],.?*+:;-])""",
    re.VERBOSE | re.DOTALL,
)


class Token(NamedTuple):
    kind: str  # text | quoted | number | word | sign | end
    text: str  # of a text or quoted name: what it says


def malformed(reason: str) -> ServiceError:
    return invalid(f"Statement wasn't well formed, can't be processed: {reason}")


def cut(statement: str) -> list[Token]:
    """All tokens, with `end` behind them."""
    if not 1 <= len(statement) <= LONGEST:
        raise invalid(f"Statement must have 1 to {LONGEST} characters")
    found: list[Token] = []
    at = 0
    while at < len(statement):
        match = _TOKEN.match(statement, at)
        if match is None:
            raise malformed(f"unexpected {statement[at]!r} at position {at + 1}")
        at = match.end()
        kind, text = str(match.lastgroup), match[0]
        if kind in ("text", "quoted"):
            text = text[1:-1].replace(text[0] * 2, text[0])
        if kind != "blank":
            found.append(Token(kind, text))
    while found and found[-1] == Token("sign", ";"):
        found.pop()
    return [*found, Token("end", "")]


class Reader:
    """Tokens one after the other; words are keywords whatever their case."""

    def __init__(self, statement: str) -> None:
        self._tokens = cut(statement)
        self._at = 0

    @property
    def next(self) -> Token:
        return self._tokens[self._at]

    def take(self) -> Token:
        token = self.next
        if token.kind != "end":
            self._at += 1
        return token

    def is_word(self, *words: str) -> bool:
        return self.next.kind == "word" and self.next.text.upper() in words

    def is_call(self, *names: str) -> bool:
        """A function's name with its parenthesis."""
        following = self._tokens[min(self._at + 1, len(self._tokens) - 1)]
        named = self.next.kind == "word" and self.next.text.lower() in names
        return named and following == Token("sign", "(")

    def accept(self, *words: str) -> bool:
        """Take these keywords if they all come next."""
        coming = self._tokens[self._at : self._at + len(words)]
        if len(coming) == len(words) and all(
            token.kind == "word" and token.text.upper() == word for token, word in zip(coming, words, strict=True)
        ):
            self._at += len(words)
            return True
        return False

    def accept_sign(self, sign: str) -> bool:
        if self.next == Token("sign", sign):
            self._at += 1
            return True
        return False

    def expect(self, *words: str) -> None:
        if not self.accept(*words):
            raise malformed(f"expected {' '.join(words)}, found {self.shown}")

    def expect_sign(self, sign: str) -> None:
        if not self.accept_sign(sign):
            raise malformed(f"expected {sign}, found {self.shown}")

    def expect_end(self) -> None:
        if self.next.kind != "end":
            raise malformed(f"unexpected {self.shown}")

    @property
    def shown(self) -> str:
        return "the end" if self.next.kind == "end" else self.next.text[:100]
