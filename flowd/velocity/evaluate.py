"""Runs a template: nodes and values in, text out. Its loops, work and length are bounded, since requests drive them.

Source: Velocity 1.7, with what API Gateway does otherwise: nothing is written as an empty text, an object's absent
member too, and a loop has at most 1,000 rounds (quotas, "Mapping templates").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from flowd.patterns import Deadline, Patience
from flowd.velocity import methods
from flowd.velocity.methods import shown
from flowd.velocity.nodes import (
    LONGEST,
    Binary,
    Block,
    Break,
    Broken,
    Expression,
    Foreach,
    If,
    Index,
    Listed,
    Literal,
    Mapped,
    Member,
    Method,
    Range,
    Reference,
    Set,
    Template,
    Unary,
)

ROUNDS: Final = 1_000
_STEPS: Final = 200_000
#: What a run may take: steps over long texts and lists differ too much.
SECONDS: Final = 5.0
#: Characters that a method goes over in the time of a few steps: a loop over a long text costs as many as it takes.
_A_STEP: Final = 4_000
_ABSENT: Final = object()


@dataclass(frozen=True)
class Thing:
    """Something that a template is given, as `$input`: its methods, and what else it has. `size`: the characters that
    its methods look at."""

    methods: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    members: Mapping[str, Any] = field(default_factory=dict)
    size: int = 0


def render(template: Template, values: Mapping[str, Any]) -> str:
    """The template's text over these values. Raises Broken. Maps and lists among the values may be changed by it."""
    run = _Run(dict(values))
    try:
        run.block(template.body)
    except _Stop:
        pass
    except RecursionError:
        raise Broken("the template nests too deeply") from None
    return "".join(run.out)


class _Stop(Exception):
    """`#stop`, or `#break` outside of a loop."""


class _Leave(Exception):
    """`#break`."""


