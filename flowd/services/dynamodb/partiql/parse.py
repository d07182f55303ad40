"""The grammar of PartiQL's statements: what it reads becomes text of expressions with placeholders.

Source: DynamoDB developer guide, "PartiQL select, insert, update, delete statements", "functions" and "operators".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from flowd.services.dynamodb.errors import invalid
from flowd.services.dynamodb.partiql.tokens import Reader, malformed

DEEPEST: Final = 32
_COMPARISONS: Final = {sign: sign for sign in ("=", "<>", "<", "<=", ">", ">=")} | {"!=": "<>"}
_CONDITIONS: Final = ("begins_with", "contains", "attribute_type")
_RETURNS: Final = {
    ("ALL", "OLD"): "ALL_OLD",
    ("MODIFIED", "OLD"): "UPDATED_OLD",
    ("ALL", "NEW"): "ALL_NEW",
    ("MODIFIED", "NEW"): "UPDATED_NEW",
}
Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Term:
    """One part of a WHERE. `path` and `operator` are those of a simple comparison of an attribute with `values`."""

    text: str
    names: frozenset[str]  # of all attributes that it looks at
    joined: bool = False  # by OR
    path: Path = ()
    operator: str = ""
    values: tuple[dict[str, Any], ...] = ()


@dataclass(slots=True)
class Statement:
    """A statement as it was read; `terms` are what its WHERE joins by AND."""

    kind: str
    table: str
    index: str | None = None
    item: dict[str, Any] = field(default_factory=dict)
    projection: str | None = None
    sections: dict[str, list[str]] = field(default_factory=dict)  # SET, REMOVE, ADD, DELETE
    terms: Sequence[Term] = ()
    order: Path = ()
    descending: bool = False
    returning: str = "NONE"
    names: dict[str, str] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)


def parse(text: str, parameters: Sequence[dict[str, Any]]) -> Statement:
    """Raises ValidationException."""
    return _Parser(text, parameters).statement()


class _Parser:
    def __init__(self, text: str, parameters: Sequence[dict[str, Any]]) -> None:
        self._reader = Reader(text)
        self._parameters = list(parameters)
        self._used = 0
        self._said = Statement("", "")
        self._depth = 0

    def statement(self) -> Statement:
        for kind, read in (
            ("SELECT", self._select),
            ("INSERT", self._insert),
            ("UPDATE", self._update),
            ("DELETE", self._delete),
        ):
            if self._reader.accept(kind):
                self._said.kind = kind
                read()
                self._reader.expect_end()
                if self._used != len(self._parameters):
                    raise invalid("Number of parameters in request and statement don't match.")
                return self._said
        raise malformed(f"expected SELECT, INSERT, UPDATE or DELETE, found {self._reader.shown}")

    # -- statements ----------------------------------------------------------------

    def _select(self) -> None:
        if not self._reader.accept_sign("*"):
            shown = [self._name(self._path())]
            while self._reader.accept_sign(","):
                shown.append(self._name(self._path()))
            self._said.projection = ", ".join(shown)
        self._reader.expect("FROM")
        self._from()
        if self._reader.accept_sign("."):
            self._said.index = self._identifier()
        self._where(optional=True)
        if self._reader.accept("ORDER", "BY"):
            self._said.order = self._path()
            self._said.descending = self._reader.accept("DESC")
            if not self._said.descending:
                self._reader.accept("ASC")

    def _insert(self) -> None:
        self._reader.expect("INTO")
        self._from()
        self._reader.expect("VALUE")
        value = self._value()
        if list(value) != ["M"]:
            raise malformed("VALUE of an INSERT is a map of attributes")
        self._said.item = value["M"]

    def _update(self) -> None:
        self._from()
        while not self._reader.is_word("WHERE"):
            if self._reader.accept("SET"):
                self._assign()
                while self._reader.accept_sign(","):
                    self._assign()
            elif self._reader.accept("REMOVE"):
                self._section("REMOVE", self._name(self._path()))
            else:
                raise malformed(f"expected SET, REMOVE or WHERE, found {self._reader.shown}")
        if not self._said.sections:
            raise malformed("an UPDATE has SET or REMOVE")
        self._where(optional=False)
        self._returning(tuple(_RETURNS))

    def _delete(self) -> None:
        self._reader.expect("FROM")
        self._from()
        self._where(optional=False)
        self._returning((("ALL", "OLD"),))

    def _from(self) -> None:
        self._said.table = self._identifier()

    def _where(self, *, optional: bool) -> None:
        if optional and not self._reader.is_word("WHERE"):
            return
        self._reader.expect("WHERE")
        self._said.terms = self._every()

    def _returning(self, allowed: Sequence[tuple[str, str]]) -> None:
        if not self._reader.accept("RETURNING"):
            return
        for words in allowed:
            if self._reader.accept(*words):
                self._reader.expect_sign("*")
                self._said.returning = _RETURNS[words]
                return
        raise malformed(f"RETURNING is one of {', '.join(' '.join(words) + ' *' for words in allowed)}")

    # -- SET -----------------------------------------------------------------------

    def _section(self, section: str, text: str) -> None:
        self._said.sections.setdefault(section, []).append(text)

    def _assign(self) -> None:
        path = self._path()
        target = self._name(path)
        self._reader.expect_sign("=")
        for function, section in (("set_add", "ADD"), ("set_delete", "DELETE")):
            if self._reader.is_call(function):
                self._reader.take()
                self._reader.expect_sign("(")
                if self._path() != path:
                    raise malformed(f"the first argument of {function} is the attribute that is set")
                self._reader.expect_sign(",")
                self._section(section, f"{target} {self._placed(self._value())}")
                self._reader.expect_sign(")")
                return
        text = self._new_value()
        for sign in "+-":
            if self._reader.accept_sign(sign):
                text = f"{text} {sign} {self._new_value()}"
                break
        self._section("SET", f"{target} = {text}")

    def _new_value(self, depth: int = 0) -> str:
        if depth > DEEPEST:
            raise malformed(f"it is nested deeper than {DEEPEST} levels")
        if self._reader.is_call("list_append", "if_not_exists"):
            function = self._reader.take().text.lower()
            self._reader.expect_sign("(")
            first = self._new_value(depth + 1)
            self._reader.expect_sign(",")
            second = self._new_value(depth + 1)
            self._reader.expect_sign(")")
            return f"{function}({first}, {second})"
        return self._name(self._path()) if self._is_path() else self._placed(self._value())

    # -- WHERE ---------------------------------------------------------------------

    def _every(self) -> list[Term]:
        """Parts joined by AND; where OR joins them, they are one part."""
        choices = [self._all_of()]
        while self._reader.accept("OR"):
            choices.append(self._all_of())
        if len(choices) == 1:
            return choices[0]
        text = " OR ".join(joined(terms) for terms in choices)
        return [Term(text, frozenset().union(*(term.names for terms in choices for term in terms)), joined=True)]

    def _all_of(self) -> list[Term]:
        terms = self._part()
        while self._reader.accept("AND"):
            terms = [*terms, *self._part()]
        return terms

    def _part(self) -> list[Term]:
        self._depth += 1
        if self._depth > DEEPEST:
            raise malformed(f"it is nested deeper than {DEEPEST} levels")
        try:
            if self._reader.accept("NOT"):
                terms = self._part()
                names = frozenset().union(*(term.names for term in terms))
                return [Term(f"NOT ({joined(terms)})", names)]
            if self._reader.accept_sign("("):
                terms = self._every()
                self._reader.expect_sign(")")
                return terms
            return [self._comparison()]
        finally:
            self._depth -= 1

    def _comparison(self) -> Term:
        if self._reader.is_call("exists"):
            raise invalid("EXISTS is not built in flowd: use a transaction with a ConditionCheck")
        if self._reader.is_call(*_CONDITIONS):
            function = self._reader.take().text.lower()
            self._reader.expect_sign("(")
            path = self._path()
            self._reader.expect_sign(",")
            value = self._value()
            self._reader.expect_sign(")")
            text = f"{function}({self._name(path)}, {self._placed(value)})"
            return Term(text, frozenset({str(path[0])}), False, path, function, (value,))
        if self._reader.is_call("size"):
            self._reader.take()
            self._reader.expect_sign("(")
            path = self._path()
            self._reader.expect_sign(")")
            sign = self._sign()
            return Term(f"size({self._name(path)}) {sign} {self._placed(self._value())}", frozenset({str(path[0])}))
        return self._of_path(self._path())

    def _of_path(self, path: Path) -> Term:
        name, names = self._name(path), frozenset({str(path[0])})
        if self._reader.accept("IS", "NOT", "MISSING"):
            return Term(f"attribute_exists({name})", names)
        if self._reader.accept("IS", "MISSING"):
            return Term(f"attribute_not_exists({name})", names)
        if self._reader.accept("BETWEEN"):
            lower = self._value()
            self._reader.expect("AND")
            values = (lower, self._value())
            text = f"{name} BETWEEN {self._placed(values[0])} AND {self._placed(values[1])}"
            return Term(text, names, False, path, "BETWEEN", values)
        if self._reader.accept("IN"):
            closing = "]" if self._reader.accept_sign("[") else ")"
            if closing == ")":
                self._reader.expect_sign("(")
            options = [self._placed(self._value())]
            while self._reader.accept_sign(","):
                options.append(self._placed(self._value()))
            self._reader.expect_sign(closing)
            return Term(f"{name} IN ({', '.join(options)})", names)
        sign = self._sign()
        if self._is_path():
            other = self._path()
            return Term(f"{name} {sign} {self._name(other)}", names | {str(other[0])})
        value = self._value()
        return Term(f"{name} {sign} {self._placed(value)}", names, False, path, sign, (value,))

    def _sign(self) -> str:
        token = self._reader.take()
        if token.kind != "sign" or token.text not in _COMPARISONS:
            raise malformed(f"expected a comparison, found {token.text[:100] or 'the end'}")
        return _COMPARISONS[token.text]

    # -- names and values ----------------------------------------------------------

    def _identifier(self) -> str:
        if self._reader.next.kind not in ("word", "quoted"):
            raise malformed(f"expected a name, found {self._reader.shown}")
        return self._reader.take().text

    def _is_path(self) -> bool:
        return self._reader.next.kind == "quoted" or (
            self._reader.next.kind == "word" and not self._reader.is_word("TRUE", "FALSE", "NULL")
        )

    def _path(self) -> Path:
        parts: list[str | int] = [self._identifier()]
        while True:
            if self._reader.accept_sign("."):
                parts.append(self._identifier())
            elif self._reader.accept_sign("["):
                token = self._reader.take()
                if not token.text.isascii() or not token.text.isdecimal():
                    raise malformed(f"expected the place in a list, found {token.text[:100]}")
                parts.append(int(token.text))
                self._reader.expect_sign("]")
            else:
                return tuple(parts)

    def _name(self, path: Path) -> str:
        """A path as expressions write it, with a placeholder for every name."""
        text = ""
        for part in path:
            if isinstance(part, int):
                text += f"[{part}]"
                continue
            known = next((key for key, name in self._said.names.items() if name == part), None)
            key = known or f"#n{len(self._said.names)}"
            self._said.names[key] = part
            text += f".{key}" if text else key
        return text

    def _placed(self, value: dict[str, Any]) -> str:
        key = f":v{len(self._said.values)}"
        self._said.values[key] = value
        return key

    def _value(self, depth: int = 0) -> dict[str, Any]:
        if depth > DEEPEST:
            raise malformed(f"a value is nested deeper than {DEEPEST} levels")
        reader = self._reader
        if reader.accept_sign("?"):
            self._used += 1
            if self._used > len(self._parameters):
                raise invalid("Number of parameters in request and statement don't match.")
            return self._parameters[self._used - 1]
        for word, constant in (("TRUE", {"BOOL": True}), ("FALSE", {"BOOL": False}), ("NULL", {"NULL": True})):
            if reader.accept(word):
                return dict(constant)
        negative = reader.accept_sign("-")
        if reader.next.kind == "number":
            return {"N": ("-" if negative else "") + reader.take().text}
        if not negative and reader.next.kind == "text":
            return {"S": reader.take().text}
        for opening, closing, made in (("[", "]", self._list), ("<<", ">>", self._set), ("{", "}", self._map)):
            if not negative and reader.accept_sign(opening):
                return made(closing, depth + 1)
        raise malformed(f"expected a value, found {reader.shown}")

    def _many(self, closing: str, depth: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while not self._reader.accept_sign(closing):
            if found:
                self._reader.expect_sign(",")
            found.append(self._value(depth))
        return found

    def _list(self, closing: str, depth: int) -> dict[str, Any]:
        return {"L": self._many(closing, depth)}

    def _set(self, closing: str, depth: int) -> dict[str, Any]:
        members = self._many(closing, depth)
        kinds = {next(iter(member)) for member in members}
        if len(kinds) != 1 or not kinds <= {"S", "N", "B"}:
            raise malformed("a set has members of one type: texts, numbers or binaries")
        kind = kinds.pop()
        return {f"{kind}S": [member[kind] for member in members]}

    def _map(self, closing: str, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not self._reader.accept_sign(closing):
            if found:
                self._reader.expect_sign(",")
            if self._reader.next.kind not in ("text", "quoted"):
                raise malformed(f"expected the name of an attribute in quotes, found {self._reader.shown}")
            name = self._reader.take().text
            self._reader.expect_sign(":")
            found[name] = self._value(depth)
        return {"M": found}


def joined(terms: Sequence[Term]) -> str:
    """Parts under one AND; what OR has joined stands in parentheses among others."""
    if len(terms) == 1:
        return terms[0].text
    return " AND ".join(f"({term.text})" if term.joined else term.text for term in terms)
