"""A template's text -> nodes. Source: Velocity's VTL reference and user guide, version 1.7.

`#macro`, `#define`, `#parse`, `#include` and `#evaluate` are refused: mapping templates have nothing to include, and
do without macros.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from flowd.velocity.expressions import Expressions
from flowd.velocity.nodes import Block, Break, Expression, Foreach, If, Invalid, Part, Set, Template
from flowd.velocity.scanner import NAME, Scanner

#: API Gateway's quota, "Mapping template size".
LARGEST: Final = 300 * 1024
_DEEPEST: Final = 60
_DIRECTIVE = re.compile(r"#(?:\{([a-z]+)\}|([a-z]+))")
_CONDITIONAL = re.compile(r"#\{?(?:elseif|else|end)\b")
_LINE_END = re.compile(r"[ \t]*(\r?\n)?")
_BACKSLASHES = re.compile(r"\\+")
_PLAIN = re.compile(r"[^$#\\]+")
_COMMENT = re.compile(r"##[^\n]*\n?")
_REFUSED: Final = ("macro", "define", "parse", "include", "evaluate")


def compile_template(text: str, members: Mapping[str, frozenset[str]] | None = None) -> Template:
    """The template in `text`. `members`: what there is below some names, as `util` -> `urlEncode`; another member of
    them is refused. Raises Invalid with the place."""
    if len(text) > LARGEST:
        raise Invalid(f"the template has {len(text):,} characters; {LARGEST:,} are allowed", 1, 1)
    scanner = Scanner(text)
    try:
        body = _Parser(scanner, members or {}).block(0)
    except RecursionError:
        raise Invalid("nested too deeply", 1, 1) from None
    if not scanner.over:
        scanner.fail("there is nothing that this could belong to")
    return Template(body)


class _Parser:
    """Text, references and directives; expressions are the business of `expressions`."""

    def __init__(self, scanner: Scanner, members: Mapping[str, frozenset[str]]) -> None:
        self._scanner = scanner
        self._members = members
        self._expressions = Expressions(scanner, members, self._text)

    def _text(self, inner: Scanner, depth: int) -> Block:
        """A string in double quotes, which is a template of its own."""
        found = _Parser(inner, self._members).block(depth + 1)
        if not inner.over:
            inner.fail("there is nothing that this could belong to")
        return found

    def block(self, depth: int) -> Block:
        """Up to the end, or to an `#else`, `#elseif` or `#end` that belongs to somebody above."""
        if depth > _DEEPEST:
            self._scanner.fail("nested too deeply")
        parts: list[Part] = []
        scanner = self._scanner
        self._expressions.depth = depth
        while not scanner.over and not _CONDITIONAL.match(scanner.text, scanner.at):
            plain = scanner.match(_PLAIN)
            if plain is not None:
                parts.append(plain)
                continue
            slashes = scanner.match(_BACKSLASHES) or ""
            if not scanner.starts("$", "#"):
                parts.append(slashes)
                continue
            escapes = len(slashes)
            if scanner.next == "$":
                reference = self._expressions.reference(escapes)
                parts.append("\\" * escapes + scanner.text[scanner.at - 1] if reference is None else reference)
            else:
                parts += self._hash(escapes, depth)
                self._expressions.depth = depth
        return Block(tuple(part for part in parts if part != ""))

    def _hash(self, escapes: int, depth: int) -> list[Part]:
        """A directive, a comment, or a `#` that is text."""
        scanner = self._scanner
        begins = scanner.at
        found = _DIRECTIVE.match(scanner.text, begins)
        name = (found[1] or found[2]) if found else ""
        known = name in _DIRECTIVES or name in _REFUSED
        if escapes and known:
            # Two backslashes are one; an odd one makes text of the directive.
            shown = "\\" * (escapes // 2)
            if escapes % 2:
                scanner.at += len(found[0]) if found else 1
                return [shown + (found[0] if found else "#")]
            return [shown, *self._hash(0, depth)]
        before = ["\\" * escapes] if escapes else []
        if scanner.match(_COMMENT) is not None:
            return [*before]
        if scanner.take("#*"):
            self._until("*#", "a comment", begins)
            return [*before]
        if scanner.take("#[["):
            return [*before, self._until("]]#", "#[[", begins)]
        if found is None or not known:
            scanner.at += 1
            return [*before, "#"]
        if name in _REFUSED:
            scanner.fail(f"#{name} is not built in flowd")
        scanner.at = found.end()
        return [_DIRECTIVES[name](self, begins, depth)]

    def _until(self, end: str, what: str, begins: int) -> str:
        scanner = self._scanner
        stop = scanner.text.find(end, scanner.at)
        if stop < 0:
            scanner.fail(f"{what} has no end ({end})", begins)
        found = scanner.text[scanner.at : stop]
        scanner.at = stop + len(end)
        return found

    def _set(self, begins: int, depth: int) -> Set:
        scanner = self._scanner
        scanner.want("(")
        scanner.blanks()
        target = self._expressions.reference(0) if scanner.next == "$" else None
        if target is None:
            scanner.fail("#set begins with what is set, as #set($x = 1)")
        scanner.want("=")
        value = self._expressions.whole()
        scanner.want(")")
        scanner.match(_LINE_END)
        return Set(target, value)

    def _condition(self) -> Expression:
        self._scanner.want("(")
        found = self._expressions.whole()
        self._scanner.want(")")
        self._scanner.match(_LINE_END)
        return found

    def _if(self, begins: int, depth: int) -> If:
        scanner = self._scanner
        branches: list[tuple[Expression | None, Block]] = [(self._condition(), self.block(depth + 1))]
        while True:
            word = self._closing("#if", begins)
            if word == "end":
                return If(tuple(branches))
            if branches[-1][0] is None:
                scanner.fail(f"#{word} comes after #else")
            self._expressions.depth = depth
            branches.append((self._condition() if word == "elseif" else None, self.block(depth + 1)))

    def _foreach(self, begins: int, depth: int) -> Foreach:
        scanner = self._scanner
        scanner.want("(")
        scanner.blanks()
        scanner.want("$")
        braced = scanner.take("{")
        name = scanner.match(NAME)
        if name is None or (braced and not scanner.take("}")):
            scanner.fail("#foreach is written as #foreach($each in $list)")
        scanner.want("in")
        over = self._expressions.whole()
        scanner.want(")")
        scanner.match(_LINE_END)
        body = self.block(depth + 1)
        if self._closing("#foreach", begins) != "end":
            scanner.fail("#foreach has no #else; #end is missing")
        return Foreach(name, over, body)

    def _closing(self, what: str, begins: int) -> str:
        """`end`, `else` or `elseif`, whichever stands here."""
        found = _DIRECTIVE.match(self._scanner.text, self._scanner.at)
        if found is None:
            self._scanner.fail(f"{what} has no #end", begins)
        self._scanner.at = found.end()
        name = found[1] or found[2]
        if name != "elseif":
            self._scanner.match(_LINE_END)
        return name

    def _break(self, begins: int, depth: int) -> Break:
        return Break(whole=False)

    def _stop(self, begins: int, depth: int) -> Break:
        return Break(whole=True)


_DIRECTIVES: Final[dict[str, Callable[[_Parser, int, int], Part]]] = {
    "break": _Parser._break,
    "foreach": _Parser._foreach,
    "if": _Parser._if,
    "set": _Parser._set,
    "stop": _Parser._stop,
}