class _Run:
    """One run."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values
        self.out: list[str] = []
        self._size = 0
        self._steps = 0
        self._loops = 0
        self._patience = Patience()
        self._deadline = Deadline(SECONDS)

    def block(self, block: Block) -> None:
        for part in block.parts:
            self._count()
            if isinstance(part, str):
                self._write(part)
            elif isinstance(part, Reference):
                self._write(self._printed(part))
            else:
                _DO[type(part)](self, part)

    def _count(self, steps: int = 1) -> None:
        self._steps += steps
        if self._steps > _STEPS:
            raise Broken(f"the template took more than {_STEPS:,} steps")
        if self._deadline.is_over:
            raise Broken(f"the template took more than {SECONDS:g} seconds")

    def _write(self, text: str) -> None:
        self._size += len(text)
        if self._size > LONGEST:
            raise Broken(f"the template's text has more than {LONGEST:,} characters")
        self.out.append(text)

    def _printed(self, reference: Reference) -> str:
        """Its value; as it was written, if nobody has given its name a value."""
        if reference.name not in self.values:
            return "\\" * reference.escapes + ("" if reference.quiet else reference.source)
        slashes = "\\" * (reference.escapes // 2)
        if reference.escapes % 2:
            return slashes + reference.source
        value = self._reference(reference)
        return slashes + ("" if value is None else shown(value))

    # -- directives --------------------------------------------------------------------

    def _set(self, part: Set) -> None:
        value = self.value(part.value)
        target = part.target
        if not target.steps:
            self.values[target.name] = value
            return
        holder = self._follow(self.values.get(target.name), target.steps[:-1])
        last = target.steps[-1]
        if isinstance(last, Method):
            raise Broken(f"#set cannot set {target.source}")
        key = last.name if isinstance(last, Member) else self.value(last.key)
        if isinstance(holder, dict):
            holder[_key(key)] = value
        elif isinstance(holder, list) and isinstance(key, int) and 0 <= key < len(holder):
            holder[key] = value
        else:
            raise Broken(f"#set cannot set {target.source}: what it is part of is no map and no list")

    def _if(self, part: If) -> None:
        for condition, block in part.branches:
            if condition is None or _true(self.value(condition)):
                self.block(block)
                return

    def _foreach(self, part: Foreach) -> None:
        over = self.value(part.over)
        items = list(over.values()) if isinstance(over, dict) else over
        if items is None or items == "":
            return
        if not isinstance(items, list):
            raise Broken(f"#foreach over {part.name} is over no list")
        if len(items) > ROUNDS:
            raise Broken(f"#foreach over {len(items):,} entries; {ROUNDS:,} are allowed")
        before = {name: self.values.get(name, _ABSENT) for name in (part.name, "foreach", "velocityCount")}
        self._loops += 1
        try:
            for number, item in enumerate(list(items)):
                loop = {"index": number, "count": number + 1, "first": number == 0}
                loop |= {"hasNext": number + 1 < len(items), "last": number + 1 == len(items)}
                self.values |= {part.name: item, "velocityCount": number + 1}
                self.values["foreach"] = loop | {"parent": None if before["foreach"] is _ABSENT else before["foreach"]}
                self.block(part.body)
        except _Leave:
            pass
        finally:
            self._loops -= 1
            for name, value in before.items():
                self.values.pop(name, None)
                if value is not _ABSENT:
                    self.values[name] = value

    def _break(self, part: Break) -> None:
        raise _Stop if part.whole or not self._loops else _Leave

    # -- expressions -------------------------------------------------------------------

    def value(self, node: Expression) -> Any:
        self._count()
        return _VALUES[type(node)](self, node)

    def _literal(self, node: Literal) -> Any:
        return node.value

    def _inner(self, node: Block) -> str:
        """A text in double quotes."""
        outer, size = self.out, self._size
        self.out, self._size = [], 0
        try:
            self.block(node)
            return "".join(self.out)
        finally:
            self.out, self._size = outer, size

    def _list(self, node: Listed) -> list[Any]:
        return [self.value(item) for item in node.items]

    def _map(self, node: Mapped) -> dict[Any, Any]:
        return {_key(self.value(key)): self.value(item) for key, item in node.items}

    def _range(self, node: Range) -> list[int]:
        first, last = self.value(node.first), self.value(node.last)
        if not _is_whole(first) or not _is_whole(last):
            raise Broken("a range goes from one whole number to another")
        if abs(last - first) > _STEPS:
            raise Broken(f"a range of more than {_STEPS:,} numbers")
        return list(range(first, last + 1) if first <= last else range(first, last - 1, -1))

    def _reference(self, node: Reference) -> Any:
        return self._follow(self.values.get(node.name), node.steps)

    def _follow(self, value: Any, steps: tuple[Member | Method | Index, ...]) -> Any:
        for step in steps:
            self._count()
            if isinstance(step, Method):
                arguments = [self.value(each) for each in step.arguments]
                value = self._call(value, step.name, arguments)
            elif isinstance(value, Thing):
                value = value.members.get(step.name) if isinstance(step, Member) else None
            elif isinstance(step, Member):
                value = methods.member(value, step.name)
            else:
                value = self._at(value, self.value(step.key))
        return value

    def _call(self, value: Any, name: str, arguments: list[Any]) -> Any:
        if not isinstance(value, Thing):
            self._count(len(value) // _A_STEP if isinstance(value, str | list | dict) else 0)
            found = methods.call(value, name, arguments, self._patience)
        else:
            given = sum(len(each) for each in arguments if isinstance(each, str))
            self._count((value.size + given) // _A_STEP)
            method = value.methods.get(name)
            if method is None:
                raise Broken(f"there is no method {name}() here")
            try:
                found = method(*arguments)
            except (TypeError, ValueError) as error:
                raise Broken(f"{name}() cannot be called so: {error}") from None
        return _bounded(found)

    def _at(self, value: Any, key: Any) -> Any:
        if isinstance(value, dict):
            return methods.entry(value, _key(key))
        if not isinstance(value, list):
            return None
        if not _is_whole(key) or not -len(value) <= key < len(value):
            raise Broken(f"there is no entry {shown(key)} in a list of {len(value)}")
        return value[key]

    def _unary(self, node: Unary) -> bool:
        return not _true(self.value(node.operand))

    def _binary(self, node: Binary) -> Any:
        if node.operator == "&&":
            return _true(self.value(node.left)) and _true(self.value(node.right))
        if node.operator == "||":
            return _true(self.value(node.left)) or _true(self.value(node.right))
        left, right = self.value(node.left), self.value(node.right)
        if node.operator in ("==", "!="):
            return _same(left, right) == (node.operator == "==")
        if node.operator in _COMPARED:
            if _is_number(left) and _is_number(right):
                return _COMPARED[node.operator](left, right)
            raise Broken(f"{node.operator} compares numbers, not {shown(left)[:40]!r} and {shown(right)[:40]!r}")
        return _calculated(node.operator, left, right)


def _bounded(value: Any) -> Any:
    if isinstance(value, str) and len(value) > LONGEST:
        raise Broken(f"a text of more than {LONGEST:,} characters")
    return value


def _key(value: Any) -> Any:
    if isinstance(value, dict | list | Thing):
        raise Broken("a map has texts and numbers as keys")
    return value


def _true(value: Any) -> bool:
    """All but nothing and false, so also an empty text (Velocity 1.7)."""
    return value is not None and value is not False


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _same(left: Any, right: Any) -> bool:
    """Numbers by their value; values of other kinds that are not the same kind by their texts."""
    if _is_number(left) and _is_number(right):
        return bool(left == right)
    if left is None or right is None:
        return left is right
    return (type(left) is type(right) and methods.equal(left, right)) or shown(left) == shown(right)


def _calculated(operator: str, left: Any, right: Any) -> Any:
    if operator == "+" and (isinstance(left, str) or isinstance(right, str)):
        return _bounded(("" if left is None else shown(left)) + ("" if right is None else shown(right)))
    if not _is_number(left) or not _is_number(right):
        return None  # as Velocity: the calculation has no value
    if operator in "/%" and right == 0:
        return None
    try:
        found = _CALCULATED[operator](left, right)
    except OverflowError:
        return None
    if _is_whole(found) and found.bit_length() > 4_096:
        raise Broken("a number of more than 4,096 bits")
    return found


def _divided(left: Any, right: Any) -> Any:
    """Whole numbers give a whole one, towards zero, as in Java."""
    if _is_whole(left) and _is_whole(right):
        quotient = abs(left) // abs(right)
        return quotient if (left < 0) == (right < 0) else -quotient
    return left / right


_CALCULATED: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": _divided,
    "%": lambda left, right: left - _divided(left, right) * right if _is_whole(left) and _is_whole(right) else None,
}
_COMPARED: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "<": lambda left, right: bool(left < right),
    "<=": lambda left, right: bool(left <= right),
    ">": lambda left, right: bool(left > right),
    ">=": lambda left, right: bool(left >= right),
}
_DO: Final[dict[type, Callable[[_Run, Any], None]]] = {
    Break: _Run._break,
    Foreach: _Run._foreach,
    If: _Run._if,
    Set: _Run._set,
}
_VALUES: Final[dict[type, Callable[[_Run, Any], Any]]] = {
    Binary: _Run._binary,
    Block: _Run._inner,
    Listed: _Run._list,
    Literal: _Run._literal,
    Mapped: _Run._map,
    Range: _Run._range,
    Reference: _Run._reference,
    Unary: _Run._unary,
}
