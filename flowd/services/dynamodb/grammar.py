"""Reads condition, projection and update expressions into what `syntax` has. Placeholders mean nothing here."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, TypeVar

from flowd.services.dynamodb.errors import invalid_in
from flowd.services.dynamodb.syntax import (
    Between,
    Comparison,
    Condition,
    Either,
    Every,
    Function,
    In,
    Not,
    Operand,
    Path,
    Placeholder,
    Sum,
    Token,
    Update,
    tokens,
    unexpected,
)

COMPARATORS: Final = frozenset({"=", "<>", "<", "<=", ">", ">="})
MOST_OPERATORS: Final = 300
DEEPEST: Final = 100  # of brackets and functions in each other
T = TypeVar("T")
_SECTIONS: Final = ("SET", "REMOVE", "ADD", "DELETE")


@lru_cache(maxsize=1000)
def condition(text: str, place: str) -> Condition:
    """The condition that a parameter holds."""
    reader = _Reader(text, place)
    found = reader.condition()
    reader.end()
    return found


@lru_cache(maxsize=1000)
def projection(text: str) -> tuple[Path, ...]:
    reader = _Reader(text, "ProjectionExpression")
    found = reader.listed(reader.path)
    reader.end()
    return found


@lru_cache(maxsize=1000)
def update(text: str) -> Update:
    reader = _Reader(text, "UpdateExpression")
    found: dict[str, tuple[Any, ...]] = {}  # what each section has, as `actions` read it
    while not reader.at("<EOF>"):
        section = reader.section()
        if section in found:
            raise invalid_in(reader.place, f'The "{section}" section can only be used once in an update expression;')
        found[section] = reader.listed(reader.actions[section])
    return Update(
        sets=found.get("SET", ()),
        removes=found.get("REMOVE", ()),
        adds=found.get("ADD", ()),
        deletes=found.get("DELETE", ()),
    )


class _Reader:
    """Recursive descent over the tokens of one expression."""

    def __init__(self, text: str, place: str) -> None:
        self.place = place
        self.actions: dict[str, Callable[[], object]] = {
            **{"SET": self._set, "REMOVE": self.path},
            **{"ADD": self._with_value, "DELETE": self._with_value},
        }
        self._text = text
        self._tokens = tokens(text, place)
        self._index = 0
        self._operators = 0
        self._depth = 0

    # -- tokens ------------------------------------------------------------------

    @property
    def _token(self) -> Token:
        return self._tokens[self._index]

    def at(self, *kinds: str) -> bool:
        return self._token.kind in kinds

    def _word(self, *words: str) -> bool:
        return self._token.kind == "name" and self._token.text.upper() in words

    def _take(self, *kinds: str) -> Token:
        token = self._token
        if kinds and token.kind not in kinds:
            raise unexpected(self._text, self._tokens, self._index, self.place)
        self._index += 1
        return token

    def _take_word(self, word: str) -> None:
        if not self._word(word):
            raise unexpected(self._text, self._tokens, self._index, self.place)
        self._index += 1

    def _operator(self) -> None:
        self._operators += 1
        if self._operators > MOST_OPERATORS:
            reason = f"The expression contains too many operators; operator count: {self._operators}"
            raise invalid_in(self.place, reason)

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise invalid_in(self.place, f"The expression is nested deeper than {DEEPEST} levels")

    def end(self) -> None:
        self._take("<EOF>")

    # -- conditions --------------------------------------------------------------

    def condition(self) -> Condition:
        found = [self._every()]
        while self._word("OR"):
            self._take()
            self._operator()
            found.append(self._every())
        return found[0] if len(found) == 1 else Either(tuple(found))

    def _every(self) -> Condition:
        found = [self._not()]
        while self._word("AND"):
            self._take()
            self._operator()
            found.append(self._not())
        return found[0] if len(found) == 1 else Every(tuple(found))

    def _not(self) -> Condition:
        if not self._word("NOT"):
            return self._single()
        self._take()
        self._operator()
        self._deeper()
        found = Not(self._not())
        self._depth -= 1
        return found

    def _single(self) -> Condition:
        if self.at("("):
            return self._bracketed()
        operand = self.operand()
        if self.at(*COMPARATORS):
            self._operator()
            return Comparison(self._take().text, operand, self.operand())
        if self._word("BETWEEN"):
            self._take()
            self._operator()
            lower = self.operand()
            self._take_word("AND")
            return Between(operand, lower, self.operand())
        if self._word("IN"):
            self._take()
            self._operator()
            self._take("(")
            options = self.listed(self.operand)
            self._take(")")
            return In(operand, options)
        if isinstance(operand, Function):
            return operand
        raise unexpected(self._text, self._tokens, self._index, self.place)

    def _bracketed(self) -> Condition:
        self._take("(")
        self._deeper()
        redundant = self.at("(")
        before = self._index
        found = self.condition()
        if redundant and self._tokens[self._index - 1].kind == ")" and self._closes(before):
            raise invalid_in(self.place, "The expression has redundant parentheses;")
        self._take(")")
        self._depth -= 1
        return found

    def _closes(self, opened: int) -> bool:
        """True if the bracket at `opened` is closed by the token just taken."""
        depth = 0
        for index in range(opened, self._index):
            depth += {"(": 1, ")": -1}.get(self._tokens[index].kind, 0)
            if depth == 0:
                return index == self._index - 1
        return False

    # -- operands ----------------------------------------------------------------

    def operand(self) -> Operand:
        if self.at("value"):
            return Placeholder(self._take().text)
        if self.at("name") and self._tokens[self._index + 1].kind == "(":
            return self._function()
        return self.path()

    def _function(self) -> Function:
        name = self._take().text
        self._take("(")
        self._deeper()
        arguments = self.listed(self.operand)
        self._take(")")
        self._depth -= 1
        return Function(name, arguments)

    def path(self) -> Path:
        parts: list[str | int] = [self._take("name", "alias").text]
        while self.at(".", "["):
            if self._take().kind == ".":
                parts.append(self._take("name", "alias").text)
            else:
                parts.append(int(self._take("number").text))
                self._take("]")
        return Path(tuple(parts))

    def listed(self, read: Callable[[], T]) -> tuple[T, ...]:
        """One or more with commas between them."""
        found = [read()]
        while self.at(","):
            self._take()
            found.append(read())
        return tuple(found)

    # -- updates -----------------------------------------------------------------

    def section(self) -> str:
        if not self._word(*_SECTIONS):
            raise unexpected(self._text, self._tokens, self._index, self.place)
        return self._take().text.upper()

    def _set(self) -> tuple[Path, Operand]:
        path = self.path()
        self._take("=")
        left = self._set_operand()
        if not self.at("+", "-"):
            return path, left
        self._operator()
        return path, Sum(self._take().text, left, self._set_operand())

    def _set_operand(self) -> Operand:
        if not self.at("("):
            return self.operand()
        self._take("(")
        self._deeper()
        found = self._set_operand()
        if self.at("+", "-"):
            self._operator()
            found = Sum(self._take().text, found, self._set_operand())
        self._take(")")
        self._depth -= 1
        return found

    def _with_value(self) -> tuple[Path, Operand]:
        return self.path(), Placeholder(self._take("value").text)
